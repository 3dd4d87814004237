import Foundation
import ModelFiles
import Storage
import Training

/// The folder in which a run keeps its state, and which no other process uses meanwhile.
///
/// A run writes only into a folder of its own: a new or an empty one, which then has `run.json`. That file holds a random
/// mark, and so does every file that the run writes. What has a name of ours without the mark is somebody else's: it is
/// neither removed nor replaced, but refused by name. Teachers' predictions have names made of digests, which nobody else has.
final class RunDirectory: Sendable {
    let path: String
    /// What stands in every file that is this run's.
    let mark: String
    private let locks: [FileLock]

    /// Refuses a folder in which something of others would be lost; nothing is written.
    ///
    /// - Parameters:
    ///   - inputs: The files that the run reads.
    ///   - output: The file that it writes.
    static func check(_ path: String, inputs: [String], output: String) throws {
        // What a run is writing there while this one looks is nobody else's.
        try FileLock.check(lockFile(path), for: lockObject(path))
        try checkContent(path, inputs: inputs, output: output)
    }

    private static func checkContent(_ path: String, inputs: [String], output: String?) throws {
        let entries = names(path).filter { !isIgnored($0) }.sorted()
        try refuseInputs(path, inputs)
        if let output, let name = ownName(of: output, in: path) {
            throw RunDirectoryError(
                "'\(output)' would be '\(name)' of the run directory '\(path)'; choose another name for --output")
        }
        guard let mark = try Facts(in: path)?.mark else {
            guard entries.isEmpty else { throw foreign(path, entries) }
            return
        }
        for name in entries where isOwnName(name) && !isOwn("\(path)/\(name)", mark) {
            throw RunDirectoryError(
                "'\(path)/\(name)' is not of the run whose directory that is, and would be replaced; move it elsewhere, "
                    + "or choose another --run-directory")
        }
    }

    /// Makes the folder if need be, locks it and the output against other processes, and marks it as a run directory.
    init(_ path: String, inputs: [String], output: String) throws {
        try Self.check(path, inputs: inputs, output: output)
        let created = try WholeFile.createFolder(path)
        do {
            // The output first: where that is refused, there is no lock file in a new folder.
            locks = [try FileLock(output: output), try FileLock(Self.lockFile(path), for: Self.lockObject(path))]
            // Somebody else may have been faster.
            try Self.checkContent(path, inputs: inputs, output: output)
        } catch {
            WholeFile.removeFolders(created)
            throw error
        }
        for folder in [""] + Self.folders { WholeFile.clearLeftovers(in: "\(path)/\(folder)") }
        self.path = path
        if let facts = try Facts(in: path) {
            mark = facts.mark
        } else {
            mark = Facts.newMark()
            try Facts(mark: mark).write(to: path)
        }
    }

    /// The folder that the first process of a job has made and holds locked, for the others of the job, which write no files in it
    /// but teachers' predictions.
    init(of path: String) throws {
        guard let facts = try Facts(in: path) else {
            throw RunDirectoryError(
                "'\(path)' is not seen by all processes of this job; choose a --run-directory on a file system that they share"
            )
        }
        (self.path, mark, locks) = (path, facts.mark, [])
    }

    /// Makes the folder if need be, and gives it its mark, for processes that share a run's predictions: each may write whole files
    /// of those, and nothing else, whether or not a run holds the folder.
    ///
    /// - Returns: The mark.
    static func join(_ path: String, inputs: [String]) throws -> String {
        // Another process may be about to write the mark; that takes no time.
        for attempt in 0... {
            try checkContent(path, inputs: inputs, output: nil)
            if let facts = try Facts(in: path) { return facts.mark }
            try WholeFile.createFolder(path)
            do {
                let lock = try FileLock(lockFile(path), for: lockObject(path))
                defer { withExtendedLifetime(lock) {} }
                if let facts = try Facts(in: path) { return facts.mark }
                let mark = Facts.newMark()
                try Facts(mark: mark).write(to: path)
                return mark
            } catch let error as LockError {
                guard case .taken = error.reason, attempt < 100 else { throw error }
                Thread.sleep(forTimeInterval: 0.1)
            }
        }
        preconditionFailure("the last attempt throws")
    }

    /// Goes on with the run here, if it is to and there is one; else begins one: removes what an earlier one has left but for
    /// teachers' predictions.
    ///
    /// - Throws: `OtherRunError` with what is different in the run that is to go on; `EarlierRunError` where there is one with a
    ///   checkpoint, unless it is to be replaced.
    func begin(_ fingerprint: RunFingerprint, configuration: String?, isResuming: Bool, replacing: Bool) throws {
        if isResuming, let saved = try Facts(in: path)?.fingerprint {
            return try Self.refuseOtherRun(in: path, fingerprint, saved)
        }
        if !replacing { try Self.refuseEarlierRun(in: path, fingerprint) }
        try Facts(mark: mark).write(to: path)
        for name in Self.names(path) where Self.isResult(name) { WholeFile.remove("\(path)/\(name)") }
        for training in Self.names("\(path)/tensorboard") {
            let folder = "\(path)/tensorboard/\(training)"
            for name in Self.names(folder) where FileMark.contains(mark, "\(folder)/\(name)") {
                WholeFile.remove("\(folder)/\(name)")
            }
        }
        if let configuration { try write("# \(mark)\n\(configuration)", to: "configuration.yaml") }
        try Facts(mark: mark, fingerprint: fingerprint.json).write(to: path)
    }

    /// What stands in the way of a run that begins or goes on in a folder; nothing is written.
    ///
    /// - Throws: What taking the folder, and beginning or going on there, would throw.
    static func rehearse(
        _ path: String, output: String, _ fingerprint: () throws -> RunFingerprint, isResuming: Bool, replacing: Bool
    ) throws {
        try FileLock.check(lockFile(path), for: lockObject(path))
        try FileLock.check(output: output)
        if isResuming, let saved = try Facts(in: path)?.fingerprint {
            try refuseOtherRun(in: path, fingerprint(), saved)
        } else if !replacing, hasCheckpoint(path) {
            try refuseEarlierRun(in: path, fingerprint())
        }
    }

    /// Keeps runs out of a folder, until the lock is given up.
    static func lock(_ path: String) throws -> FileLock { try FileLock(lockFile(path), for: lockObject(path)) }

    /// Whether a run works in a folder.
    static func isInUse(_ path: String) -> Bool {
        do {
            try FileLock.check(lockFile(path), for: lockObject(path))
            return false
        } catch {
            guard case .taken = error.reason else { return false }
            return true
        }
    }

    private static func lockFile(_ path: String) -> String { "\(path)/\(lockName)" }

    private static func lockObject(_ path: String) -> String { "the run directory '\(path)'" }

    private static func refuseEarlierRun(in path: String, _ fingerprint: RunFingerprint) throws {
        guard hasCheckpoint(path) else { return }
        throw EarlierRunError(
            directory: path,
            differences: try Facts(in: path)?.fingerprint.map(fingerprint.differences) ?? ["its settings are lost"])
    }

    private static func refuseOtherRun(in path: String, _ fingerprint: RunFingerprint, _ saved: JSON) throws {
        let differences = fingerprint.differences(from: saved)
        guard differences.isEmpty else { throw OtherRunError(directory: path, differences: differences) }
    }

    /// Writes a text that has the mark in it.
    func write(_ text: String, to name: String) throws {
        try WholeFile.write(text, to: "\(path)/\(name)")
    }
}

// MARK: - Names

extension RunDirectory {
    private static let markName = Facts.name
    private static let lockName = "run.lock"
    private static let checkpointEnding = "-checkpoint.h5"
    private static let folders = ["soft-targets", "soft-targets-unlabeled", "tensorboard"]

    /// The file from which a training goes on.
    static func checkpoint(_ directory: String, training: String) -> String {
        "\(directory)/\(training.replacing(" ", with: "-"))\(checkpointEnding)"
    }

    /// How a run keeps the models that it reads again, whatever format its result has.
    static let format = KerasHDF5()

    /// The student that teaches the next generation.
    static func student(_ directory: String, ofGeneration generation: Int) -> String {
        "\(directory)/generation-\(generation).h5"
    }

    /// A model that was trained without one part of the training rows, counted from 1.
    static func model(_ directory: String, withoutFold fold: Int) -> String { "\(directory)/fold-\(fold).h5" }

    /// Whether there is a training to go on with.
    static func hasCheckpoint(_ directory: String) -> Bool {
        names(directory).contains {
            $0.hasSuffix(checkpointEnding) || $0.hasSuffix(Checkpoint.previous(checkpointEnding))
        }
    }

    /// Whether a file is one that training leaves, which a run that begins anew removes.
    private static func isResult(_ name: String) -> Bool {
        name.hasSuffix(checkpointEnding) || name.hasSuffix(Checkpoint.previous(checkpointEnding))
            || name == "metrics.jsonl" || RunPages.names.contains(name)
            || name.wholeMatch(of: /(generation|fold)-[0-9]+\.h5/) != nil
    }

    private static func isOwnName(_ name: String) -> Bool {
        isResult(name) || ["configuration.yaml", "manifest.json", KeptDigests.name].contains(name)
    }

    /// What a disk has by itself, what systems hide, and what a run writes before its mark.
    private static func isIgnored(_ name: String) -> Bool {
        name.hasPrefix(".") || name == "lost+found" || name.hasPrefix(markName) || name == lockName
    }

    private static func isOwn(_ path: String, _ mark: String) -> Bool {
        // No pipe, and no folder. A log whose run was killed before its first line, or could not write all of it.
        guard (try? InputFile.check(path)) != nil else { return false }
        return WholeFile.byteCount(of: path) == 0 || FileMark.contains(mark, path) || MetricsLog.isHalfALine(path)
    }

    private static func names(_ folder: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    }
}

// MARK: - Refusals

extension RunDirectory {
    /// Refuses inputs that are files of the run directory, by whatever name or link they are called.
    private static func refuseInputs(_ directory: String, _ inputs: [String]) throws(RunDirectoryError) {
        var own = names(directory).filter { isOwnName($0) || $0 == markName || $0 == lockName }
        for folder in folders {
            own += ((try? FileManager.default.subpathsOfDirectory(atPath: "\(directory)/\(folder)")) ?? []).map {
                "\(folder)/\($0)"
            }
        }
        let files = own.compactMap { name in FileIdentity("\(directory)/\(name)").map { (name, $0) } }
        for input in inputs {
            guard let identity = FileIdentity(input),
                let (name, _) = files.first(where: { $0.1.isSameFile(as: identity) })
            else { continue }
            throw RunDirectoryError(
                "'\(input)' is the file '\(name)' of the run directory '\(directory)', which a run replaces; copy it to "
                    + "another folder and name it there, or choose another --run-directory")
        }
    }

    /// What of the run directory a path would be, if it is to have a name of ours there.
    private static func ownName(of output: String, in directory: String) -> String? {
        let root = URL(filePath: directory).standardizedFileURL.resolvingSymlinksInPath().pathComponents
        let file = URL(filePath: output).standardizedFileURL
        let components =
            file.deletingLastPathComponent().resolvingSymlinksInPath().pathComponents + [file.lastPathComponent]
        guard components.count > root.count, components.starts(with: root) else { return nil }
        let inside = components[root.count...], first = inside[root.count]
        let isOwn =
            inside.count == 1
            ? isOwnName(first) || first == markName || first == lockName : folders.contains(first)
        return isOwn ? inside.joined(separator: "/") : nil
    }

    private static func foreign(_ path: String, _ entries: [String]) -> RunDirectoryError {
        // Those that would be replaced come first.
        let ordered = entries.filter(isOwnName) + entries.filter { !isOwnName($0) }
        let some = ordered.prefix(3).map { "'\($0)'" }.joined(separator: ", ")
        let more = ordered.count > 3 ? " and \(ordered.count - 3) more" : ""
        let isOld = entries.contains("manifest.json") && entries.contains("soft-targets")
        let what =
            isOld ? "is the run directory of an earlier version of this program" : "is no run directory, and not empty"
        return RunDirectoryError(
            "'\(path)' \(what): it has \(some)\(more). Nothing in it was touched; name a new or empty folder with "
                + "--run-directory")
    }
}

/// A run directory that cannot be used: it holds, or is, something else.
public struct RunDirectoryError: Error, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// An earlier run in the run directory, which a new one would replace.
public struct EarlierRunError: Error, CustomStringConvertible {
    public let directory: String
    /// What the new run has otherwise; nothing for the very same run.
    let differences: [String]

    public var description: String {
        guard !differences.isEmpty else {
            return
                "'\(directory)' holds this very run, stopped or finished. Go on with it with --resume, or begin anew "
                + "with --force"
        }
        let some = differences.prefix(3).joined(separator: "; ")
        let more = differences.count > 3 ? "; and \(differences.count - 3) more" : ""
        return "'\(directory)' holds a run with other options, data or models: \(some)\(more). Name another "
            + "--run-directory, go on with that run with --resume, or replace it with --force"
    }
}

/// Whether a run directory has a training to go on with.
public func hasCheckpoint(_ directory: String) -> Bool { RunDirectory.hasCheckpoint(directory) }

/// Whether a run has begun in a run directory, so that it can go on.
///
/// - Throws: `DamagedRunError`; `RunDirectoryError` where no file can be read.
public func hasRun(_ directory: String) throws -> Bool { try RunDirectory.Facts(in: directory)?.fingerprint != nil }

/// A stopped run that is not the one that is to go on.
public struct OtherRunError: Error, CustomStringConvertible {
    public let directory: String
    let differences: [String]

    public var description: String {
        let some = differences.prefix(3).joined(separator: "; ")
        let more = differences.count > 3 ? "; and \(differences.count - 3) more" : ""
        return "'\(directory)' belongs to a run with other options, data or teachers: \(some)\(more). "
            + "Resume with those that the run was started with, or choose another --run-directory"
    }
}
