import Datasets
import Foundation
public import ModelFiles
import Models
import Networks
import Students
import Tensors

/// The student before it is trained: its architecture, its width and the exact size of its file.
struct StudentPlan {
    let built: BuiltArchitecture
    let export: ExportPlan
    /// The multiplier of the architecture's width, where it has one.
    let width: Double?
    /// Networks side by side that learn one after another; none for a student that is trained as one.
    let members: [(name: String, graph: LayerGraph)]
    /// How the weights are stored.
    let precision: Precision
    /// How it takes x, if not in the shape that x has.
    private let note: String?

    /// Finds a student that suits the data and fits the budget; without a budget, its width is 1 unless given.
    ///
    /// - Throws: `PrecisionError` for weights that the format cannot store so; `BudgetError` when none fits; `ModelFileError` for an architecture that does not suit the data.
    ///
    /// - Parameters:
    ///   - format: The kind of file it will be.
    ///   - precision: How its weights are stored there, but for what stages make of them.
    ///   - stages: What happens to it before.
    ///   - provenance: A text as long as the one that the file will have.
    init(
        _ choice: CompressionRequest.Student, width: Double?, budget: Budget?, mostMultiplyAdds: Int? = nil,
        data: ExampleFile, labelKind: LabelKind, format: any ModelFormat, precision: Precision,
        stages: [any Stage] = [], provenance: String? = nil
    ) throws {
        try format.check(precision)
        let notes = ExportPlan.Notes(provenance.map { ["provenance": $0] } ?? [:], classNames: data.classNames)
        let shape = Shape(data.exampleShape), hasLengths = data.train.hasFrameCounts
        func encodings(_ layout: ParameterLayout) -> WeightEncodings {
            stages.reduce(precision.encodings(of: layout, in: format)) { $1.encodings(after: $0, of: layout) }
        }
        func exported(_ built: BuiltArchitecture) throws -> ExportPlan {
            let plan = try ExportPlan(built, encodings(built.graph.layout), format: format, notes: notes)
            return precision == .automatic ? try budget.map { try plan.filling($0.limit) } ?? plan : plan
        }
        func widest(_ file: ArchitectureFile) throws -> Double? {
            if budget == nil && mostMultiplyAdds == nil { return 1 }
            return try file.widestWidth(
                fitting: budget, mostMultiplyAdds: mostMultiplyAdds, classes: data.classCount, input: shape,
                encodings: encodings, format: format, notes: notes)
        }
        func plan(_ file: ArchitectureFile) throws -> StudentPlan {
            try StudentPlan(
                file, width: width, budget: budget, mostMultiplyAdds: mostMultiplyAdds, shape: shape, data: data,
                labelKind: labelKind, precision, exported, widest)
        }
        switch choice {
        case .automatic:
            self = try plan(StudentFamily.choice(for: shape, hasLengths: hasLengths, widest: widest))
        case .named(let name):
            self = try plan(StudentFamily.architecture(name, for: shape, hasLengths: hasLengths))
        case .file(let path) where ArchitectureFile.isNamed(path):
            self = try plan(ArchitectureFile(reading: path))
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
            var file = try KerasFile(opening: path)
            file.renew()
            try file.architecture.refuseUntrainable()
            let input = try StudentInput(origin: path, inputs: file.architecture.inputs, shape: shape).fitted()
            try self.init(
                try file.graph(inputs: [input]), width: nil, budget: budget, mostMultiplyAdds: mostMultiplyAdds,
                data: data, labelKind: labelKind, precision, exported
            ) { nil }
        }
    }

    /// The student of a request, whose file will be of a format.
    ///
    /// - Throws: What the other initializer throws.
    init(
        _ request: CompressionRequest, data: ExampleFile, labelKind: LabelKind, format: any ModelFormat
    ) throws {
        try self.init(
            request.student, width: request.width, budget: request.limit,
            mostMultiplyAdds: request.mostMultiplyAdds, data: data, labelKind: labelKind, format: format,
            precision: request.precision, stages: request.stages,
            provenance: Provenance(request, labelKind: labelKind).placeholder)
    }

    private init(
        _ file: ArchitectureFile, width: Double?, budget: Budget?, mostMultiplyAdds: Int?, shape: Shape,
        data: ExampleFile, labelKind: LabelKind, _ precision: Precision,
        _ exported: (BuiltArchitecture) throws -> ExportPlan,
        _ widest: (ArchitectureFile) throws -> Double?
    ) throws {
        _ = try StudentInput(origin: file.path, inputs: file.inputs, shape: shape).fitted()
        let fitted = try width ?? widest(file)
        let built = try Self.withHead(
            file.architecture(
                classes: data.classCount, input: shape, width: fitted ?? ArchitectureFile.widthStep), labelKind
        ).graph()
        try self.init(
            built, width: file.usesWidth ? fitted : nil, isSmallest: file.usesWidth && fitted == nil,
            training: file.training, budget: budget, mostMultiplyAdds: mostMultiplyAdds, data: data,
            labelKind: labelKind, precision, exported
        ) { try widest(file) }
    }

    private init(
        _ built: BuiltArchitecture, width: Double?, isSmallest: Bool = false,
        training: ArchitectureFile.Training = .jointly, budget: Budget?, mostMultiplyAdds: Int?,
        data: ExampleFile, labelKind: LabelKind, _ precision: Precision,
        _ exported: (BuiltArchitecture) throws -> ExportPlan,
        _ widest: () throws -> Double?
    ) throws {
        let graph = built.graph, path = built.architecture.origin
        let shape = Shape(data.exampleShape)
        note =
            graph.shape(of: graph.inputs[0]) == shape ? nil : "takes x \(shape) as \(graph.shape(of: graph.inputs[0]))"
        // One sigmoid unit p distinguishes two classes: (1 − p, p).
        let output = graph.outputs.count == 1 ? graph.shape(of: graph.outputs[0]) : nil
        let isBinaryLogit = output == [1] && data.classCount == 2 && labelKind == .multiclass && graph.head == .sigmoid
        guard output == [data.classCount] || isBinaryLogit else {
            let found = graph.outputs.map { graph.shape(of: $0).description }.joined(separator: " and ")
            throw ModelFileError(
                .refused, path, ["outputs \(found), but '\(data.path)' has \(data.classCount) classes"])
        }
        let wanted: LayerGraph.Head = labelKind == .multiclass && !isBinaryLogit ? .softmax : .sigmoid
        guard graph.head == wanted else {
            let rule =
                "must end in \(wanted.rawValue), since the labels are \(labelKind == .multiclass ? "multiclass" : "multi-label")"
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
        self.precision = precision
        export = try exported(built)
        if let budget, !budget.holds(export.size) {
            throw BudgetError(
                budget: budget, size: export.size, fittingWidth: isSmallest ? nil : try widest(),
                fittingBits: isSmallest || budget.counted == .parameters ? nil : try export.bits(fitting: budget.limit),
                least: budget.counted == .parameters ? nil : try export.leastSize(),
                smallest: isSmallest ? built.architecture.name : nil)
        }
        if let mostMultiplyAdds, graph.multiplyAddsPerExample > mostMultiplyAdds {
            throw MultiplyAddsError(
                limit: mostMultiplyAdds, found: graph.multiplyAddsPerExample, fittingWidth: try widest())
        }
        self.built = built
        self.width = width
        self.members = members
    }

    /// What its layers and their options are, in few letters.
    var digest: String { sha256(of: "\(built.architecture.layers)") }

    /// One line for the user.
    func sentence(_ role: String, budget: Budget?) -> String {
        let size = export.size
        let share = budget.map { budget in
            let used = budget.used(by: size)
            let counted = budget.counted == .parameters ? "; as float32 \(used)" : ""
            return counted
                + " of \(budget.limit) (\(fixed(100 * Double(used.bytes) / Double(budget.limit.bytes), digits: 1)) %)"
        }
        let wide = width.map { ", width \($0 == $0.rounded() ? "\(Int($0))" : "\($0)")" } ?? ""
        let stored =
            switch precision {
            case _ where export.encodings.areExact: ""
            case .float32: ""
            case .float16, .int8, .small: " as \(precision.rawValue)"
            case .bits, .automatic: " with \(fixed(size.bitsPerWeight, digits: 2)) bits each"
            }
        return "\(role): \(built.architecture.name)\(wide), \(grouped(size.parameters)) parameters\(stored), "
            + "\(grouped(built.graph.multiplyAddsPerExample)) multiply-adds, "
            + "\(size.file)\(share ?? "")" + (note.map { "; \($0)" } ?? "") + (export.needs.map { "; \($0)" } ?? "")
    }

    // MARK: - Labels

    /// The architecture with the activations at its end that the labels need: students are written with softmax.
    private static func withHead(_ architecture: Architecture, _ labelKind: LabelKind) -> Architecture {
        guard labelKind == .multilabel else { return architecture }
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
    public let budget: Budget
    public let size: SizeReport
    /// The widest width of the same architecture that fits, if there is one.
    public let fittingWidth: Double?
    /// The most bits a weight with which it fits as it is, if it does with any; only where bits are planned.
    let fittingBits: Double?
    /// The bytes of its file with the fewest bits a weight; nil where bytes do not count.
    let least: ByteCount?
    /// The name of the architecture, where no width of it fits: the size is that of the narrowest one.
    public let smallest: String?

    public var description: String {
        let limit = budget.limit, used = budget.used(by: size), excess = ByteCount(used.bytes - limit.bytes)
        let taken =
            budget.counted == .file ? "\(used)" : "\(used) for \(grouped(size.parameters)) parameters as float32"
        if let smallest {
            let parts =
                budget.counted == .file
                ? ": \(size.weights) of weights, and \(size.overhead) that any file needs for names, shapes and the architecture"
                : ""
            return "the narrowest '\(smallest)' takes \(taken), \(excess) over the budget of \(limit)\(parts). "
                + "Give it a --budget of \(used.bytes)B, or choose a smaller --student."
        }
        let options = [
            fittingWidth.map { "--width \($0 == $0.rounded() ? "\(Int($0))" : "\($0)")" },
            fittingBits.map { "--precision \(Precision.bits($0).rawValue)" }
                ?? least.flatMap { $0 <= limit ? "--precision auto" : nil },
        ].compactMap(\.self)
        let cure =
            options.isEmpty
            ? (least.map { "With any --precision it takes \($0) or more: choose" } ?? "Choose")
                + " a smaller --student, or raise --budget"
            : "\(options.joined(separator: " or ")) would fit"
        return "the student takes \(taken), \(excess) over the budget of \(limit). "
            + "Largest layers: \(size.largestInWords()). \(cure)."
    }
}
