import CZlib
import Foundation

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
    private let file: gzFile

    public init(opening path: String) throws(GzipError) {
        var isDirectory: ObjCBool = false
        let exists = unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
        guard exists else {
            throw GzipError(kind: .missing, path: path, reason: "there is no such file")
        }
        guard !isDirectory.boolValue else {
            throw GzipError(kind: .unreadable, path: path, reason: "it is a directory")
        }
        guard let file = unsafe gzopen(path, "rb") else {
            throw GzipError(kind: .unreadable, path: path, reason: "it cannot be opened")
        }
        self.path = path
        unsafe self.file = unsafe file
    }

    deinit {
        unsafe gzclose(file)
    }

    /// Reads bytes until the memory is full or the file ends, and returns their number.
    public mutating func read(into bytes: inout MutableSpan<UInt8>) throws(GzipError) -> Int {
        let wanted = bytes.count
        var total = 0
        while total < wanted {
            let count = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
                let rest = unsafe UnsafeMutableBufferPointer(rebasing: buffer[total...])
                return unsafe gzread(file, rest.baseAddress, UInt32(min(rest.count, 1 << 30)))
            }
            if count > 0 {
                total += Int(count)
                continue
            }
            try refuseFailure()
            break
        }
        return total
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
