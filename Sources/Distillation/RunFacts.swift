import Foundation
import ModelFiles
import Records
import Storage

extension RunDirectory {
    /// What `run.json` holds: whose directory it is, and what the run's result depends on. It ends in the checksum of that.
    struct Facts {
        static let name = "run.json"

        private static let markStart = "compress-run-"
        private static let byteLimit = 1 << 20

        let mark: String
        /// That of the run here, as `RunFingerprint.json` has it; nil before one begins.
        var fingerprint: JSON?

        init(mark: String, fingerprint: JSON? = nil) { (self.mark, self.fingerprint) = (mark, fingerprint) }

        /// A mark that no other run has.
        static func newMark() -> String { markStart + String(UInt64.random(in: .min ... .max), radix: 16) }

        /// Those of a directory; nil where it has none.
        ///
        /// - Throws: `DamagedRunError` where they are not as they were written; `RunDirectoryError` where no file can be read.
        init?(in directory: String) throws {
            let path = "\(directory)/\(Self.name)", data: Data
            do throws(InputFile.Problem) {
                data = try InputFile.bytes(of: path)
            } catch {
                guard error != .missing else { return nil }
                throw RunDirectoryError("cannot read '\(path)': \(error); choose another --run-directory")
            }
            guard data.count < Self.byteLimit,
                let json = try? JSON(parsing: String(decoding: data, as: UTF8.self)),
                let mark = json["mark"]?.string, mark.hasPrefix(Self.markStart)
            else { throw DamagedRunError(path: path) }
            self.init(mark: mark, fingerprint: json["fingerprint"])
            // Earlier versions wrote none.
            guard let checksum = json["crc32c"]?.string else { return }
            guard checksum == self.checksum else { throw DamagedRunError(path: path) }
        }

        func write(to directory: String) throws {
            var members = members
            members["crc32c"] = .string(checksum)
            try WholeFile.write(JSON.object(members).indented, to: "\(directory)/\(Self.name)")
        }

        private var members: JSON.Object {
            var members: JSON.Object = ["mark": .string(mark)]
            if let fingerprint { members["fingerprint"] = fingerprint }
            return members
        }

        private var checksum: String {
            String(CRC32C.checksum(Array(JSON.object(members).compact.utf8).span), radix: 16)
        }
    }
}

/// A `run.json` that is not as a run wrote it.
public struct DamagedRunError: Error, CustomStringConvertible {
    public let path: String

    public var description: String {
        "'\(path)' is damaged, or not of this program, and nothing in its folder was touched. Put the file back from a copy, or "
            + "begin anew with another --run-directory"
    }
}
