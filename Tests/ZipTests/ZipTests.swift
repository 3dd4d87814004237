import Foundation
import Testing

@testable import Zip

@Suite struct ZipTests {
    /// "hello" and an empty member, as Python's zipfile writes them: the first deflated, the second stored.
    private static let python =
        "UEsDBBQAAAAIAAAAIQCGphA2BwAAAAUAAAAFAAAAYS50eHTLSM3JyQcAUEsDBBQAAAAAAAAAIQAAAAAAAAAAAAAAAAAFAAAAYi50eHRQSwEC"
        + "FAMUAAAACAAAACEAhqYQNgcAAAAFAAAABQAAAAAAAAAAAAAAgAEAAAAAYS50eHRQSwECFAMUAAAAAAAAACEAAAAAAAAAAAAAAAAABQAAAAAA"
        + "AAAAAAAAgAEqAAAAYi50eHRQSwUGAAAAAAIAAgBmAAAATQAAAAAA"

    private func withFile(_ bytes: Data, _ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
        try bytes.write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    private func python() throws -> Data { try #require(Data(base64Encoded: Self.python)) }

    private func text(_ reader: borrowing ZipReader, _ name: String, limit: Int = 100) throws -> String {
        let member = try #require(reader[name])
        return String(decoding: try reader.bytes(of: member, limit: limit), as: UTF8.self)
    }

    @Test func readsWhatPythonWrites() throws {
        try withFile(python()) { path in
            let reader = try ZipReader(opening: path)
            #expect(reader.members.map(\.name) == ["a.txt", "b.txt"])
            #expect(try text(reader, "a.txt") == "hello")
            #expect(try text(reader, "b.txt") == "")
        }
    }

    @Test func writesWhatItReadsInTheSizeItSaid() throws {
        try withFile(Data("content of a file".utf8)) { source in
            try withFile(Data()) { path in
                var writer = try ZipWriter(creating: path)
                try writer.add("a.json", Array("{}".utf8))
                try writer.add("b.h5", contentsOf: source)
                try writer.finish()
                let reader = try ZipReader(opening: path)
                #expect(try text(reader, "a.json") == "{}")
                #expect(try text(reader, "b.h5") == "content of a file")
                let size = ZipWriter.byteCount(of: [("a.json", 2), ("b.h5", 17)])
                #expect(try Data(contentsOf: URL(filePath: path)).count == size)
                let member = try #require(reader["b.h5"]), offset = try #require(try reader.offset(of: member))
                #expect(try Data(contentsOf: URL(filePath: path))[offset..<(offset + 7)] == Data("content".utf8))
            }
        }
    }

    /// APPNOTE 4.5.3: sizes that four bytes do not hold are in an extra field, and the end has a larger record before it.
    @Test func growsBeyondFourGibibytes() {
        let large = 5 << 30
        let plain = ZipWriter.byteCount(of: [("a", 0), ("b", 0)])
        // A field of two sizes before the member and in the directory; one of a place, as the second member begins
        // beyond 4 GiB; and the larger end with its locator, as the directory does.
        let fields = 2 * (4 + 16) + (4 + 8), end = 56 + 20
        #expect(ZipWriter.byteCount(of: [("a", large), ("b", 0)]) == plain + large + fields + end)
    }

    @Test func refusesWhatIsCutOff() throws {
        let bytes = try python()
        for count in stride(from: 4, to: bytes.count, by: 7) {
            try withFile(bytes.prefix(count)) { path in
                #expect(throws: ZipError.self) { _ = try ZipReader(opening: path) }
            }
        }
    }

    @Test func noticesEveryChangedByteOfAMember() throws {
        let bytes = try python()
        // The stream has seven bytes; of the last one only a bit counts.
        for place in 35..<41 {
            var changed = bytes
            changed[place] ^= 0x10
            try withFile(changed) { path in
                #expect(throws: ZipError.self) { _ = try text(ZipReader(opening: path), "a.txt") }
            }
        }
    }

    @Test func takesNoMoreThanItIsAllowed() throws {
        try withFile(python()) { path in
            let reader = try ZipReader(opening: path)
            #expect {
                _ = try text(reader, "a.txt", limit: 4)
            } throws: { error in
                "\(error)" == "'\(path)': 'a.txt' declares 5 bytes; at most 4 are read"
            }
        }
    }

    /// A member that becomes more than it declares is a bomb.
    @Test func stopsAtTheDeclaredSize() throws {
        var bytes = try python()
        // The size in the directory, whose first entry begins at byte 77.
        bytes[77 + 24] = 2
        try withFile(bytes) { path in
            #expect {
                _ = try text(ZipReader(opening: path), "a.txt")
            } throws: { error in
                "\(error)" == "'\(path)': 'a.txt' has more than the 2 bytes it declares"
            }
        }
    }

    @Test func refusesEncryptionAndOtherMethods() throws {
        for (place, value, reason) in [
            (77 + 8, UInt8(1), "'a.txt' is encrypted"),
            (77 + 10, UInt8(14), "'a.txt' is compressed by method 14; expected 0 (stored) or 8 (deflated)"),
        ] {
            var bytes = try python()
            bytes[place] = value
            try withFile(bytes) { path in
                #expect {
                    _ = try ZipReader(opening: path)
                } throws: { "\($0)" == "'\(path)': \(reason)" }
            }
        }
    }

    @Test func refusesTwoMembersOfOneName() throws {
        var bytes = try python()
        let second = try #require(bytes.lastRange(of: Data("b.txt".utf8)))
        bytes[second.lowerBound] = UInt8(ascii: "a")
        try withFile(bytes) { path in
            #expect(throws: ZipError.self) { _ = try ZipReader(opening: path) }
        }
    }
}
