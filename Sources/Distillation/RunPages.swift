import Foundation
public import ModelFiles
import Records
import Storage

/// How the result of a run is presented in its directory: the facts in `report.json`, and a page that is made of those alone.
public struct RunPages {
    static let factsName = "report.json"
    static let pageName = "report.html"
    static let names = [factsName, pageName, UnfinishedRun.planName]

    private let facts: (CompressionReport) -> JSON.Object
    private let page: (JSON) -> String

    /// - Parameters:
    ///   - facts: All that the page shows.
    ///   - page: The page, as HTML, which has the fact `run` somewhere in its text.
    public init(facts: @escaping (CompressionReport) -> JSON.Object, page: @escaping (JSON) -> String) {
        (self.facts, self.page) = (facts, page)
    }

    /// Writes both.
    func write(_ report: CompressionReport, to directory: RunDirectory) throws {
        var facts = facts(report)
        facts["run"] = .string(directory.mark)
        let text = try Self.write(facts, to: Self.factsName, in: directory)
        // As whoever makes it anew reads them: numbers that are none are null.
        try directory.write(page(try JSON(parsing: text)), to: Self.pageName)
    }

    /// Writes facts of a run, which have its mark, with their checksum.
    ///
    /// - Returns: The text of the file.
    @discardableResult
    static func write(_ facts: JSON.Object, to name: String, in directory: RunDirectory) throws -> String {
        var facts = facts
        facts["crc32c"] = .string(checksum(facts))
        let text = JSON.object(facts).indented + "\n"
        try directory.write(text, to: name)
        return text
    }

    /// Far more than facts take.
    private static let byteLimit = 64 << 20

    /// The facts of a run in a file of its directory; nil where there is none.
    ///
    /// - Throws: `DamagedReportError` for a file that is not as it was written; `RunDirectoryError` for one that cannot be read.
    static func facts(_ name: String, in directory: String, mark: String) throws -> JSON? {
        let path = "\(directory)/\(name)", data: Data
        do throws(InputFile.Problem) {
            data = try InputFile.bytes(of: path)
        } catch {
            guard error == .missing else { throw RunDirectoryError("cannot read '\(path)': \(error)") }
            return nil
        }
        guard data.count < byteLimit, let facts = try? JSON(parsing: String(decoding: data, as: UTF8.self)),
            let object = facts.object, facts["crc32c"]?.string == checksum(object), facts["run"]?.string == mark
        else { throw DamagedReportError(path: path) }
        return facts
    }

    /// Writes a page of a run, and in the place of nothing but such a page.
    ///
    /// - Throws: `RunDirectoryError` where a file of others has that name.
    static func replace(_ page: String, with text: String, mark: String) throws {
        guard WholeFile.byteCount(of: page) == nil || FileMark.contains(mark, page) else {
            throw RunDirectoryError(
                "'\(page)' is not of the run whose directory that is, and would be replaced; move it elsewhere, or name "
                    + "another file with --output")
        }
        try WholeFile.write(text, to: page)
    }

    private static func checksum(_ facts: JSON.Object) -> String {
        var facts = facts
        facts["crc32c"] = nil
        return String(CRC32C.checksum(Array(JSON.object(facts).compact.utf8).span), radix: 16)
    }
}

/// A run that is over, as its directory has it.
public struct FinishedRun {
    public let directory: String
    /// What `report.json` holds.
    public let facts: JSON
    private let mark: String

    /// - Throws: `NoReportError` where no run has come to its end; `DamagedRunError` for a file that is not as it was written.
    public init(in directory: String) throws {
        self.directory = directory
        guard let run = try RunDirectory.Facts(in: directory) else { throw NoReportError(directory, .noRun) }
        mark = run.mark
        guard let facts = try RunPages.facts(RunPages.factsName, in: directory, mark: mark) else {
            throw NoReportError(directory, .notOver)
        }
        self.facts = facts
    }

    /// The path of its page.
    public var page: String { "\(directory)/\(RunPages.pageName)" }

    /// Writes the page anew.
    ///
    /// - Throws: `LockError` while a run works there; `RunDirectoryError` where a file of others has that name.
    public func write(_ text: String) throws {
        let lock = try RunDirectory.lock(directory)
        defer { withExtendedLifetime(lock) {} }
        try RunPages.replace(page, with: text, mark: mark)
    }
}

/// A directory from which no report can be made.
public struct NoReportError: Error, CustomStringConvertible {
    enum Kind { case noRun, notOver }

    /// Whether there is a run, which has not come to its end.
    public let isUnfinished: Bool
    public let description: String

    init(_ directory: String, _ kind: Kind) {
        isUnfinished = kind == .notOver
        description =
            switch kind {
            case .noRun:
                FileManager.default.fileExists(atPath: directory)
                    ? "'\(directory)': expected the directory of a run, such as student.run, found no "
                        + "'\(RunDirectory.Facts.name)' in it"
                    : "'\(directory)': there is no such directory; name that of a run, such as student.run"
            case .notOver:
                "'\(directory)': found no '\(RunPages.factsName)' in it, which a run of the main job writes at its end. Go on "
                    + "with that run with --resume"
            }
    }
}

/// A `report.json` that is not as a run wrote it.
public struct DamagedReportError: Error, CustomStringConvertible {
    public let path: String

    public var description: String {
        "'\(path)' is damaged or was edited: its checksum is not that of its content. Put it back from a copy, or let the "
            + "run write it again with --resume"
    }
}
