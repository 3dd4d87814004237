import Kernels
public import Networks
import Storage
public import Tensors

/// What will be written to a model file, to the byte, known before there are any weights.
public struct ExportPlan: Sendable {
    /// What a file says beside the network. Keras reads past it.
    public struct Notes: Hashable, Sendable {
        /// Attributes of the file. `provenance`, JSON, says where the network comes from.
        public var texts: [String: String]
        /// The names of the classes in the order of the outputs: the attribute `classes`.
        public var classNames: [String]?

        /// Names and texts for a format that has nothing but texts; the names of the classes are a list in JSON.
        var entries: [(name: String, text: String)] {
            let classes = classNames.map { [("classes", JSON.array($0.map { .string($0) }).description)] } ?? []
            return texts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } + classes
        }

        public init(_ texts: [String: String] = [:], classNames: [String]? = nil) {
            self.texts = texts
            self.classNames = classNames
        }
    }

    /// The file as it will be.
    public let size: SizeReport
    public let format: any ModelFormat
    /// What Keras needs beside itself to load the file; nil if nothing.
    public var needs: String? {
        guard format.isForKeras else { return nil }
        let classes = Set(content.built.architecture.layers.map(\.className).filter(LayerCatalog.isOfPackage))
        guard !classes.isEmpty else { return nil }
        return "Keras loads it with the package of Tools/keras, for \(classes.sorted().joined(separator: ", "))"
    }
    private let content: ModelContent

    /// Plans the file of a network.
    ///
    /// - Throws: `ModelFileError` for a network that the format cannot express, `PrecisionError` for weights that it cannot
    ///   store so.
    public init(
        _ built: BuiltArchitecture, precision: Precision = .float32, format: any ModelFormat = KerasHDF5(),
        notes: Notes = Notes()
    ) throws {
        try format.check(precision)
        try self.init(built, precision.encodings(of: built.graph.layout, in: format), format: format, notes: notes)
    }

    /// The same with an encoding for each parameter.
    public init(
        _ built: BuiltArchitecture, _ encodings: WeightEncodings, format: any ModelFormat = KerasHDF5(),
        notes: Notes = Notes()
    ) throws {
        try format.check(encodings)
        let content = ModelContent(try format.expressing(built), encodings, notes)
        self.content = content
        self.format = format
        size = content.report(file: try format.byteCount(of: content))
    }

    var built: BuiltArchitecture { content.built }
    var notes: Notes { content.notes }

    /// How the file stores the parameters.
    public var encodings: WeightEncodings { content.encodings }

    /// The same plan with other encodings, and the size that follows from them.
    public func storing(_ encodings: WeightEncodings) throws -> ExportPlan {
        try ExportPlan(content.built, encodings, format: format, notes: content.notes)
    }

    /// The same plan with other notes.
    ///
    /// - Precondition: They are as long as those planned with, or the file's size is no longer what was predicted.
    public func noting(_ notes: Notes) throws -> ExportPlan {
        try ExportPlan(content.built, content.encodings, format: format, notes: notes)
    }

    /// Writes the file, whole and no larger than `limit`, or leaves nothing at `path`.
    @discardableResult
    public func write(
        _ weights: borrowing ParameterVector, to path: String, limit: ByteCount? = nil
    ) throws -> ByteCount {
        try write(weights.tensor, to: path, limit: limit)
    }

    /// The same, of weights in a run of floats with the network's layout.
    @discardableResult
    public func write(_ weights: Tensor, to path: String, limit: ByteCount? = nil) throws -> ByteCount {
        try refuse(size.file, over: limit, path)
        let weights = try rounded(weights, for: path)
        let byteCount = try WholeFile.write(to: path) { partial in
            try format.write(content, weights, to: partial, as: path)
        } check: { _, byteCount in
            guard abs(byteCount - size.file.bytes) <= Self.tolerance else {
                throw ModelFileError(
                    .write, path, ["takes \(ByteCount(byteCount)), but \(size.file) were predicted"],
                    advice: "Please report this; the file was removed")
            }
            try refuse(ByteCount(byteCount), over: limit, path)
        }
        return ByteCount(byteCount)
    }

    /// The weights as a reader of the file will have them.
    ///
    /// - Parameter path: What errors call the file.
    /// - Throws: `ModelFileError` that names the parameters with numbers that their encoding does not hold.
    public func rounded(_ weights: Tensor, for path: String) throws(ModelFileError) -> Tensor {
        guard !content.encodings.areExact else { return weights }
        let rounded = Buffer(zeros: weights.elementCount).tensor
        rounded.copy(from: weights)
        var problems: [String] = []
        for slot in content.slots.sorted(by: { $0.key < $1.key }).flatMap(\.value) {
            let encoding = content.encodings[slot.entry], count = slot.entry.spec.shape.elementCount
            let numbers = rounded.slice(at: slot.entry.offset, count: count), before = countNotFinite(numbers)
            numbers.withMutableSpan { encoding.round(&$0) }
            let lost = countNotFinite(numbers)
            guard lost > 0 else { continue }
            let what =
                before > 0
                ? "not finite" : "beyond ±\(grouped(Int(Float16.greatestFiniteMagnitude))), the range of \(encoding)"
            problems.append(
                "\(slot): \(grouped(lost)) of \(grouped(count)) numbers \(lost == 1 ? "is" : "are") \(what)")
        }
        guard problems.isEmpty else {
            throw ModelFileError(.refused, path, problems, advice: "Store the model with --precision float32")
        }
        return rounded
    }

    /// The prediction is exact; anything else within a page is a matter of another version of the HDF5 library.
    private static let tolerance = 4096

    private func refuse(_ bytes: ByteCount, over limit: ByteCount?, _ path: String) throws(ModelFileError) {
        guard let limit, bytes > limit else { return }
        throw ModelFileError(
            .tooLarge, path,
            ["takes \(bytes), \(ByteCount(bytes.bytes - limit.bytes)) over the limit of \(limit)"],
            advice: "Largest layers: \(size.largestInWords())")
    }
}
