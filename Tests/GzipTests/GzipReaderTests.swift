import Foundation
import Gzip
import Testing

@Suite struct GzipReaderTests {
    /// "hello, hello, hello\n" as gzip 1.12 compresses it.
    static let compressed: [UInt8] = [
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 203, 72, 205, 201, 201, 215, 81, 200, 64, 162,
        184, 0, 231, 66, 110, 82, 20, 0, 0, 0,
    ]

    @Test func readsPlainAndCompressedFilesAlike() throws {
        #expect(try read(Array("hello, hello, hello\n".utf8)) == Array("hello, hello, hello\n".utf8))
        #expect(try read(Self.compressed) == Array("hello, hello, hello\n".utf8))
        #expect(try read([]) == [])
    }

    @Test func saysThatAFileIsCutOff() throws {
        let error = #expect(throws: GzipError.self) { try read(Self.compressed.dropLast(5)) }
        #expect(error?.kind == .damaged)
        #expect(error?.description == "could not read '\(error?.path ?? "")': unexpected end of file")
    }

    @Test func saysThatAFileIsDamaged() throws {
        var bytes = Self.compressed
        bytes[bytes.count - 6] ^= 1
        let error = #expect(throws: GzipError.self) { try read(bytes) }
        #expect(error?.kind == .damaged)
        #expect(error?.description == "could not read '\(error?.path ?? "")': incorrect data check")
    }

    @Test func saysThatAFileIsMissing() {
        let error = #expect(throws: GzipError.self) { _ = try GzipReader(opening: "no/such/file.gz") }
        #expect(error?.description == "could not read 'no/such/file.gz': there is no such file")
        #expect(error?.kind == .missing)
    }

    private func read(_ bytes: some Collection<UInt8>) throws -> [UInt8] {
        let url = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try Data(bytes).write(to: url)
        defer { try? FileManager.default.removeItem(at: url) }
        var reader = try GzipReader(opening: url.path)
        var buffer = [UInt8](repeating: 0, count: 100)
        var span = buffer.mutableSpan
        let count = try reader.read(into: &span)
        return Array(buffer.prefix(count))
    }
}
