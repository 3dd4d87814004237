import CIsolation
import Glibc

/// A file of fixed size that exists only in memory and has no name: what two processes can both see.
///
/// It goes when its last user does.
public final class MemoryFile: Sendable {
    public let descriptor: Int32
    public let byteCount: Int

    /// A file of zeros, which take no memory until they are touched.
    ///
    /// - Throws: `IsolationError.unavailable` if the system has no memory or no descriptors left.
    public init(byteCount: Int) throws(IsolationError) {
        descriptor = unsafe isolation_memory_file("compress", byteCount)
        self.byteCount = byteCount
        guard descriptor >= 0 else { throw .unavailable(systemReason()) }
    }

    /// Takes over the descriptor of a file that another process made.
    init(adopting descriptor: Int32) {
        self.descriptor = descriptor
        var status = stat()
        byteCount = unsafe fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }
}

/// The system's reason for the last failure, in lower case.
func systemReason() -> String {
    let text = unsafe String(cString: strerror(errno))
    return text.prefix(1).lowercased() + text.dropFirst()
}
