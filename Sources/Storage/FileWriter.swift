import Foundation

/// A file that is written from its beginning or at its end, with every step checked.
///
/// What was written can be trusted once `sync` and `close` have returned; `WholeFile` syncs by itself. A writer that goes
/// without `close` closes its file unchecked.
public struct FileWriter: ~Copyable, Sendable {
    /// The file as errors name it.
    public let name: String
    private let descriptor: Descriptor

    /// Creates a file, or empties the one that is there.
    ///
    /// - Parameter name: What errors call it, if that is not its path.
    public init(creating path: String, as name: String? = nil) throws(StorageError) {
        try self.init(path, O_TRUNC, name ?? path)
    }

    /// Opens a file, created if need be, to write behind what is in it.
    ///
    /// - Parameter name: What errors call it, if that is not its path.
    public init(appendingTo path: String, as name: String? = nil) throws(StorageError) {
        try self.init(path, O_APPEND, name ?? path)
    }

    private init(_ path: String, _ flag: Int32, _ name: String) throws(StorageError) {
        guard let descriptor = Descriptor(path, O_WRONLY | O_CREAT | flag) else { throw StorageError(.create, name) }
        self.name = name
        self.descriptor = descriptor
    }

    /// Hands bytes over to the system, all of them.
    public func write(_ bytes: Span<UInt8>) throws(StorageError) {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.extracting(done...).withUnsafeBytes {
                unsafe Foundation.write(descriptor.number, $0.baseAddress, $0.count)
            }
            guard count > 0 || count < 0 && errno == EINTR else { throw StorageError(.write, name) }
            done += max(count, 0)
        }
    }

    /// Hands bytes over to the system, all of them.
    public func write(_ bytes: [UInt8]) throws(StorageError) { try write(bytes.span) }

    /// Waits until what was written is on the disk.
    public func sync() throws(StorageError) {
        guard descriptor.sync() else { throw StorageError(.write, name) }
    }

    /// Closes the file, without waiting for the disk.
    public consuming func close() throws(StorageError) {
        let name = name
        guard descriptor.close() else { throw StorageError(.write, name) }
    }
}
