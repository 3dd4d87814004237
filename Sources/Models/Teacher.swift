public import Datasets
import Foundation
public import Networks
public import Tensors
public import Training

/// Whoever's predictions a student imitates.
///
/// Every teacher predicts the examples of a split. `model` is there where it can do more: see changed examples beside the
/// student, and show its layers.
public protocol Teacher: Sendable {
    /// Where it is, as messages call it.
    var path: String { get }
    /// What options and tables call it.
    var name: String { get }
    /// What it takes; nil where there is no model.
    var size: TeacherSize? { get }
    /// How inputs and outputs are converted, and how its classes are matched with the data's.
    var plan: TeacherPlan { get }
    /// The names that it has itself for its classes; nil where it has none.
    var classNames: [String]? { get }
    /// Its network, for live use and losses of layers; nil where there are predictions alone.
    var model: ModelTeacher? { get }

    /// What its logits are kept under: what they depend on beside the data.
    ///
    /// - Parameter fileDigest: The SHA-256 of its file.
    func key(fileDigest: String) -> String

    /// Why it cannot predict the examples of a split as they are, behind its name; nil where it can.
    func refusal(of split: ExampleSplit) -> String?

    /// Makes it ready: what it needs is in memory as long as the result.
    func open() throws -> any OpenTeacher

    /// About the most memory that it takes, without examples.
    func memory(threads: Int) -> Int
    /// About the most memory that asking it about a split takes.
    func memory(of split: ExampleSplit, threads: Int) -> Int
}

extension Teacher {
    public var name: String { modelName(ofFile: path) }
    public var classNames: [String]? { nil }
    public func refusal(of split: ExampleSplit) -> String? { nil }
}

/// A teacher that is ready to predict.
public protocol OpenTeacher {
    /// Lends its logits for the examples of a split, batch by batch, of which only one is in memory.
    ///
    /// - Parameters:
    ///   - change: What becomes of examples before the teacher sees them; only for one with a model that reads x alone.
    ///   - take: Borrows the logits of a batch, B × the data's classes in the data's order, which may be written over,
    ///     until it returns.
    /// - Throws: What reading the examples throws, and `take`.
    func predict(
        _ split: ExampleSplit, changing change: ExampleChange?, workers: Workers,
        take: (ExampleBatch, Tensor) throws -> Void) throws
}

extension OpenTeacher {
    /// Its logits for every example of a split, rows × the data's classes.
    public func logits(of split: ExampleSplit, workers: Workers) throws -> Buffer {
        let logits = Buffer(zeros: split.count * split.classCount), all = logits.tensor
        var first = 0
        try predict(split, changing: nil, workers: workers) { _, rows in
            all.slice(at: first, count: rows.elementCount).copy(from: rows)
            first += rows.elementCount
        }
        return logits
    }
}

/// What a model takes.
public struct TeacherSize: Hashable, Sendable {
    public let parameters: Int
    /// The size of its file.
    public let bytes: ByteCount
    /// What its weights take, without the rest of its file, such as the state of an optimizer.
    public let weightBytes: ByteCount

    public init(parameters: Int, bytes: ByteCount, weightBytes: ByteCount) {
        (self.parameters, self.bytes, self.weightBytes) = (parameters, bytes, weightBytes)
    }
}

/// The name of a file without folders and extension.
public func modelName(ofFile path: String) -> String {
    ((path as NSString).lastPathComponent as NSString).deletingPathExtension
}

// MARK: - All of them

/// Reads the weights of teachers, one after another, and finds all that are damaged.
///
/// - Throws: The error of the only one, or `TeachersError`.
public func checkAll(_ teachers: [any Teacher]) throws {
    try tellAll(teachers) {
        _ = try $0.open()
    } and: {
        nil
    }
}

/// Does something to each, and what else there is to find; throws everything that is wrong together.
func tellAll<Element>(
    _ elements: [Element], _ body: (Element) throws -> Void, and last: () -> (any Error)?
) throws {
    var errors: [any Error] = []
    for element in elements {
        do {
            try body(element)
        } catch  where !(error is CancellationError) {
            errors.append(error)
        }
    }
    if let error = last() { errors.append(error) }
    if errors.count > 1 { throw TeachersError(errors: errors) }
    if let error = errors.first { throw error }
}

/// Several teachers that do not fit.
public struct TeachersError: Error, CustomStringConvertible {
    public let errors: [any Error]

    public var description: String {
        "\(errors.count) teachers do not fit:\n" + errors.map { "\($0)" }.joined(separator: "\n")
    }
}
