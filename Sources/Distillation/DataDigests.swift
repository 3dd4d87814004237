import Models
import Storage
import Tensors

/// The digests of the data, and of the unlabeled examples (`FileDigests`).
struct DataDigests {
    let data: String
    let unlabeled: String?

    /// - Throws: `CancellationError`; what reading the files throws.
    init(
        _ data: String, unlabeled: String?, _ isInterrupted: @escaping () -> Bool, _ tell: (CompressionEvent) -> Void
    ) throws {
        func digest(_ path: String) throws -> String {
            if let identity = FileIdentity(path), identity.byteCount > FileDigests.pieceByteCount,
                FileDigests.known(identity) == nil
            {
                tell(.message("'\(path)': \(ByteCount(identity.byteCount)) are read once for their digest"))
            }
            return try FileDigests.digest(ofFile: path, isInterrupted: isInterrupted)
        }
        (self.data, self.unlabeled) = (try digest(data), try unlabeled.map(digest))
    }
}
