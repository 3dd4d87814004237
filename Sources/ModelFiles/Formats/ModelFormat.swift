public import Tensors

/// A kind of file that holds a model.
///
/// A new kind is a type in a folder of its own, and an entry of `ModelFormats.all`.
public protocol ModelFormat: Sendable {
    /// What the names of such files end in, behind the dot; the first is the usual one.
    var suffixes: [String] { get }

    /// What it is and who loads it, in a few words: `HDF5, for Keras 2 and 3`.
    var summary: String { get }

    /// Whether this program reads such files, too.
    var isReadable: Bool { get }

    /// Whether it is Keras that loads such files.
    var isForKeras: Bool { get }

    /// What `--precision` can say of such files, in words.
    var precisions: String { get }

    /// The bits a weight that `--precision auto` plans with.
    var plannedBits: Double { get }

    /// Whether numbers can be stored in an encoding.
    func holds(_ encoding: WeightEncoding) -> Bool

    /// What a solver may choose among here, where it may choose among `wanted` in general.
    func kinds(_ wanted: WeightEncoding.Kinds) -> WeightEncoding.Kinds

    /// The network in the words of this format.
    ///
    /// - Throws: `ModelFileError` with everything that the format cannot express.
    func expressing(_ built: BuiltArchitecture) throws(ModelFileError) -> BuiltArchitecture

    /// The bytes of the file, known before there are any weights.
    func byteCount(of content: ModelContent) throws -> Int

    /// Writes the file.
    ///
    /// - Parameters:
    ///   - weights: A run of floats with the layout of the content's network.
    ///   - partial: Where the file is written; it gets its own name later.
    ///   - path: What errors call it.
    func write(_ content: ModelContent, _ weights: Tensor, to partial: String, as path: String) throws
}

/// The kinds of files that hold models. This is the only list of them.
public enum ModelFormats {
    public static let all: [any ModelFormat] = [KerasHDF5(), KerasArchive(), ONNX(), Safetensors()]

    /// The format of a file by its suffix, in upper or lower case.
    ///
    /// - Throws: `UnknownFormatError` with the known suffixes.
    public static func named(by path: String) throws(UnknownFormatError) -> any ModelFormat {
        let suffix = suffix(of: path)?.lowercased() ?? ""
        guard let format = all.first(where: { $0.suffixes.contains(suffix) }) else {
            throw UnknownFormatError(path: path)
        }
        return format
    }

    /// For `--help`: `.h5 (HDF5, for Keras 2 and 3) or .keras (an archive, for Keras 3)`.
    public static var summary: String { all.map { "\(dotted($0)) (\($0.summary))" }.joined(separator: ", or ") }

    /// The suffixes of the files that this program reads: `.h5, .hdf5, .keras`.
    public static var readableSuffixes: String {
        all.filter(\.isReadable).flatMap(\.suffixes).map { ".\($0)" }.joined(separator: ", ")
    }

    private static func dotted(_ format: any ModelFormat) -> String {
        format.suffixes.map { ".\($0)" }.joined(separator: " or ")
    }

    /// What stands behind the last dot of a file's name.
    fileprivate static func suffix(of path: String) -> String? {
        let name = path.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        return name.lastIndex(of: ".").map { String(name[name.index(after: $0)...]) }
    }
}

/// The formats of Keras have all encodings but those of another kind of file.
extension ModelFormat {
    public var isForKeras: Bool { true }
    public var precisions: String { "float32, float16, float8 to float4, auto, or bits a weight such as 3.5" }
    public var plannedBits: Double { Precision.plannedBits }
    public func holds(_ encoding: WeightEncoding) -> Bool { encoding != .int8 }
    public func kinds(_ wanted: WeightEncoding.Kinds) -> WeightEncoding.Kinds { wanted }

    /// Whether the format has all of the encodings.
    public func holds(_ encodings: WeightEncodings) -> Bool { encodings.first { !holds($0) } == nil }

    /// Refuses a precision that the format does not have, however few numbers are to be stored so.
    public func check(_ precision: Precision) throws(PrecisionError) { try check(precision.encoding(in: self)) }

    /// Refuses encodings that the format does not have.
    func check(_ encodings: WeightEncodings) throws(PrecisionError) {
        if let encoding = encodings.first(where: { !holds($0) }) { try check(encoding) }
    }

    private func check(_ encoding: WeightEncoding) throws(PrecisionError) {
        guard !holds(encoding) else { return }
        throw PrecisionError(encoding: "\(encoding)", suffix: suffixes[0], possible: precisions)
    }
}

/// Weights that are to be stored as a kind of file cannot have them.
public struct PrecisionError: Error, CustomStringConvertible {
    let encoding: String
    let suffix: String
    let possible: String

    public var description: String {
        "precision \(encoding) cannot be written to a .\(suffix) file; use --precision \(possible)"
    }
}

/// A name for a model file whose suffix is that of no format.
public struct UnknownFormatError: Error, CustomStringConvertible {
    public let path: String

    public var description: String {
        let suffix = ModelFormats.suffix(of: path) ?? ""
        let found = suffix.isEmpty ? "has no suffix" : "has the unknown suffix '.\(suffix)'"
        return "'\(path)' \(found); the suffix of --output decides the format of a model. "
            + "Choose \(ModelFormats.summary)"
    }
}
