import HDF5
public import Networks
public import Tensors

/// What will be written to a model file, to the byte, known before there are any weights.
public struct ExportPlan: Sendable {
    /// How numbers are stored.
    ///
    /// Networks compute with float32 whatever the file has.
    public enum Precision: String, Sendable, CaseIterable {
        case float32, float16
    }

    /// The file as it will be.
    public let size: SizeReport
    public let precision: Precision
    private let file: KerasFileContent

    /// Plans the file of a network.
    ///
    /// - Parameters:
    ///   - notes: Text attributes of the file, such as where the network comes from.
    ///   - classNames: The names of the classes in the order of the outputs: the file's attribute `classes`.
    public init(
        _ built: BuiltArchitecture, precision: Precision = .float32, notes: [(name: String, text: String)] = [],
        classNames: [String]? = nil
    ) throws {
        let file = KerasFileContent(built, precision == .float32 ? .float32 : .float16, notes, classNames)
        self.file = file
        self.precision = precision
        size = try file.predictedSize()
    }

    /// Writes the file, whole and no larger than `limit`, or leaves nothing at `path`.
    @discardableResult
    public func write(
        _ weights: borrowing ParameterVector, to path: String, limit: ByteCount? = nil
    ) throws -> ByteCount {
        try refuse(size.file, over: limit, path)
        let byteCount = try HDF5File.writeWhole(to: path) { target in
            try file.write(weights.tensor, to: target.root)
        } check: { byteCount in
            guard abs(byteCount - size.file.bytes) <= Self.tolerance else {
                throw ModelFileError(
                    .write, path, ["takes \(ByteCount(byteCount)), but \(size.file) were predicted"],
                    advice: "Please report this; the file was removed")
            }
            try refuse(ByteCount(byteCount), over: limit, path)
        }
        return ByteCount(byteCount)
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
