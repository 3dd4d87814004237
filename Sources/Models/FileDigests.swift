import Foundation
import ModelFiles
import Networks
public import Storage
import Synchronization

/// The digests of data files, which may be larger than anybody wants to read twice.
///
/// That of a file of at most one piece, 64 MiB, is its SHA-256. That of a larger one is the root of a tree, whose leaves are
/// computed on all threads:
///
///     sha256-tree:SHA-256(SHA-256(piece 0) \n SHA-256(piece 1) \n …)      digits are hexadecimal
///
/// Each is computed once in a process, as long as the file has the same size and was not written.
public enum FileDigests {
    public static let pieceByteCount = 64 << 20
    private static let treeStart = "sha256-tree:"
    private static let known = Mutex<[FileIdentity: String]>([:])

    /// The digest of a file.
    ///
    /// - Parameter isInterrupted: Asked before each round of pieces.
    /// - Throws: `ModelFileError` where there is no such file; `CancellationError`; what the system says when it cannot be read.
    public static func digest(ofFile path: String, isInterrupted: @escaping () -> Bool = { false }) throws -> String {
        guard let identity = FileIdentity(path), identity.byteCount > pieceByteCount else {
            return try sha256(ofFile: path)
        }
        if let digest = known(identity) { return digest }
        let digest = try tree(ofFile: path, pieceByteCount: pieceByteCount, isInterrupted: isInterrupted)
        // Of a file that was written meanwhile nobody knows what was read.
        if FileIdentity(path) == identity { note(digest, of: identity) }
        return digest
    }

    /// The digest of a file in the state that it has; nil where it has not been computed, and is not worth remembering.
    public static func known(_ identity: FileIdentity) -> String? { known.withLock { $0[identity] } }

    /// Notes what was computed before, maybe by another process.
    public static func note(_ digest: String, of identity: FileIdentity) { known.withLock { $0[identity] = digest } }

    /// Whether a file has a digest, which may be the plain SHA-256 that earlier versions wrote of any file.
    static func hasFile(_ path: String, digest: String) throws -> Bool {
        if try Self.digest(ofFile: path) == digest { return true }
        guard !digest.hasPrefix(treeStart), let size = WholeFile.byteCount(of: path), size > pieceByteCount else {
            return false
        }
        return try sha256(ofFile: path) == digest
    }

    /// The root of a file's tree.
    static func tree(
        ofFile path: String, pieceByteCount: Int, threads: Int? = nil, isInterrupted: @escaping () -> Bool = { false }
    ) throws -> String {
        let size = WholeFile.byteCount(of: path) ?? 0, count = (size + pieceByteCount - 1) / pieceByteCount
        let workers = Workers(threads, isInterrupted: isInterrupted)
        defer { workers.close() }
        let leaves = Mutex([String](repeating: "", count: count)), failure = Mutex<(any Error)?>(nil)
        for first in stride(from: 0, to: count, by: workers.count) {
            try workers.checkInterruption()
            workers.run(min(workers.count, count - first)) { _, index in
                let piece = first + index, start = piece * pieceByteCount
                do {
                    let leaf = try sha256(ofFile: path, start..<min(start + pieceByteCount, size))
                    leaves.withLock { $0[piece] = leaf }
                } catch {
                    failure.withLock { $0 = $0 ?? error }
                }
            }
            if let error = failure.withLock({ $0 }) { throw error }
        }
        return treeStart + sha256(of: leaves.withLock { $0.map { $0 + "\n" }.joined() })
    }
}
