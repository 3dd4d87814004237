public import Datasets
public import Networks
public import Tensors

/// An example with a number that a network cannot compute with.
public struct ExampleValueError: Error, Hashable, Sendable, CustomStringConvertible {
    public let fault: ValueFault
    /// The dataset or the file, and the row there.
    public let place: String
    /// The network, where there are several.
    public let model: String?

    public init(_ fault: ValueFault, in place: String, model: String? = nil) {
        (self.fault, self.place, self.model) = (fault, place, model)
    }

    public var description: String {
        "\(model.map { "'\($0)': " } ?? "")\(place): \(fault). Expected whole numbers from 0 to "
            + "\(fault.rowCount - 1): number the words of the data so, or use a model whose table has them all (a larger "
            + "'input_dim')"
    }
}

/// Looks through a split's examples for numbers that tables of a network have no rows for.
///
/// It costs one reading of the data, and nothing where the network looks nothing up.
///
/// - Parameters:
///   - model: What errors call the network; nil where there is one.
///   - fill: Writes examples of a batch into the network's inputs; reads them into the only one, unless given.
/// - Throws: `ExampleValueError` for the first such example; what reading throws.
public func checkWords(
    of graph: LayerGraph, in split: ExampleSplit, model: String? = nil,
    fill: (ExampleBatch, Range<Int>, [Tensor]) -> Void = { $0.readInputs($1, into: $2[0]) }
) throws {
    let tables = graph.wordTables, shapes = graph.inputs.map { graph.shape(of: $0) }, some = 256
    guard !tables.isEmpty, split.count > 0 else { return }
    let reader = ExampleReader(split, batchSize: split.countReadTogether(multipleOf: some), order: .sequential)
    let memory = shapes.map { Buffer(zeros: min(some, split.count) * $0.elementCount).tensor }
    for step in 0..<reader.stepsPerEpoch {
        let batch = try reader.batch(epoch: 0, step: step)
        for first in stride(from: 0, to: batch.count, by: some) {
            let examples = first..<min(first + some, batch.count)
            let inputs = zip(memory, shapes).map { memory, shape in
                memory.slice(at: 0, count: examples.count * shape.elementCount)
                    .viewed(count: examples.count, shape: shape)
            }
            fill(batch, examples, inputs)
            let faults = tables.compactMap { $0.fault(in: inputs[$0.input]) }
            if let fault = faults.min(by: { $0.example < $1.example }) {
                throw ExampleValueError(fault, at: first + fault.example, of: batch, model: model)
            }
        }
    }
}

extension ExampleValueError {
    /// - Parameter example: Its place in the batch.
    init(_ fault: ValueFault, at example: Int, of batch: ExampleBatch, model: String? = nil) {
        self.init(fault, in: batch.split.place(ofRow: batch.row(example)), model: model)
    }
}
