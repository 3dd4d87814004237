import Foundation
public import HDF5
import Storage
import Synchronization

/// Files of examples, whatever their format: each is seen as the HDF5 file that it is or could be.
///
/// A NumPy archive (.npz) is unpacked into a temporary HDF5 file, so that its examples are read like all others: in any
/// order, and in little memory. The file is removed as soon as it is open, and its space is free when nobody reads it any
/// more.
public enum HDF5View {
    /// What of a file is wanted.
    enum Part {
        /// Examples and labels of all splits.
        case splits
        /// The same of data without test examples.
        case splitsButTest
        /// Examples alone, as `train/x` or `x`.
        case unlabeled
        case dataset(String)
    }

    /// The NumPy archive at a path; nil where there is something else.
    static func archive(_ path: String) -> NPZImport? {
        guard let kind = FileKind(of: path), kind != .hdf5 else { return nil }
        return kind == .npz || path.hasSuffix(".npz") ? NPZImport(path: path) : nil
    }

    /// Whether a file holds examples rather than a model: a NumPy archive, or HDF5 with a group `train` or `test`.
    ///
    /// - Returns: false, too, where it cannot be read.
    public static func holdsExamples(_ path: String) -> Bool {
        guard archive(path) == nil else { return true }
        guard FileKind(of: path) == .hdf5, (try? SandboxedProbe.run(path)) != nil,
            let file = try? HDF5File(opening: path)
        else { return false }
        return ["train", "test"].contains { (try? file.root.kind(of: $0)) == .group }
    }

    /// Opens one dataset of a file, or one array of a NumPy archive.
    ///
    /// - Throws: `HDF5Error`, `ZipError`, `ExampleFileError` where it cannot be read; `StorageError` where there is no room
    ///   for a temporary file.
    public static func open<Result>(
        _ path: String, dataset: String, _ body: (borrowing HDF5File) throws -> Result
    ) throws -> Result {
        try open(path, .dataset(dataset), body)
    }

    /// - Parameter isOurs: Whether this program has just written it.
    static func open<Result>(
        _ path: String, _ part: Part, isOurs: Bool = false, _ body: (borrowing HDF5File) throws -> Result
    ) throws -> Result {
        guard !isOurs, let archive = archive(path) else {
            if !isOurs { try SandboxedProbe.run(path) }
            return try body(try HDF5File(opening: path, isOurs: isOurs))
        }
        return try unpacked(path, body) { root in
            switch part {
            case .splits: try archive.writeExamples(to: root) { _ in }
            case .splitsButTest: try archive.writeExamples(to: root, needsTest: false) { _ in }
            case .unlabeled: try archive.writeUnlabeled(to: root)
            case .dataset(let name): try archive.write(array: name, to: root)
            }
        }
    }

    /// Opens the temporary HDF5 file that another file is unpacked into.
    ///
    /// - Parameter write: Writes what is in the other file.
    static func unpacked<Result>(
        _ path: String, _ body: (borrowing HDF5File) throws -> Result,
        write: (borrowing HDF5Group) throws -> Void
    ) throws -> Result {
        var result: Result?
        try WholeFile.withScratch(for: temporaryPath()) { scratch in
            try HDF5File.writeContent(of: scratch, at: scratch) { try write($0.root) }
        } read: { scratch in
            result = try body(try HDF5File(opening: scratch, as: path, isOurs: true))
        }
        guard let result else { preconditionFailure("a scratch file was written and not read") }
        return result
    }

    private static let count = Atomic(0)

    /// A name of its own for each file that this process unpacks; a process that was killed leaves one that the next
    /// removes.
    private static func temporaryPath() -> String {
        let number = count.add(1, ordering: .relaxed).newValue
        return FileManager.default.temporaryDirectory.appending(path: "compress-data-\(number).h5").path
    }
}
