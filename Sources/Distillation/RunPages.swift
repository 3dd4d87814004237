import Foundation
public import ModelFiles
import Records
import Storage

/// How the result of a run is presented in its directory: the facts in `report.json`, and a page that is made of those alone.
public struct RunPages {
    static let factsName = "report.json"
    static let pageName = "report.html"
    static let names = [factsName, pageName]

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
        facts["crc32c"] = .string(Self.checksum(facts))
        let text = JSON.object(facts).indented + "\n"
        try directory.write(text, to: Self.factsName)
        // As whoever makes it anew reads them: numbers that are none are null.
        try directory.write(page(try JSON(parsing: text)), to: Self.pageName)
    }

    fileprivate static func checksum(_ facts: JSON.Object) -> String {
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

    /// Far more than a report takes.
    private static let byteLimit = 64 << 20

    /// - Throws: `NoReportError` where no run has come to its end; `DamagedRunError` for a file that is not as it was written.
    public init(in directory: String) throws {
        self.directory = directory
        guard let run = try RunDirectory.Facts(in: directory) else { throw NoReportError(directory, .noRun) }
        mark = run.mark
        let path = "\(directory)/\(RunPages.factsName)", data: Data
        do throws(InputFile.Problem) {
            data = try InputFile.bytes(of: path)
        } catch {
            guard error == .missing else { throw RunDirectoryError("cannot read '\(path)': \(error)") }
            throw NoReportError(directory, .notOver)
        }
        guard data.count < Self.byteLimit, let facts = try? JSON(parsing: String(decoding: data, as: UTF8.self)),
            let object = facts.object, facts["crc32c"]?.string == RunPages.checksum(object),
            facts["run"]?.string == mark
        else { throw DamagedReportError(path: path) }
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
        guard WholeFile.byteCount(of: page) == nil || FileMark.contains(mark, page) else {
            throw RunDirectoryError(
                "'\(page)' is not of the run whose directory that is, and would be replaced; move it elsewhere, or name "
                    + "another file with --output")
        }
        try WholeFile.write(text, to: page)
    }
}

/// A directory from which no report can be made.
public struct NoReportError: Error, CustomStringConvertible {
    enum Kind { case noRun, notOver }

    public let description: String

    init(_ directory: String, _ kind: Kind) {
        description =
            switch kind {
            case .noRun:
                "'\(directory)': expected the directory of a run, such as student.run, found no '\(RunDirectory.Facts.name)' "
                    + "in it"
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
