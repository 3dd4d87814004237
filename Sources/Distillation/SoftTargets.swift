import Datasets
import Foundation
import HDF5
import Models
import Tensors

/// How a teacher's prediction for an example is stored: its logits, exactly or in fewer bytes.
public enum SoftTargetForm: Hashable, Sendable, CustomStringConvertible {
    case float32
    /// Eleven bits of each logit.
    case float16
    /// The k largest logits as float16. What is left of the probability is spread evenly over the other classes: with one
    /// class, so that all add up to 1; for multi-label data so that the expected number of labels stays the same.
    case top(Int)

    /// Reads `float32`, `float16` or `top:K`; nil for anything else.
    public init?(_ text: String) {
        switch text {
        case "float32": self = .float32
        case "float16": self = .float16
        default:
            guard text.hasPrefix("top:"), let k = Int(text.dropFirst(4)), k > 0 else { return nil }
            self = .top(k)
        }
    }

    public var description: String {
        switch self {
        case .float32: "float32"
        case .float16: "float16"
        case .top(let k): "top:\(k)"
        }
    }

    /// The bytes for an example, by one teacher.
    public func byteCount(classCount: Int) -> Int {
        switch self {
        case .float32: 4 * classCount
        case .float16: 2 * classCount
        case .top(let k): 4 * k + 2
        }
    }

    /// Why it does not suit so many classes, if it does not.
    func refusal(classCount: Int) -> String? {
        guard case .top(let k) = self else { return nil }
        if k >= classCount {
            return "soft targets 'top:\(k)' are for more than \(k) classes, and the data has \(classCount): use float16"
        }
        if classCount > 1 << 16 {
            return "soft targets 'top:\(k)' are for up to 65,536 classes, and the data has \(grouped(classCount)): "
                + "use float16"
        }
        return nil
    }
}

/// The k largest logits of an example, and one logit for all others.
struct TopLogits {
    /// The largest first; of equal ones, that of the first class.
    var classes: [UInt16] = []
    var logits: [Float16] = []
    /// The logit of every class that is not among them.
    var rest = Float16.zero

    init(_ logits: Span<Float>, k: Int, labelKind: LabelKind) {
        var order: [Int] = []
        order.reserveCapacity(k + 1)
        for index in logits.indices where order.count < k || logits[index] > logits[order[order.count - 1]] {
            var place = order.count
            while place > 0, logits[index] > logits[order[place - 1]] { place -= 1 }
            order.insert(index, at: place)
            if order.count > k { order.removeLast() }
        }
        classes = order.map { UInt16($0) }
        self.logits = order.map { half(logits[$0]) }
        var isLeft = [Bool](repeating: true, count: logits.count)
        for index in order { isLeft[index] = false }
        let left = logits.indices.filter { isLeft[$0] }.map { Double(logits[$0]) }
        rest = half(Float(Self.shared(left, labelKind)))
    }

    /// The logit that leaves the probability of some classes as it is when all of them have it.
    static func shared(_ logits: [Double], _ labelKind: LabelKind) -> Double {
        let count = Double(logits.count)
        switch labelKind {
        case .multiclass:
            let largest = logits.max() ?? 0
            return largest + log(logits.reduce(0) { $0 + exp($1 - largest) } / count)
        case .multilabel:
            let mean = logits.reduce(0) { $0 + 1 / (1 + exp(-$1)) } / count
            return log(mean) - log1p(-mean)
        }
    }
}

/// Writes soft targets row by row into a new file.
final class SoftTargetWriter {
    private let labelKind: LabelKind
    private let logits: HDF5Dataset
    private let top: Top?

    /// What is there beside the largest logits.
    private final class Top {
        let k: Int
        let classes: HDF5Dataset
        let rest: HDF5Dataset

        init(_ k: Int, rows: Int, in file: borrowing HDF5File) throws {
            self.k = k
            classes = try file.root.createDataset("classes", .uint16, shape: [rows, k])
            rest = try file.root.createDataset("rest", .float16, shape: [rows])
        }
    }

    init(_ form: SoftTargetForm, labelKind: LabelKind, rows: Int, classCount: Int, in file: borrowing HDF5File) throws {
        self.labelKind = labelKind
        let type: HDF5Type = form == .float32 ? .float32 : .float16
        if case .top(let k) = form {
            logits = try file.root.createDataset("logits", type, shape: [rows, k])
            top = try Top(k, rows: rows, in: file)
        } else {
            logits = try file.root.createDataset("logits", type, shape: [rows, classCount])
            top = nil
        }
    }

    /// - Parameter block: The logits of these rows, rows × classes.
    func write(_ rows: Range<Int>, _ block: Tensor) throws {
        if let top {
            let size = block.elementCount / max(rows.count, 1), labelKind = labelKind
            let tops = (0..<rows.count).map { row in
                block.slice(at: row * size, count: size).withSpan { TopLogits($0, k: top.k, labelKind: labelKind) }
            }
            let values = tops.flatMap(\.logits), classes = tops.flatMap(\.classes), rest = tops.map(\.rest)
            try logits.write(rows: rows, values.span)
            try top.classes.write(rows: rows, classes.span)
            try top.rest.write(rows: rows, rest.span)
        } else {
            try block.withSpan { span throws(HDF5Error) in
                guard logits.type == .float16 else { return try logits.write(rows: rows, span) }
                var halves = [Float16](repeating: 0, count: span.count)
                for index in span.indices { halves[index] = half(span[index]) }
                try logits.write(rows: rows, halves.span)
            }
        }
    }
}

/// The soft targets of a split, in one or several files of as many rows each.
final class SoftTargets: Sendable {
    let count: Int
    let classCount: Int
    private let chunks: [SoftTargetChunk]
    private let rowsOfChunk: Int

    /// - Parameter chunks: Each has `rowsOfChunk` rows, the last one those that are left.
    init(_ chunks: [SoftTargetChunk], rowsOfChunk: Int, classCount: Int) {
        (self.chunks, self.rowsOfChunk, self.classCount) = (chunks, rowsOfChunk, classCount)
        count = chunks.reduce(0) { $0 + $1.count }
    }

    /// Writes the logits of some rows, rows × classes.
    func read(_ rows: Range<Int>, into result: Tensor) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= count, "rows \(rows) of \(count)")
        var row = rows.lowerBound
        while row < rows.upperBound {
            let chunk = row / rowsOfChunk, first = chunk * rowsOfChunk
            let end = min(rows.upperBound, first + rowsOfChunk)
            let place = result.slice(at: (row - rows.lowerBound) * classCount, count: (end - row) * classCount)
            chunks[chunk].read((row - first)..<(end - first), into: place)
            row = end
        }
    }

    /// All rows, rows × classes.
    func all() -> Tensor {
        let result = Buffer(zeros: count * classCount).tensor.viewed(count: count, shape: [classCount])
        read(0..<count, into: result)
        return result
    }
}

/// Soft targets in their file, of which only what is needed is in memory.
final class SoftTargetChunk: Sendable {
    let count: Int
    private let classCount: Int
    private let numbers: Numbers

    private enum Numbers: Sendable {
        case float32(StoredNumbers<Float>)
        case float16(StoredNumbers<Float16>)
        case top(classes: StoredNumbers<UInt16>, logits: StoredNumbers<Float16>, rest: StoredNumbers<Float16>)
    }

    /// - Returns: nil for a file that holds something else.
    init?(_ form: SoftTargetForm, rows: Int, classCount: Int, in file: borrowing HDF5File) throws {
        (count, self.classCount) = (rows, classCount)
        let logits = try file.root.dataset("logits")
        switch form {
        case .float32:
            guard logits.shape == [rows, classCount], let all = logits.stored(as: Float.self) else { return nil }
            numbers = .float32(all)
        case .float16:
            guard logits.shape == [rows, classCount], let all = logits.stored(as: Float16.self) else { return nil }
            numbers = .float16(all)
        case .top(let k):
            let classes = try file.root.dataset("classes"), rest = try file.root.dataset("rest")
            guard logits.shape == [rows, k], classes.shape == [rows, k], rest.shape == [rows],
                let logits = logits.stored(as: Float16.self), let classes = classes.stored(as: UInt16.self),
                let rest = rest.stored(as: Float16.self),
                Self.allAreLess(classes, than: classCount)
            else { return nil }
            numbers = .top(classes: classes, logits: logits, rest: rest)
        }
    }

    /// Whether all numbers, looked at block by block, are those of classes.
    private static func allAreLess(_ classes: StoredNumbers<UInt16>, than limit: Int) -> Bool {
        let size = 1 << 20
        return stride(from: 0, to: classes.count, by: size).allSatisfy { start in
            classes.withNumbers(start..<min(start + size, classes.count)) { block in
                block.indices.allSatisfy { Int(block[$0]) < limit }
            }
        }
    }

    /// Writes the logits of some rows, rows × classes.
    func read(_ rows: Range<Int>, into result: Tensor) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= count, "rows \(rows) of \(count)")
        let range = (rows.lowerBound * classCount)..<(rows.upperBound * classCount)
        result.withMutableSpan { result in
            switch numbers {
            case .float32(let all):
                all.withNumbers(range) { for index in $0.indices { result[index] = $0[index] } }
            case .float16(let all): all.withNumbers(range) { widen($0, into: &result) }
            case .top(let classes, let logits, let rest):
                let k = logits.count / count
                for (place, row) in rows.enumerated() {
                    var one = result._mutatingExtracting((place * classCount)..<((place + 1) * classCount))
                    one.update(repeating: Float(rest.withNumbers(row..<(row + 1)) { $0[0] }))
                    let some = (row * k)..<((row + 1) * k)
                    classes.withNumbers(some) { classes in
                        logits.withNumbers(some) { logits in
                            for index in logits.indices { one[Int(classes[index])] = Float(logits[index]) }
                        }
                    }
                }
            }
        }
    }
}

extension SoftTargets: LogitsSource {
    func readLogits(of batch: ExampleBatch, from first: Int, into logits: Tensor) {
        read(first..<(first + batch.count), into: logits)
    }
}
