import CZlib
import Storage

/// Why a file that may be compressed could not be read.
public struct GzipError: Error, Hashable, CustomStringConvertible {
    public enum Kind: Hashable, Sendable {
        case missing, unreadable, damaged
    }

    public let kind: Kind
    public let path: String
    public let reason: String

    public var description: String {
        "could not read '\(path)': \(reason)"
    }
}

/// The bytes of a file from first to last, decompressed if it is a gzip file.
@safe public struct GzipReader: ~Copyable {
    public let path: String
    /// Whether it is a gzip file.
    public let isCompressed: Bool
    private let file: gzFile

    private static let bufferByteCount: UInt32 = 1 << 17

    public init(opening path: String) throws(GzipError) {
        do throws(InputFile.Problem) {
            try InputFile.check(path)
        } catch {
            throw GzipError(
                kind: error == .missing ? .missing : .unreadable, path: path, reason: error.description)
        }
        guard let file = unsafe gzopen(path, "rb") else {
            throw GzipError(kind: .unreadable, path: path, reason: "it cannot be opened")
        }
        unsafe gzbuffer(file, Self.bufferByteCount)
        self.path = path
        // Looks at the first bytes.
        self.isCompressed = unsafe gzdirect(file) == 0
        unsafe self.file = unsafe file
    }

    deinit {
        unsafe gzclose(file)
    }

    /// How many bytes of the file, compressed or not, were read from the disk.
    public var fileOffset: Int { unsafe max(0, Int(gzoffset(file))) }

    /// Reads bytes until the memory is full or the file ends, and returns their number.
    public mutating func read(into bytes: inout MutableSpan<UInt8>) throws(GzipError) -> Int {
        var total = 0
        while total < bytes.count {
            var rest = bytes._mutatingExtracting(total...)
            let count = try readSome(into: &rest)
            guard count > 0 else { break }
            total += count
        }
        return total
    }

    /// Reads at least one byte, unless the file ends, and returns their number.
    ///
    /// What comes before the place where a compressed file is cut off is handed over first.
    public mutating func readSome(into bytes: inout MutableSpan<UInt8>) throws(GzipError) -> Int {
        let count = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
            unsafe gzread(file, buffer.baseAddress, UInt32(min(buffer.count, 1 << 30)))
        }
        guard count <= 0 else { return Int(count) }
        try refuseFailure()
        return 0
    }

    /// A file that ends in the middle of its compressed data looks like one that ends, except for the status.
    private func refuseFailure() throws(GzipError) {
        var status: Int32 = Z_OK
        let text = unsafe gzerror(file, &status)
        guard status != Z_OK && status != Z_STREAM_END else { return }
        let reason = if let text = unsafe text { unsafe String(cString: text) } else { "zlib error \(status)" }
        // zlib begins its messages with the path.
        let prefix = "\(path): "
        throw GzipError(
            kind: status == Z_ERRNO ? .unreadable : .damaged, path: path,
            reason: reason.hasPrefix(prefix) ? String(reason.dropFirst(prefix.count)) : reason)
    }
}
