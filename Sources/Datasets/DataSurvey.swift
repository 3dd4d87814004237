import HDF5

/// What is in a file of examples: numbers and labels of each split, counted.
public struct DataSurvey: Sendable {
    /// The numbers of a dataset that models can be fed with, as they get them.
    public struct Numbers: Sendable {
        public let name: String
        /// The extents of one example, and how the file stores each number.
        public let shape: [Int]
        public let type: String
        /// How many examples were looked at: all, or of a large file some that are spread evenly.
        public internal(set) var examples = 0
        public internal(set) var least = Float.infinity
        public internal(set) var greatest = -Float.infinity
        private var count = 0
        private var mean = 0.0
        private var squares = 0.0

        /// Nil where there is no number.
        public var average: Double? { count > 0 ? mean : nil }
        /// The standard deviation of all numbers.
        public var deviation: Double? { count > 0 ? (squares / Double(count)).squareRoot() : nil }

        fileprivate init(_ source: InputSource) {
            (name, shape, type) = (source.name, source.exampleShape, "\(source.dataset.type)")
        }

        /// Adds an example, and returns the mean of its numbers.
        fileprivate mutating func add(_ numbers: Span<Float>) -> Float {
            examples += 1
            let own = numbers.count
            var sum = 0.0, low = least, high = greatest
            for index in numbers.indices {
                sum += Double(numbers[index])
                low = min(low, numbers[index])
                high = max(high, numbers[index])
            }
            (least, greatest) = (low, high)
            guard own > 0 else { return 0 }
            let average = sum / Double(own)
            var spread = 0.0
            for index in numbers.indices {
                let difference = Double(numbers[index]) - average
                spread += difference * difference
            }
            // Chan, Golub and LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances, 1979.
            let difference = average - mean, all = count + own
            squares += spread + difference * difference * Double(count) * Double(own) / Double(all)
            mean += difference * Double(own) / Double(all)
            count = all
            return Float(average)
        }
    }

    /// The examples of a class whose numbers are least and greatest on average.
    public struct Extremes: Sendable {
        /// Places in the split, from the least on, and from the greatest on.
        public fileprivate(set) var least: [(example: Int, mean: Float)] = []
        public fileprivate(set) var greatest: [(example: Int, mean: Float)] = []

        fileprivate mutating func add(_ example: Int, _ mean: Float) {
            Self.insert((example, mean), into: &least) { $0 < $1 }
            Self.insert((example, mean), into: &greatest) { $0 > $1 }
        }

        private static func insert(
            _ new: (example: Int, mean: Float), into all: inout [(example: Int, mean: Float)],
            _ isBefore: (Float, Float) -> Bool
        ) {
            let place = all.firstIndex { isBefore(new.mean, $0.mean) } ?? all.count
            guard place < DataSurvey.extremeCount else { return }
            all.insert(new, at: place)
            if all.count > DataSurvey.extremeCount { all.removeLast() }
        }
    }

    public struct Split: Sendable {
        public let name: String
        public let count: Int
        public internal(set) var inputs: [Numbers]
        /// How many examples have each class.
        public internal(set) var classCounts: [Int]
        /// The examples without any label, of multi-label data.
        public internal(set) var unlabeled = 0
        /// The least, mean and greatest number of real frames; nil where the file has no lengths.
        public internal(set) var lengths: (least: Int, mean: Double, greatest: Int)?
        /// Of each class, as long as there are few.
        public internal(set) var extremes: [Extremes] = []

        /// Labels of an example on average.
        public var labelsPerExample: Double { Double(classCounts.reduce(0, +)) / Double(max(count, 1)) }
        public var emptyClasses: [Int] { classCounts.indices.filter { classCounts[$0] == 0 } }
    }

    /// How many examples at either end of a class are found, and of how many classes.
    public static let extremeCount = 4
    public static let mostClassesWithExtremes = 100
    /// Numbers of larger splits are those of some examples.
    private static let mostBytes = 1 << 30

    public let splits: [Split]
    private let sources: [ExampleSplit]

    /// Reads the file once.
    ///
    /// - Throws: What reading the examples throws, such as for a number that is none.
    public init(_ file: ExampleFile) throws {
        sources = [file.train] + [file.validation].compactMap(\.self) + [file.test]
        let names = file.inputs.map(\.name)
        splits = try sources.map { try Self.survey($0, $0.reading(names)) }
    }

    /// The numbers of some examples of a split.
    ///
    /// - Parameter examples: Places in it, in any order.
    public func numbers(ofSplit split: Int, _ examples: [Int]) throws -> [[Float]] {
        let source = sources[split], width = source.exampleShape.reduce(1, *), rows = Set(examples).sorted()
        guard !rows.isEmpty else { return [] }
        let some = source.selecting(rows, name: source.name)
        let reader = ExampleReader(some, batchSize: 64, order: .sequential)
        var all: [Int: [Float]] = [:], first = 0
        for step in 0..<reader.stepsPerEpoch {
            let batch = try reader.batch(epoch: 0, step: step)
            for index in 0..<batch.count {
                var numbers = [Float](repeating: 0, count: width)
                var span = numbers.mutableSpan
                batch.readInputs(index..<(index + 1), into: &span)
                all[rows[first + index]] = numbers
            }
            first += batch.count
        }
        return examples.map { all[$0] ?? [] }
    }

    private static func survey(_ split: ExampleSplit, _ examples: ExampleSplit) throws -> Split {
        var result = Split(
            name: split.name, count: split.count, inputs: examples.inputs.map(Numbers.init),
            classCounts: Array(repeating: 0, count: split.classCount))
        if let counts = split.source.frameCounts, let first = split.rows.first {
            var (least, greatest, sum) = (counts[first], counts[first], 0)
            for row in split.rows {
                (least, greatest) = (min(least, counts[row]), max(greatest, counts[row]))
                sum += Int(counts[row])
            }
            result.lengths = (Int(least), Double(sum) / Double(split.count), Int(greatest))
        }
        try countLabels(split, &result)
        let every = max(1, split.count * examples.rowByteCount / mostBytes)
        let places = Array(stride(from: 0, to: split.count, by: every))
        let hasExtremes = split.labelKind == .multiclass && split.classCount <= mostClassesWithExtremes
        if hasExtremes { result.extremes = Array(repeating: Extremes(), count: split.classCount) }
        let some = examples.selecting(places, name: split.name)
        let reader = ExampleReader(
            some, batchSize: min(some.countReadTogether(multipleOf: 1), 4096), order: .sequential)
        var memory = examples.inputs.map { [Float](repeating: 0, count: $0.dataset.elementsPerRow) }, first = 0
        for step in 0..<reader.stepsPerEpoch {
            let batch = try reader.batch(epoch: 0, step: step)
            for index in 0..<batch.count {
                for input in memory.indices {
                    var span = memory[input].mutableSpan
                    batch.readInputs(index..<(index + 1), of: input, into: &span)
                    let numbers = memory[input]
                    let mean = result.inputs[input].add(numbers.span)
                    guard hasExtremes, input == 0 else { continue }
                    let label = Int(split.source.labels[batch.row(index)])
                    result.extremes[label].add(places[first + index], mean)
                }
            }
            first += batch.count
        }
        return result
    }

    private static func countLabels(_ split: ExampleSplit, _ result: inout Split) throws {
        guard split.labelKind == .multilabel else {
            for row in split.rows { result.classCounts[Int(split.source.labels[row])] += 1 }
            return
        }
        let reader = ExampleReader(split.reading([]), batchSize: 4096, order: .sequential)
        var labels = [Float](repeating: 0, count: split.classCount)
        for step in 0..<reader.stepsPerEpoch {
            let batch = try reader.batch(epoch: 0, step: step)
            for index in 0..<batch.count {
                var span = labels.mutableSpan
                batch.readLabels(index..<(index + 1), into: &span)
                var isLabeled = false
                for label in labels.indices where labels[label] > 0 {
                    result.classCounts[label] += 1
                    isLabeled = true
                }
                if !isLabeled { result.unlabeled += 1 }
            }
        }
    }
}
