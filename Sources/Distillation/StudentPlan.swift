import Datasets
import Foundation
public import ModelFiles
import Networks
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
        case .automatic:
            let file = try Self.suitable(for: shape)
            try self.init(
                data.train.hasFrameCounts ? file.masking() : file, width: width, budget: budget, shape: shape,
                data: data,
                labelKind: labelKind,
                format, notes)
        case .file(let path) where ArchitectureFile.isNamed(path):
            try self.init(
                try ArchitectureFile(reading: path), width: width, budget: budget, shape: shape, data: data,
                labelKind: labelKind,
                format, notes)
        case .file(let path):
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
            built, width: file.usesWidth ? fitted : nil, training: file.training, budget: budget, data: data,
            labelKind: labelKind,
            format, notes, widest)
    }

    private init(
        _ built: BuiltArchitecture, width: Double?, training: ArchitectureFile.Training = .jointly, budget: ByteCount?,
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
            throw BudgetError(limit: budget, size: export.size, fittingWidth: try widest())
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

    /// The student of `Architectures/students` for data of some shape: pictures, sequences or vectors.
    private static func suitable(for shape: Shape) throws -> ArchitectureFile {
        let name =
            switch shape.rank {
            case 1: "mlp"
            case 2: "bag-of-frames"
            case 3: "conv"
            default:
                throw ModelFileError(
                    .refused, "Architectures/students", ["has no student for examples of shape \(shape)"],
                    advice: "Choose one with --student")
            }
        guard let folder = studentFolder else {
            throw ModelFileError(
                .missing, "Architectures/students", ["is not beside the program"],
                advice: "Choose an architecture with --student, or set COMPRESS_ARCHITECTURES to that folder's parent")
        }
        return try ArchitectureFile(reading: "\(folder)/\(name).yaml")
    }

    /// In the folder that COMPRESS_ARCHITECTURES names, or beside the program, or in a folder above it.
    private static var studentFolder: String? {
        let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        var folders = ProcessInfo.processInfo.environment["COMPRESS_ARCHITECTURES"].map { [$0] } ?? []
        var folder = program.deletingLastPathComponent()
        for _ in 0..<6 {
            folders += [folder.path + "/Architectures", folder.path + "/share/compress/Architectures"]
            folder = folder.deletingLastPathComponent()
        }
        return folders.map { $0 + "/students" }.first { FileManager.default.fileExists(atPath: $0) }
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

    public var description: String {
        let excess = ByteCount(size.file.bytes - limit.bytes)
        let cure =
            fittingWidth.map { "--width \($0 == $0.rounded() ? "\(Int($0))" : "\($0)") would fit" }
            ?? "Choose a smaller --student"
        return "the student takes \(size.file), \(excess) over the budget of \(limit). "
            + "Largest layers: \(size.largestInWords()). \(cure)."
    }
}
