import Foundation
public import HDF5
import Records
import Storage

/// The end of a file that a run keeps: the checksum of all bytes before it, so that damage is noticed before any is used.
///
///     CRC-32C 1a2b3c4d\n
///
/// HDF5 reads past what stands behind its own end.
public enum Seal {
    private static let start = "CRC-32C "
    private static let byteCount = 17
    private static let blockSize = 4 << 20

    /// Adds the seal to a file.
    ///
    /// - Parameter name: What errors call it, if that is not its path.
    static func add(to path: String, as name: String? = nil) throws {
        guard let file = try? InputFile.open(path), let end = try? file.seekToEnd(),
            let checksum = try? checksum(file, count: Int(end))
        else { throw StorageError(.write, name ?? path, EIO) }
        let writer = try FileWriter(appendingTo: path, as: name)
        try writer.write(Array(text(checksum).utf8))
        try writer.close()
    }

    /// Whether every byte of a file is as it was when the seal was added.
    public static func isWhole(_ path: String) -> Bool {
        guard let file = try? InputFile.open(path) else { return false }
        guard let end = try? file.seekToEnd(), end >= byteCount else { return false }
        let count = Int(end) - byteCount
        guard let checksum = try? checksum(file, count: count), let rest = try? file.readToEnd() else { return false }
        return rest == Data(text(checksum).utf8)
    }

    private static func text(_ checksum: UInt32) -> String {
        let digits = String(checksum, radix: 16)
        return start + String(repeating: "0", count: 8 - digits.count) + digits + "\n"
    }

    /// The checksum of the first `count` bytes, which have been read afterwards.
    private static func checksum(_ file: FileHandle, count: Int) throws -> UInt32 {
        try file.seek(toOffset: 0)
        var checksum: UInt32 = 0, left = count
        while left > 0, let block = try file.read(upToCount: min(left, blockSize)), !block.isEmpty {
            checksum = CRC32C.checksum(block.span, after: checksum)
            left -= block.count
        }
        return checksum
    }
}

extension HDF5File {
    /// Writes an HDF5 file that ends in its seal, and has its name only when it is whole.
    ///
    /// - Parameter isMappable: Whether its numbers can be mapped.
    /// - Parameter beforeNaming: Runs when the file is whole and has not got its name yet.
    public static func writeSealed(
        to path: String, isMappable: Bool = false, _ write: (borrowing HDF5File) throws -> Void,
        beforeNaming: () throws -> Void = {}
    ) throws {
        try WholeFile.write(to: path) { partial in
            try writeContent(of: path, at: partial, isMappable: isMappable, write)
            try Seal.add(to: partial, as: path)
        } check: { _, _ in
            try beforeNaming()
        }
    }
}
