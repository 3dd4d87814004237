import Datasets
import Foundation
import Models
import Tensors

/// What a teacher may need that was trained on other inputs than the data has: the usual causes of a teacher that knows
/// nothing, each with the steps that mend it.
struct InputCures {
    /// What the data's numbers are like: the range that training examples show, and mean and deviation of each channel.
    struct Numbers {
        let least: Float
        let most: Float
        let means: [Float]
        let deviations: [Float]
    }

    /// Each cure's steps, the usual ones first: another scale of the numbers, or another order.
    let steps: [[InputStep]]

    /// - Parameter shape: One example, before any rule.
    init(_ shape: Shape, _ numbers: Numbers) { steps = Self.scales(shape, numbers) + Self.orders(shape) }

    /// In words, for the message that none of them helped.
    static let words = "another scale of the inputs, channels as BGR, inverted or transposed images, channels first"

    // MARK: Scales

    private static func scales(_ shape: Shape, _ numbers: Numbers) -> [[InputStep]] {
        let isColored = shape.rank >= 3 && shape.channels == 3
        let toBytes: [InputStep]
        var all: [[InputStep]]
        // To 0…255, from which the usual preprocessing starts.
        func lies(_ least: Float, _ most: Float) -> Bool { numbers.least >= least && numbers.most <= most }
        if lies(0, 0.01) {
            (toBytes, all) = ([.scale([65025])], [[.scale([255])], [.scale([65025])]])
        } else if lies(0, 1) {
            toBytes = [.scale([255])]
            all = [[.scale([255])], [.scale([2]), .offset([-1])], [.scale([1 / 255])], [.scale([-1]), .offset([1])]]
        } else if lies(0, 255) {
            toBytes = []
            all = [
                [.scale([1 / 255])], [.scale([1 / 127.5]), .offset([-1])], [.scale([-1]), .offset([255])],
                [.scale([-1 / 255]), .offset([1])],
            ]
        } else if lies(-1, 1) {
            toBytes = [.scale([127.5]), .offset([127.5])]
            all = [[.scale([0.5]), .offset([0.5])], toBytes, [.scale([-1])]]
        } else {
            (toBytes, all) = ([], [[.scale([1 / 255])], [.scale([255])], [.scale([-1])]])
        }
        if isColored { all += imageNet.map { toBytes + $0 } }
        return all + ranges(numbers) + standards(numbers)
    }

    /// Of RGB from 0 to 255, what `keras.applications` calls the modes caffe and torch.
    private static let imageNet: [[InputStep]] = [
        [.channels([2, 1, 0]), .offset([-103.939, -116.779, -123.68])],
        [.offset([-123.675, -116.28, -103.53]), .scale([1 / 58.395, 1 / 57.12, 1 / 57.375])],
    ]

    /// The range that the examples show, as 0 to 1, −1 to 1 and 0 to 255.
    private static func ranges(_ numbers: Numbers) -> [[InputStep]] {
        let extent = numbers.most - numbers.least
        guard extent > 0, extent.isFinite else { return [] }
        return [(1, 0), (2, -1), (255, 0)].map { (size: Float, start: Float) in
            let factor = short(size / extent)
            let summand = short(start - numbers.least * factor)
            return summand == 0 ? [.scale([factor])] : [.scale([factor]), .offset([summand])]
        }
    }

    /// Mean 0 and deviation 1, of all numbers together and of each channel or feature.
    private static func standards(_ numbers: Numbers) -> [[InputStep]] {
        let count = Float(numbers.means.count), mean = numbers.means.reduce(0, +) / count
        let square = zip(numbers.means, numbers.deviations).reduce(0) {
            $0 + $1.1 * $1.1 + ($1.0 - mean) * ($1.0 - mean)
        }
        func steps(_ means: [Float], _ deviations: [Float]) -> [InputStep] {
            [.offset(means.map { short(-$0) }), .scale(deviations.map { $0 > 0 ? short(1 / $0) : 1 })]
        }
        let together = steps([mean], [(square / count).squareRoot()])
        return numbers.means.count == 1 ? [together] : [together, steps(numbers.means, numbers.deviations)]
    }

    /// Four digits are enough, and fit a message.
    private static func short(_ value: Float) -> Float { Float(String(format: "%.4g", value)) ?? value }

    // MARK: Orders

    private static func orders(_ shape: Shape) -> [[InputStep]] {
        switch shape.rank {
        case 1:
            // Images that were flattened.
            return [1, 3].flatMap { channels -> [[InputStep]] in
                let side = Int(Double(shape[0] / channels).squareRoot().rounded())
                guard side >= 4, side * side * channels == shape[0] else { return [] }
                let image: Shape = [side, side, channels], first: Shape = [channels, side, side]
                let turned: [[InputStep]] = [[.reshape(image), .transpose([1, 0, 2]), .reshape(shape)]]
                guard channels > 1 else { return turned }
                return turned + [
                    [.reshape(image), .transpose([2, 0, 1]), .reshape(shape)],
                    [.reshape(first), .transpose([1, 2, 0]), .reshape(shape)],
                ]
            }
        case 2: return [[.transpose([1, 0])]]
        case 3:
            let (height, width, channels) = (shape[0], shape[1], shape[2])
            var all: [[InputStep]] = [[.transpose([1, 0, 2])]]
            guard (2...4).contains(channels) else { return all }
            if channels == 3 { all.append([.channels([2, 1, 0])]) }
            // One was taken for the other where the shape alone was changed.
            return all + [
                [.reshape([channels, height, width]), .transpose([1, 2, 0])],
                [.transpose([2, 0, 1]), .reshape(shape)],
            ]
        default: return []
        }
    }
}

extension InputCures.Numbers {
    /// What a sample of the training examples shows of x.
    init(_ train: ExampleSplit) throws {
        let some = train.sample(512), shape = Shape(train.exampleShape)
        let channels = shape.rank == 0 ? 1 : shape.channels
        var least = Float.infinity, most = -Float.infinity
        var sums = [Double](repeating: 0, count: channels), squares = sums
        let reader = ExampleReader(some, batchSize: 64, order: .sequential)
        let memory = Buffer(zeros: 64 * shape.elementCount).tensor
        for step in 0..<reader.stepsPerEpoch {
            let batch = try reader.batch(epoch: 0, step: step)
            let x = memory.slice(at: 0, count: batch.count * shape.elementCount)
            x.withMutableSpan { batch.readInputs(0..<batch.count, into: &$0) }
            for (place, value) in x.values.enumerated() {
                (least, most) = (min(least, value), max(most, value))
                sums[place % channels] += Double(value)
                squares[place % channels] += Double(value) * Double(value)
            }
        }
        let count = Double(max(some.count * shape.elementCount / channels, 1))
        self.init(
            least: least, most: most, means: sums.map { Float($0 / count) },
            deviations: zip(sums, squares).map { sum, square in
                Float(max(square / count - sum / count * (sum / count), 0).squareRoot())
            })
    }
}
