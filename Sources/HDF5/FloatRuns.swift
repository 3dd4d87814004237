import Foundation

/// A file read without the library, for runs of float32 whose places in it are known.
///
/// Nothing in the bytes decides what happens, so this is safe for any file.
public struct FloatRuns: ~Copyable {
    public let path: String
    public let byteCount: Int
    private let descriptor: Int32

    public init(opening path: String) throws(HDF5Error) {
        self.path = path
        descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        var status = stat()
        let isMeasured = unsafe descriptor >= 0 && fstat(descriptor, &status) == 0
        byteCount = isMeasured ? Int(status.st_size) : 0
        guard isMeasured else { throw Self.failure(path, unsafe String(cString: strerror(errno))) }
    }

    deinit {
        if descriptor >= 0 { Foundation.close(descriptor) }
    }

    /// Fills memory with the numbers from byte `offset` on.
    ///
    /// - Throws: `HDF5Error` if the file ends before, or cannot be read.
    public func read(at offset: Int, into numbers: inout MutableSpan<Float>) throws(HDF5Error) {
        let count = numbers.count * MemoryLayout<Float>.size
        guard offset >= 0, count <= byteCount, offset <= byteCount - count else {
            throw Self.failure(path, "it ends before byte \(offset + count)")
        }
        try unsafe numbers.withUnsafeMutableBytes { bytes throws(HDF5Error) in
            var done = 0
            while done < count, let start = bytes.baseAddress {
                let read = unsafe pread(descriptor, start + done, count - done, off_t(offset + done))
                guard read != 0 else { throw Self.failure(path, "it became shorter while it was read") }
                guard read > 0 || errno == EINTR else {
                    throw Self.failure(path, unsafe String(cString: strerror(errno)))
                }
                done += max(read, 0)
            }
        }
    }

    private static func failure(_ path: String, _ reason: String) -> HDF5Error {
        HDF5Error(.damaged, "read", HDF5Place(file: path), reason)
    }
}
