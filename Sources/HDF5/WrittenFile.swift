import Storage
import Synchronization

/// What goes wrong where nothing can be thrown: while handles of a file that is written are closed.
///
/// Closing a dataset, a group or an attribute may be what writes it, and they close when they go. The first failure is
/// kept until somebody asks.
final class WriteFailures: Sendable {
    private let first = Mutex<HDF5Error?>(nil)
    let place: HDF5Place

    init(_ place: HDF5Place) { self.place = place }

    func note(_ error: HDF5Error) {
        first.withLock { if $0 == nil { $0 = error } }
    }

    /// - Throws: The first failure, if there was any.
    func check() throws(HDF5Error) {
        if let error = first.withLock({ $0 }) { throw error }
    }
}

extension HDF5File {
    /// Writes an HDF5 file that has its name only when it is whole; see `WholeFile`.
    ///
    /// - Parameters:
    ///   - isMappable: Whether elements lie where processors want them, at multiples of 64, so that they can be mapped.
    ///   - check: Receives the path and the number of bytes of the file once it is closed, before it has its name.
    /// - Returns: The number of bytes.
    @discardableResult
    public static func writeWhole(
        to path: String, isMappable: Bool = false, _ write: (borrowing HDF5File) throws -> Void,
        check: (_ partial: String, _ byteCount: Int) throws -> Void = { _, _ in }
    ) throws -> Int {
        try WholeFile.write(to: path) { partial in
            try writeContent(of: path, at: partial, isMappable: isMappable, write)
        } check: {
            try check($0, $1)
        }
    }

    /// Writes an HDF5 file into an empty one, as part of writing another file whole.
    ///
    /// - Parameter name: What errors call it.
    public static func writeContent(
        of name: String, at partial: String, isMappable: Bool = false, version: HDF5Version = .v1_8,
        _ write: (borrowing HDF5File) throws -> Void
    ) throws {
        let file = try HDF5File(filling: partial, as: name, isMappable: isMappable, version: version)
        try write(file)
        try file.checkSoFar()
        // Closing a file in which something is open does not close it, and says nothing.
        let count = try file.openCount()
        precondition(count == 0, "\(count) objects of '\(name)' are kept open")
        try file.close()
    }
}
