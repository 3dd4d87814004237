/// The mean and the variance of each feature of a split's examples: of the last axis of x, over examples and all other
/// axes. Frames behind an example's true length do not count.
public struct InputMoments: Hashable, Sendable {
    public private(set) var mean: [Float]
    /// Biased, as Keras's `Normalization.adapt` has it; 1 for a feature that is constant, whose deviation would turn
    /// rounding errors and every new value into enormous inputs.
    public private(set) var variance: [Float]

    /// Reads every example of the split once, in order. The sums are taken in float64 in the order of the file, so the result
    /// depends on nothing else.
    ///
    /// - Throws: What reading the examples throws.
    public init(of split: ExampleSplit) throws {
        let width = split.exampleShape.reduce(1, *), features = split.exampleShape.last ?? 1
        let reader = ExampleReader(split, batchSize: split.countReadTogether(multipleOf: 1), order: .sequential)
        var sums = Sums(features), values = [Float](repeating: 0, count: min(reader.batchSize, split.count) * width)
        var frames = [Int32](repeating: 1, count: min(reader.batchSize, split.count))
        let frameWidth = split.exampleShape.dropFirst().reduce(1, *)
        for step in 0..<reader.stepsPerEpoch {
            let batch = try reader.batch(epoch: 0, step: step), all = 0..<batch.count
            var span = values.mutableSpan
            var inputs = span._mutatingExtracting(0..<(batch.count * width))
            batch.readInputs(all, into: &inputs)
            if split.hasFrameCounts {
                var span = frames.mutableSpan
                var counts = span._mutatingExtracting(all)
                batch.readFrameCounts(all, into: &counts)
            }
            for example in all {
                let count = split.hasFrameCounts ? Int(frames[example]) * frameWidth : width
                sums.add(values.span.extracting((example * width)..<(example * width + count)))
            }
        }
        (mean, variance) = sums.moments
    }

    /// Sums of differences from the first values, which keep the digits of features far from 0.
    private struct Sums {
        private let features: Int
        private var origin: [Double] = []
        private var sums: [Double], squares: [Double]
        private var count = 0

        init(_ features: Int) {
            self.features = features
            sums = Array(repeating: 0, count: features)
            squares = sums
        }

        mutating func add(_ values: Span<Float>) {
            guard values.count >= features else { return }
            if origin.isEmpty { origin = (0..<features).map { Double(values[$0]) } }
            count += values.count / features
            if features == 1 {
                var sum = 0.0, square = 0.0
                let start = origin[0]
                for index in values.indices {
                    let difference = Double(values[index]) - start
                    sum += difference
                    square += difference * difference
                }
                sums[0] += sum
                squares[0] += square
                return
            }
            for first in stride(from: 0, to: values.count, by: features) {
                for feature in 0..<features {
                    let difference = Double(values[first + feature]) - origin[feature]
                    sums[feature] += difference
                    squares[feature] += difference * difference
                }
            }
        }

        var moments: (mean: [Float], variance: [Float]) {
            guard count > 0 else {
                return (Array(repeating: 0, count: features), Array(repeating: 1, count: features))
            }
            var mean: [Float] = [], variance: [Float] = []
            for feature in 0..<features {
                let shift = sums[feature] / Double(count), spread = squares[feature] / Double(count) - shift * shift
                let center = origin[feature] + shift
                mean.append(Float(center))
                // Float32 has 24 bits: what differs by less is one value, read with errors.
                variance.append(spread > 1e-12 * (center * center) && spread > 1e-30 ? Float(spread) : 1)
            }
            return (mean, variance)
        }
    }
}
