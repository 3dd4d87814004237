import Foundation

/// A file for what is needed only for a while, in the folder for temporary files; it goes when this value does.
///
/// Its name has the process in it for which it is made, also where a child makes it: that one removes what a child left that
/// was killed, and whoever makes the next one what the process itself left.
public struct ScratchFile: ~Copyable {
    public let path: String

    private static let start = "compress-", ending = ".scratch"
    /// The process whose files these are.
    private static let owner = getpid()

    /// Makes this process the owner of what its children will make. To be called before they are forked.
    public static func own() { _ = owner }

    /// Creates an empty file that nobody else may read.
    ///
    /// - Throws: `StorageError` where there can be none.
    public init() throws(StorageError) {
        Self.remove { $0 != Self.owner && kill($0, 0) != 0 && errno == ESRCH }
        let path = "\(Self.folder)/\(Self.start)\(Self.owner)-\(UUID().uuidString)\(Self.ending)"
        guard let descriptor = Descriptor(path, O_RDWR | O_CREAT | O_EXCL, mode: 0o600), descriptor.close() else {
            throw StorageError(.create, path)
        }
        self.path = path
    }

    deinit { unsafe unlink(path) }

    /// Removes those of this process and its children.
    static func removeOwn() { remove { $0 == owner } }

    private static var folder: String { FileManager.default.temporaryDirectory.path }

    private static func remove(_ isMeant: (Int32) -> Bool) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        where name.hasPrefix(start) && name.hasSuffix(ending) {
            guard let id = name.dropFirst(start.count).split(separator: "-").first.flatMap({ Int32($0) }), isMeant(id)
            else {
                continue
            }
            unsafe unlink("\(folder)/\(name)")
        }
    }
}
