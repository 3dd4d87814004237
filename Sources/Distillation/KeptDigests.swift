import Foundation
import ModelFiles
import Models
import Records
import Storage

/// `digests.json` in the run directory: the digests of large data files, so that not every start and every `--resume` reads
/// all of them.
///
/// One counts for the file at its path, as long as that has its size and its time of change. The file has the mark of its
/// run, and ends in the checksum of what stands before that.
enum KeptDigests {
    static let name = "digests.json"
    private static let byteLimit = 1 << 20

    /// Notes those that a directory has; one that is missing, damaged or of other files is computed anew.
    static func recall(in directory: String) {
        for (path, bytes, modified, digest) in entries(in: directory) {
            guard let identity = FileIdentity(path), identity.byteCount == bytes, identity.modified == modified else {
                continue
            }
            FileDigests.note(digest, of: identity)
        }
    }

    /// Keeps those of some files, as far as they are worth it. Nothing is written where they are kept already.
    static func keep(of paths: [String], in directory: RunDirectory) throws {
        try keep(of: paths, in: directory.path, mark: directory.mark)
    }

    static func keep(of paths: [String], in directory: String, mark: String) throws {
        let kept = paths.compactMap { path -> Entry? in
            let path = absolutePath(path)
            guard let identity = FileIdentity(path), let digest = FileDigests.known(identity) else { return nil }
            return (path, identity.byteCount, identity.modified, digest)
        }
        guard !kept.isEmpty, !kept.elementsEqual(entries(in: directory), by: ==) else { return }
        let files = kept.map { entry -> JSON in
            [
                "path": .string(entry.path), "bytes": .integer(entry.bytes), "modified": .string(entry.modified),
                "digest": .string(entry.digest),
            ]
        }
        var members: JSON.Object = ["run": .string(mark), "files": .array(files)]
        members["crc32c"] = .string(checksum(members))
        try WholeFile.write(JSON.object(members).indented, to: "\(directory)/\(name)")
    }

    private typealias Entry = (path: String, bytes: Int, modified: String, digest: String)

    private static func entries(in directory: String) -> [Entry] {
        guard let data = try? InputFile.bytes(of: "\(directory)/\(name)"), data.count < byteLimit,
            let json = try? JSON(parsing: String(decoding: data, as: UTF8.self)), let run = json["run"],
            let files = json["files"],
            json["crc32c"]?.string == checksum(["run": run, "files": files])
        else { return [] }
        return (files.array ?? []).compactMap { file in
            guard let path = file["path"]?.string, let bytes = file["bytes"]?.integer,
                let modified = file["modified"]?.string, let digest = file["digest"]?.string
            else { return nil }
            return (path, bytes, modified, digest)
        }
    }

    private static func checksum(_ members: JSON.Object) -> String {
        String(CRC32C.checksum(Array(JSON.object(members).compact.utf8).span), radix: 16)
    }
}
