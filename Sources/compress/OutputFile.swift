import Datasets
import Foundation
import ModelFiles
import Storage

/// Finds out before any work is done that its result could not be kept.
enum OutputFile {
    /// Keeps other processes from writing the same file, until the lock that is returned is given up.
    ///
    /// - Throws: What `check` throws; `LockError` if another process writes it.
    static func lock(_ path: String, inputs: [String] = []) throws -> FileLock {
        try check(path, inputs: inputs)
        return try FileLock(output: path)
    }

    /// The format in which a model is written to a path; throws if there is none, or if no file can be created there.
    static func checkModel(_ path: String, inputs: [String]) throws -> any ModelFormat {
        try check(path, inputs: inputs)
        return try ModelFormats.named(by: path)
    }

    /// Throws if predictions cannot be written to a path: no file can be created there, or its suffix is of no such format.
    static func checkPredictions(_ path: String, inputs: [String]) throws(Failure) {
        try check(path, inputs: inputs)
        let suffixes = PredictionFile.writtenSuffixes
        guard suffixes.contains(where: path.lowercased().hasSuffix) else {
            throw Failure(
                .usage, "'\(path)': predictions are written to files that end in \(suffixes.joined(separator: ", "))")
        }
    }

    /// Throws if no file can be created at a path, or if it is one of the inputs.
    ///
    /// A regular file there is no obstacle: it will be replaced once the new one is whole.
    static func check(_ path: String, inputs: [String] = []) throws(Failure) {
        guard !path.isEmpty else { throw Failure(.usage, "--output is empty; name the file to write") }
        var status = stat()
        if unsafe stat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFREG else {
                let isFolder = status.st_mode & S_IFMT == S_IFDIR
                let kind = isFolder ? "a folder" : "no regular file"
                throw Failure(.cannotCreate, "cannot create '\(path)': it is \(kind)")
            }
            for input in inputs where isSame(status, input) {
                throw Failure(.usage, "'\(path)' is both an input and the output; choose another name for --output")
            }
        }
        do throws(StorageError) { try WholeFile.rehearse(path) } catch { throw Failure(error) }
    }

    private static func isSame(_ status: stat, _ path: String) -> Bool {
        var other = stat()
        return unsafe stat(path, &other) == 0 && other.st_dev == status.st_dev && other.st_ino == status.st_ino
    }
}
