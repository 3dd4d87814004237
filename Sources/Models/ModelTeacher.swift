public import Datasets
import Foundation
import HDF5
import Kernels
public import ModelFiles
public import Networks
import Storage
public import Tensors
public import Training

/// A trained model as a teacher: a Keras file, and how it predicts the examples of a data file.
///
/// The file is opened once, and its network is built once. Weights are read when the teacher runs.
public struct ModelTeacher: Teacher {
    public let path: String
    /// What the user calls it; nil for the name of its file.
    let givenName: String?
    public var name: String { givenName ?? modelName(ofFile: path) }
    public let modelSize: TeacherSize
    public var size: TeacherSize? { modelSize }
    public var model: ModelTeacher? { self }
    private let file: KerasFile
    /// Its layers, without weights.
    public let built: BuiltArchitecture
    /// The file as it was when it was opened: what is known of the places of its weights holds for no other.
    private let watched: WatchedFiles
    /// What the user set for it.
    private let given: TeacherRules
    /// Where its architecture is, if its file holds weights alone.
    private var architecture: KerasFile.ArchitectureSource? { given.architecture }
    public let inputs: ModelInputs
    public let output: ModelOutput
    public let classes: ClassMatch
    public let classNames: [String]?
    /// The datasets that feed it.
    private let datasets: [String]
    /// Examples whose predictions show what a model without a head outputs.
    private let probe: ExampleSplit

    /// The rules that make its inputs.
    public var rules: InputRules { given.input ?? InputRules() }

    /// Opens a teacher and finds out how it predicts the data's classes; no weights are read.
    ///
    /// - Throws: `ModelFileError` for one that does not fit: everything that it has and the data has otherwise.
    public init(
        _ path: String, data: ExampleFile, rules: TeacherRules = TeacherRules(), name: String? = nil
    ) throws {
        let watched = WatchedFiles([path] + (rules.architecture.map { [$0.path] } ?? []))
        try self.init(try KerasFile(opening: path, architecture: rules.architecture), watched, data, rules, name)
    }

    private init(
        _ file: KerasFile, _ watched: WatchedFiles, _ data: ExampleFile, _ rules: TeacherRules, _ givenName: String?
    ) throws {
        let path = file.path, name = givenName ?? modelName(ofFile: path)
        (self.path, self.givenName) = (path, givenName)
        (self.file, self.watched) = (file, watched)
        given = rules
        var problems: [String] = []
        func attempt<Value>(_ find: () throws -> Value) throws -> Value? {
            do {
                return try find()
            } catch let error as ModelFileError where error.kind == .refused {
                problems += error.problems
                return nil
            } catch let error as ClassMismatch {
                problems.append("\(error)")
                return nil
            }
        }
        let inputs = try attempt {
            try ModelInputs(
                file.architecture, data.inputs, rules: rules.input, holder: "'\(data.path)' has",
                option: "--teacher-input \(name)=")
        }
        let built = try attempt { try Self.built(file, inputs?.shapes) } ?? nil
        let classNames = rules.classes?.names ?? file.classNames
        let classes = try attempt {
            if let order = rules.order { return try ClassMatch(order: order, with: data) }
            return try ClassMatch(
                classNames, in: rules.classes.map { "'\($0.path)'" } ?? "its own list of classes", with: data)
        }
        let output = try built.flatMap { built in
            try attempt {
                try Self.output(
                    of: built.graph, path, data: data, rules: rules, isDense: file.endsInDense, order: classes?.order)
            }
        }
        guard problems.isEmpty, let inputs, let built, let output, let classes else {
            throw ModelFileError(.refused, path, problems)
        }
        self.inputs = inputs
        self.built = built
        self.output = output
        self.classes = classes
        self.classNames = rules.order == nil ? classNames : nil
        let size = file.sizeReport(inputs: inputs.shapes)
        modelSize = TeacherSize(parameters: size.parameters, bytes: size.file, weightBytes: size.weights)
        datasets = inputs.datasets.map { data.inputs[$0].name }
        probe = data.train.selecting(Array(0..<min(data.train.count, 256)), name: "train")
    }

    /// The graph; where the data cannot enter, that of the model's own shapes, which show what it outputs.
    private static func built(
        _ file: KerasFile, _ shapes: [Shape]?
    ) throws(ModelFileError) -> BuiltArchitecture? {
        if let shapes = shapes ?? file.architecture.inputShapes { return try file.graph(inputs: shapes) }
        return try? file.graph(inputs: file.sampleInputs)
    }

    private static func output(
        of graph: LayerGraph, _ path: String, data: ExampleFile, rules: TeacherRules, isDense: Bool, order: [Int]?
    ) throws(ModelFileError) -> ModelOutput {
        guard graph.outputs.count == 1 else {
            throw ModelFileError(.refused, path, ["has \(graph.outputs.count) outputs, expected one"])
        }
        let labelKind = data.labelKind, shape = graph.shape(of: graph.outputs[0])
        let isBinaryLogit =
            shape.elementCount == 1 && data.classCount == 2 && labelKind == .multiclass && graph.head != .softmax
        // Axes of size 1 before the classes change nothing.
        let hasClasses = shape.channels == data.classCount && shape.elementCount == data.classCount
        guard hasClasses || isBinaryLogit else {
            let count = shape.elementCount
            let classes =
                shape.rank == 1
                ? "\(grouped(count)) class\(count == 1 ? "" : "es")" : "an output of shape \(shape)"
            throw ModelFileError(
                .refused, path,
                [
                    "has \(classes), but '\(data.path)' has \(grouped(data.classCount))"
                        + classAdvice(count, data)
                ])
        }
        let head: OutputReading? =
            switch graph.head {
            case .softmax: .softmax
            case .sigmoid: .sigmoid
            case .none: nil
            }
        if let head, let given = rules.output, given != head {
            throw ModelFileError(
                .refused, path,
                [
                    "ends in \(head.rawValue), but --teacher-output is \(given.rawValue); leave it out, it is for models "
                        + "that end in neither softmax nor sigmoid"
                ])
        }
        return ModelOutput(
            head: head, given: rules.output, isDense: isDense, isBinaryLogit: isBinaryLogit,
            classCount: data.classCount,
            labelKind: labelKind, order: order)
    }

    /// What to do where a teacher has another number of classes than the data.
    private static func classAdvice(_ count: Int, _ data: ExampleFile) -> String {
        if data.labelKind == .multilabel { return "; train/y must have a column for each class of the teacher" }
        guard data.classNames == nil, count > data.classCount else {
            return "; the labels must be those that the teacher was trained with"
        }
        return
            "; if these are some of the teacher's classes, name all \(grouped(count)) in the attribute 'classes' of the "
            + "data file, else number the labels as the teacher does"
    }

    /// The same teacher, fed by other rules; nil where they do not fit.
    public func fed(_ rules: InputRules, _ data: ExampleFile) throws -> ModelTeacher? {
        var all = given
        all.input = rules
        do {
            return try ModelTeacher(file, watched, data, all, givenName)
        } catch let error as ModelFileError where error.kind == .refused {
            return nil
        }
    }

    /// Reads the weights.
    ///
    /// - Throws: `InputChangedError` for a file that is no longer the one that was opened; what reading it throws.
    public func network() throws -> Network {
        try watched.check()
        return try file.network(built)
    }

    public func open() throws -> any OpenTeacher { OpenModel(self, try network()) }

    public func memory(threads: Int) -> Int {
        built.graph.layout.extent * MemoryLayout<Float>.stride + Predictor.memory(built.graph, threads: threads).bytes
    }

    public func memory(of split: ExampleSplit, threads: Int) -> Int {
        memory(threads: threads) + inferenceMemory(built.graph, of: split.reading(datasets))
    }

    /// Whether x is all that it is fed with, so that it can see changed examples.
    public var readsOnlyX: Bool { datasets == ["x"] }

    public func refusal(of split: ExampleSplit) -> String? {
        split.isUnlabeled && !readsOnlyX
            ? "is fed with other datasets than x, which '\(split.path)' does not have" : nil
    }

    /// Converts outputs to logits, in place.
    ///
    /// - Parameter examples: What they are outputs for, in words.
    /// - Throws: `ModelFileError` for outputs that are not finite, or not what they were read as.
    public func convertToLogits(_ rows: Tensor, as reading: OutputReading, of examples: String) throws(ModelFileError) {
        guard isFinite(rows) else {
            throw ModelFileError(
                .refused, path, ["predicts NaN or infinite numbers for examples of '\(examples)'"],
                advice: "Check that the data has the range that the teacher was trained with")
        }
        if let value = output.contradiction(to: reading, in: rows) {
            throw ModelFileError(
                .refused, path,
                ["outputs were read as probabilities (\(reading.rawValue)), but one of '\(examples)' is \(value)"],
                advice: "Set --teacher-output \(name)=logits")
        }
        output.convertToLogits(rows, as: reading)
    }

    /// What it outputs: for a model without a head, detected from its outputs for the first training examples.
    public func reading(_ network: Network, _ workers: Workers) throws -> OutputReading {
        if let reading = output.reading { return reading }
        let all = Buffer(zeros: probe.count * probe.classCount).tensor(count: probe.count, shape: [probe.classCount])
        var first = 0
        try predict(network, probe, nil, workers) { _, rows in
            all.slice(at: first, count: rows.elementCount).copy(from: rows)
            first += rows.elementCount
        }
        return output.reading(of: all)
    }

    /// What its last layer gives, batch by batch: B × the data's classes.
    fileprivate func predict(
        _ network: Network, _ split: ExampleSplit, _ change: ExampleChange?, _ workers: Workers,
        take: (ExampleBatch, Tensor) throws -> Void
    ) throws {
        try predictLogits(
            network.graph, weights: network.weights.tensor, of: split.reading(datasets), workers: workers,
            fill: fill(split, change), take: take)
    }

    /// Writes examples of a batch into the network's inputs, by the rules.
    private func fill(
        _ split: ExampleSplit, _ change: ExampleChange? = nil
    ) -> @Sendable (ExampleBatch, Range<Int>, [Tensor]) -> Void {
        let inputs = inputs, shape = Shape(split.exampleShape)
        return { batch, examples, tensors in
            inputs.fill(tensors) { position, tensor in
                tensor.withMutableSpan { batch.readInputs(examples, of: position, into: &$0) }
                // The student's shape, where the model has axes of size 1 more or less.
                change?(batch, examples, tensor.viewed(count: examples.count, shape: shape))
            }
        }
    }

    /// The statistics of its batch normalization.
    ///
    /// - Parameters:
    ///   - network: What `network()` returned.
    ///   - examples: Training examples.
    public func batchStatistics(_ network: Network, on examples: ExampleSplit, workers: Workers) -> BatchStatistics {
        BatchStatistics(
            built.graph, weights: network.weights.tensor, on: examples.reading(datasets), workers: workers,
            fill: fill(examples))
    }

    /// Its logits, batch by batch: B × the data's classes.
    ///
    /// - Parameters:
    ///   - network: What `network()` returned, or the same with other weights.
    ///   - reading: What `reading` returned of the former.
    func logits(
        _ network: Network, as reading: OutputReading, of split: ExampleSplit, changing change: ExampleChange? = nil,
        workers: Workers, take: (ExampleBatch, Tensor) throws -> Void
    ) throws {
        try predict(network, split, change, workers) { batch, rows in
            try convertToLogits(rows, as: reading, of: split.name)
            try take(batch, rows)
        }
    }

    /// Looks through examples for numbers of words that the teacher does not have, before anything is computed.
    ///
    /// - Throws: `ExampleValueError` for the first.
    public func checkWords(in splits: [ExampleSplit]) throws {
        guard !built.graph.wordTables.isEmpty else { return }
        for split in splits {
            try Training.checkWords(
                of: built.graph, in: split.reading(datasets), model: path, fill: fill(split))
        }
    }

    // MARK: - What its predictions depend on

    /// What its logits are kept under.
    ///
    /// - Parameter fileDigest: The SHA-256 of its file.
    public func key(fileDigest: String) -> String { manner.map { sha256(of: "\(fileDigest)\n\($0)") } ?? fileDigest }

    /// Everything beside its file and the data that its logits depend on; nil where nothing is converted.
    var manner: String? {
        let words = architecture.flatMap { try? sha256(ofFile: $0.path) }.map { "architecture \($0)" }
        guard !inputs.isPlain || output.order != nil || output.given != nil else { return words }
        let fed = inputs.bindings.map { binding in
            ([binding.source] + binding.steps.map(\.description)).joined(separator: ",") + " → \(binding.shape)"
        }
        let order = output.order.map { "; order \($0.map(String.init).joined(separator: ","))" } ?? ""
        return "\(fed.joined(separator: "; "))\(order)\(output.given.map { "; \($0.rawValue)" } ?? "")"
            + (words.map { "; \($0)" } ?? "")
    }
}

/// A model with its weights in memory.
public struct OpenModel: OpenTeacher {
    private let teacher: ModelTeacher
    private let network: Network

    /// - Parameter network: What the teacher's `network()` returned, or that of one that is fed in the same shapes.
    public init(_ teacher: ModelTeacher, _ network: Network) { (self.teacher, self.network) = (teacher, network) }

    /// - Throws: `ModelFileError` for outputs that are not finite, or not what they were read as.
    public func predict(
        _ split: ExampleSplit, changing change: ExampleChange?, workers: Workers,
        take: (ExampleBatch, Tensor) throws -> Void
    ) throws {
        let reading = try teacher.reading(network, workers)
        try teacher.logits(
            network, as: reading, of: split, changing: change, workers: workers, take: take)
    }
}

extension KerasFile {
    fileprivate var endsInDense: Bool {
        guard architecture.outputs.count == 1 else { return false }
        return architecture.layers.contains { $0.name == architecture.outputs[0].layer && $0.className == "Dense" }
    }
}

// MARK: - All of them

extension ModelTeacher {
    /// Opens teachers, and finds everything that is wrong with any of them.
    ///
    /// - Throws: The error of the only teacher that does not fit, or `TeachersError`.
    public static func all(
        _ paths: [String], data: ExampleFile, rules: [String: TeacherRules] = [:]
    ) throws -> [ModelTeacher] {
        var teachers: [ModelTeacher] = []
        try tellAll(paths) { path in
            teachers.append(try ModelTeacher(path, data: data, rules: rules[path] ?? TeacherRules()))
        } and: {
            orderConflict(teachers, data)
        }
        return teachers
    }
}
