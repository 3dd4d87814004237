import Datasets
public import Foundation
import ModelFiles
import Networks
public import Tensors
import Training

/// Tiny data, tiny teachers and a tiny student in a folder of their own.
public struct Scene {
    public let folder: URL
    public var data: DataFile
    public var student = """
        name: tiny
        input: [6]
        layers:
          - Dense: {units: 8, activation: relu}
            name: hidden
          - BatchNormalization: {}
            name: normalization
          - Dense: {units: classes, activation: softmax}
            name: answer
        """

    public static let teacher = """
        input: [6]
        layers:
          - Dense: {units: 10, activation: tanh}
          - Dense: {units: classes, activation: softmax}
        """

    public func path(_ name: String) -> String { folder.appending(path: name).path }

    public init(_ folder: URL, _ data: DataFile = DataFile(train: 80, test: 30)) throws {
        self.folder = folder
        self.data = data
        try writeData()
        try writeStudent()
    }

    /// The names of the classes that `DataFile` writes, and that students keep.
    public var classNames: [String] { (0..<data.classes).map { "class \($0)" } }

    public func writeData() throws {
        try? FileManager.default.removeItem(atPath: path("data.h5"))
        try data.write(to: path("data.h5"))
    }

    public func writeStudent() throws {
        try student.write(toFile: path("student.yaml"), atomically: true, encoding: .utf8)
    }

    /// Writes a teacher of random weights, or one that learned the training split from that start.
    ///
    /// - Parameters:
    ///   - factor: Multiplies the last layer's weights: −1 makes of a good teacher one that is sure and wrong.
    ///   - order: Which class each output stands for, if they are not in the data's order.
    ///   - names: The file's attribute `classes`.
    ///   - notes: Other attributes of the file.
    @discardableResult
    public func writeTeacher(
        _ name: String, seed: Int, epochs: Int = 0, factor: Float = 1, text: String = teacher, input: Shape? = nil,
        classes: Int? = nil, order: [Int]? = nil, names: [String]? = nil, notes: [String: String] = [:]
    ) throws -> String {
        let built = try build(text, classes: classes ?? data.classes, input: input)
        let graph = built.graph, layout = graph.layout
        let weights = ParameterVector(initializing: layout, key: RandomKey(seed: seed))
        let result = ParameterVector(zeros: layout)
        result.copy(from: weights)
        if epochs > 0 {
            let workers = Workers(1), file = try ExampleFile(opening: path("data.h5"))
            defer { workers.close() }
            var hyperparameters = Hyperparameters(epochs: epochs, batchSize: 16)
            hyperparameters.learningRate = 0.02
            let trainer = Trainer(graph, weights: weights, hyperparameters: hyperparameters, workers: workers)
            try TrainingRun(train: file.trainAndValidation().train, validation: nil)
                .run(trainer, minimizing: LabelLoss(file.labelKind))
            result.tensor.copy(from: trainer.result)
        }
        for entry in layout.entries.suffix(2) where factor != 1 {
            for index in 0..<result[entry].elementCount { result[entry][index] *= factor }
        }
        for entry in layout.entries.suffix(2) {
            guard let order else { continue }
            let values = result[entry].values
            for index in values.indices {
                let (row, column) = index.quotientAndRemainder(dividingBy: order.count)
                result[entry][index] = values[row * order.count + order[column]]
            }
        }
        try ExportPlan(built, notes: ExportPlan.Notes(notes, classNames: names)).write(result, to: path(name))
        return path(name)
    }
}

/// Lends a scene in a folder that is removed afterwards.
public func withScene<Result>(
    _ data: DataFile = DataFile(train: 80, test: 30), _ body: (Scene) throws -> Result
) throws -> Result {
    try withTemporaryFolder { try body(Scene($0, data)) }
}
