import Models
import Ranks
import Storage
import Tensors

/// The digests of the data, and of the unlabeled examples (`FileDigests`).
struct DataDigests {
    let data: String
    let unlabeled: String?

    private init(data: String, unlabeled: String?) { (self.data, self.unlabeled) = (data, unlabeled) }

    /// What the first process of a job has found, known to all.
    init(_ peers: any Peers, _ find: () throws -> DataDigests) rethrows {
        let text = try peers.ofFirst {
            let found = try find()
            return "\(found.data)\n\(found.unlabeled ?? "")"
        }
        let parts = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        self.init(data: parts[0], unlabeled: parts[1].isEmpty ? nil : parts[1])
    }

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
