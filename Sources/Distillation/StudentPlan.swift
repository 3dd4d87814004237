import Datasets
import Foundation
public import ModelFiles
import Networks
import Students
public import Tensors

/// The student before it is trained: its architecture, its width and the exact size of its file.
struct StudentPlan {
    let built: BuiltArchitecture
    let export: ExportPlan
    /// The multiplier of the architecture's width, where it has one.
    let width: Double?
    /// Networks side by side that learn one after another; none for a student that is trained as one.
    let members: [(name: String, graph: LayerGraph)]
    /// How it takes x, if not in the shape that x has.
    private let note: String?

    /// Finds a student that suits the data and fits the budget; without a budget, its width is 1 unless given.
    ///
    /// - Throws: `BudgetError` when none fits; `ModelFileError` for an architecture that does not suit the data.
    ///
    /// - Parameters:
    ///   - format: The kind of file it will be.
    ///   - provenance: A text as long as the one that the file will say.
    init(
        _ choice: CompressionRequest.Student, width: Double?, budget: ByteCount?, data: ExampleFile,
        labelKind: LabelKind,
        format: ExportPlan.Format, provenance: String? = nil
    ) throws {
        let notes = ExportPlan.Notes(provenance.map { ["provenance": $0] } ?? [:], classNames: data.classNames)
        let shape = Shape(data.exampleShape)
        switch choice {
        case .automatic, .named:
            let file = try Self.architecture(choice, for: shape, hasLengths: data.train.hasFrameCounts)
            try self.init(
                file, width: width, budget: budget, shape: shape, data: data, labelKind: labelKind, format, notes)
        case .file(let path) where ArchitectureFile.isNamed(path):
            try self.init(
                try ArchitectureFile(reading: path), width: width, budget: budget, shape: shape, data: data,
                labelKind: labelKind,
                format, notes)
        case .file(let path):
            guard path.contains(where: { "/.".contains($0) }) || FileManager.default.fileExists(atPath: path) else {
                let names = Students.names
                throw ModelFileError(
                    .missing, path,
                    [
                        "is no file, and no student of the program (\(names.joined(separator: ", ")))"
                            + didYouMean(path, names)
                    ])
            }
            let file = try KerasFile(opening: path)
            try file.architecture.refuseUntrainable()
            let input = try StudentInput(origin: path, inputs: file.architecture.inputs, data: data).fitted()
            try self.init(
                try file.graph(inputs: [input]), width: nil, budget: budget, data: data, labelKind: labelKind, format,
                notes
            ) { nil }
        }
    }

    private init(
        _ file: ArchitectureFile, width: Double?, budget: ByteCount?, shape: Shape, data: ExampleFile,
        labelKind: LabelKind,
        _ format: ExportPlan.Format, _ notes: ExportPlan.Notes
    ) throws {
        _ = try StudentInput(origin: file.path, inputs: file.inputs, data: data).fitted()
        let classes = data.classCount
        func widest() throws -> Double? {
            guard let budget else { return 1 }
            return try file.widestWidth(
                fitting: budget, classes: classes, input: shape, format: format, notes: notes)
        }
        let fitted = try width ?? widest()
        let built = try Self.withHead(
            file.architecture(classes: classes, input: shape, width: fitted ?? ArchitectureFile.widthStep), labelKind
        ).graph()
        try self.init(
            built, width: file.usesWidth ? fitted : nil, isSmallest: file.usesWidth && fitted == nil,
            training: file.training, budget: budget, data: data, labelKind: labelKind, format, notes, widest)
    }

    private init(
        _ built: BuiltArchitecture, width: Double?, isSmallest: Bool = false,
        training: ArchitectureFile.Training = .jointly, budget: ByteCount?,
        data: ExampleFile, labelKind: LabelKind, _ format: ExportPlan.Format, _ notes: ExportPlan.Notes,
        _ widest: () throws -> Double?
    ) throws {
        let graph = built.graph, path = built.architecture.origin
        let shape = Shape(data.exampleShape)
        note =
            graph.shape(of: graph.inputs[0]) == shape ? nil : "takes x \(shape) as \(graph.shape(of: graph.inputs[0]))"
        // One sigmoid unit p tells two classes apart: (1 − p, p).
        let output = graph.outputs.count == 1 ? graph.shape(of: graph.outputs[0]) : nil
        let isOneUnit = output == [1] && data.classCount == 2 && labelKind == .oneClass && graph.head == .sigmoid
        guard output == [data.classCount] || isOneUnit else {
            let found = graph.outputs.map { graph.shape(of: $0).description }.joined(separator: " and ")
            throw ModelFileError(
                .refused, path, ["answers with \(found), but '\(data.path)' has \(data.classCount) classes"])
        }
        let wanted: LayerGraph.Head = labelKind == .oneClass && !isOneUnit ? .softmax : .sigmoid
        guard graph.head == wanted else {
            let rule =
                "must end in \(wanted.rawValue), since the labels are \(labelKind == .oneClass ? "one class each" : "several each")"
            let members = try built.members().filter { $0.graph.head != wanted }.map(\.name)
            throw ModelFileError(.refused, path, members.isEmpty ? [rule] : members.map { "member '\($0)' \(rule)" })
        }
        if let other = graph.inputNormalizations.first(where: { !$0.readsInput }) {
            throw ModelFileError(
                .refused, path,
                [
                    "layer '\(other.layer)' (Normalization) has no 'mean' and 'variance', and they are computed from the "
                        + "data for a layer that reads the input; give them, or use BatchNormalization"
                ])
        }
        guard graph.layout.trainableExtent > 0 else { throw ModelFileError(.refused, path, ["has nothing to train"]) }
        let members = try training == .jointly ? [] : built.members()
        if let idle = members.first(where: { $0.graph.layout.trainableExtent == 0 }) {
            throw ModelFileError(.refused, path, ["member '\(idle.name)' has nothing to train"])
        }
        export = try ExportPlan(built, format: format, notes: notes)
        if let budget, export.size.file > budget {
            throw BudgetError(
                limit: budget, size: export.size, fittingWidth: isSmallest ? nil : try widest(),
                smallest: isSmallest ? built.architecture.name : nil)
        }
        self.built = built
        self.width = width
        self.members = members
    }

    /// What its layers and their options are, in few letters.
    var digest: String { sha256(of: "\(built.architecture.layers)") }

    /// One line for the user.
    func sentence(_ role: String, budget: ByteCount?) -> String {
        let size = export.size
        let share = budget.map { " of \($0) (\(fixed(100 * Double(size.file.bytes) / Double($0.bytes), digits: 1)) %)" }
        let wide = width.map { ", width \($0 == $0.rounded() ? "\(Int($0))" : "\($0)")" } ?? ""
        return "\(role): \(built.architecture.name)\(wide), \(grouped(size.parameters)) parameters, "
            + "\(size.file)\(share ?? "")" + (note.map { "; \($0)" } ?? "") + (export.needs.map { "; \($0)" } ?? "")
    }

    // MARK: - Choosing

    /// A student of the program, made to take examples of some shape.
    ///
    /// - Throws: `ModelFileError` for a name that there is none of, and for one that has no use for such examples.
    private static func architecture(
        _ choice: CompressionRequest.Student, for shape: Shape, hasLengths: Bool
    ) throws(ModelFileError) -> ArchitectureFile {
        let name: String
        switch (choice, shape.rank) {
        case (.named(let given), _): name = given
        case (_, 1): name = "mlp"
        case (_, 2): name = "bag-of-frames"
        case (_, 3): name = "conv"
        default:
            throw ModelFileError(
                .refused, "--student auto", ["has no student for examples of shape \(shape)"],
                advice: "Name an architecture with --student")
        }
        let file = try ArchitectureFile(parsing: Students.text(name) ?? "", path: name)
        guard let fitting = file.fitting(shape, hasLengths: hasLengths) else {
            throw ModelFileError(
                .refused, name, ["cannot take examples of shape \(shape)"],
                advice: "Students of the program: \(Students.names.joined(separator: ", "))")
        }
        return fitting
    }

    /// The architecture with the activations at its end that the labels need: students are written with softmax.
    private static func withHead(_ architecture: Architecture, _ labelKind: LabelKind) -> Architecture {
        guard labelKind == .manyLabels else { return architecture }
        var changed = architecture
        let ends = Set(architecture.ends.map(\.layer))
        for index in architecture.layers.indices
        where ends.contains(architecture.layers[index].name)
            && architecture.layers[index].options["activation"]?.string == "softmax"
        {
            changed.layers[index].options["activation"] = .string("sigmoid")
        }
        return changed
    }
}

extension BuiltArchitecture {
    /// The members, each by itself.
    fileprivate func members() throws -> [(name: String, graph: LayerGraph)] {
        let inputs = graph.inputs.map { graph.shape(of: $0) }
        return try architecture.members.map { ($0.name, try architecture.alone($0).graph(inputs: inputs).graph) }
    }
}

/// A student that does not fit: by how much, where the bytes are, and what would fit.
public struct BudgetError: Error, CustomStringConvertible {
    public let limit: ByteCount
    public let size: SizeReport
    /// The widest width of the same architecture that fits, if there is one.
    public let fittingWidth: Double?
    /// The name of the architecture, where no width of it fits: the size is that of the narrowest one.
    public let smallest: String?

    public var description: String {
        let excess = ByteCount(size.file.bytes - limit.bytes)
        if let smallest {
            return "the narrowest '\(smallest)' takes \(size.file), \(excess) over the budget of \(limit): "
                + "\(size.weights) of weights, and \(size.overhead) that any file needs for names, shapes and the "
                + "architecture. Give it a --budget of \(size.file.bytes)B, or choose a smaller --student."
        }
        let cure =
            fittingWidth.map { "--width \($0 == $0.rounded() ? "\(Int($0))" : "\($0)") would fit" }
            ?? "Choose a smaller --student"
        return "the student takes \(size.file), \(excess) over the budget of \(limit). "
            + "Largest layers: \(size.largestInWords()). \(cure)."
    }
}
