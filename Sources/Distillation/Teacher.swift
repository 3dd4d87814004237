import Datasets
import Foundation
import ModelFiles
import Networks
import Tensors

/// A trained model whose predictions the student imitates. Only its architecture is in memory until it runs.
struct Teacher {
    let path: String
    /// The SHA-256 of its file.
    let digest: String
    let parameters: Int
    let bytes: ByteCount
    private let inputs: [Shape]

    var name: String { ((path as NSString).lastPathComponent as NSString).deletingPathExtension }

    /// Opens a teacher and checks that it answers the data's question; no weights are read.
    ///
    /// - Throws: `ModelFileError` for one that does not fit, with what it has and what the data has.
    init(_ path: String, data: ExampleFile, task: Task) throws {
        self.path = path
        let file = try KerasFile(opening: path)
        let inputs = try Self.inputs(of: file, data: data)
        self.inputs = inputs
        let built = try file.graph(inputs: inputs)
        try Self.check(built.graph, path, data: data, task: task)
        let size = file.sizeReport(inputs: inputs)
        parameters = size.parameters
        bytes = size.file
        digest = try sha256(ofFile: path)
    }

    /// Reads the weights.
    func network() throws -> Network { try KerasFile(opening: path).network(inputs: inputs).network }

    /// The shape of the data as the teacher wants it: it may differ by axes of size 1, and leave lengths open.
    private static func inputs(of file: borrowing KerasFile, data: ExampleFile) throws(ModelFileError) -> [Shape] {
        let wanted = file.architecture.inputs, found = data.exampleShape
        guard wanted.count == 1 else {
            throw ModelFileError(
                .refused, file.path, ["has \(wanted.count) inputs; the data has one, x"],
                advice: "Teachers with one input are supported")
        }
        if let shape = Architecture.fit(found, to: wanted[0]) { return [shape] }
        throw ModelFileError(
            .refused, file.path, ["takes \(wanted[0]), but '\(data.path)' has x of shape \(Shape(found))"],
            advice: "Shapes may differ only by axes of size 1")
    }

    private static func check(
        _ graph: LayerGraph, _ path: String, data: ExampleFile, task: Task
    ) throws(ModelFileError) {
        guard graph.outputs.count == 1 else {
            throw ModelFileError(.refused, path, ["has \(graph.outputs.count) outputs, expected one"])
        }
        let output = graph.shape(of: graph.outputs[0])
        guard output == [data.classCount] else {
            let classes = output.rank == 1 ? "\(output.elementCount) classes" : "an output of shape \(output)"
            throw ModelFileError(
                .refused, path, ["has \(classes), but '\(data.path)' has \(data.classCount)"],
                advice: "All teachers and the data must have the same classes in the same order")
        }
        let wanted: LayerGraph.Head = task == .oneClass ? .softmax : .sigmoid
        guard graph.head == wanted || graph.head == .none else {
            throw ModelFileError(
                .refused, path,
                [
                    "ends in \(graph.head.rawValue), but the labels of '\(data.path)' are \(task == .oneClass ? "one class each" : "several each")"
                ],
                advice: "It must end in \(wanted.rawValue), or in logits")
        }
    }
}
