import Foundation
import Storage
import Testing

/// Files that are opened to be read, and what is none.
@Suite struct InputFileTests {
    private func problem(_ path: String) -> InputFile.Problem? {
        do throws(InputFile.Problem) {
            _ = try InputFile.open(path)
            return nil
        } catch {
            return error
        }
    }

    @Test func readsRegularFilesAndLinksToThem() throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "file").path, link = folder.appending(path: "link").path
            try Data("content".utf8).write(to: URL(filePath: file))
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: file)
            for path in [file, link] {
                try InputFile.check(path)
                #expect(try InputFile.bytes(of: path) == Data("content".utf8))
            }
        }
    }

    /// A pipe waits for its writer, and a device may have no end.
    @Test(.timeLimit(.minutes(1))) func refusesWhatIsNoRegularFile() throws {
        try withTemporaryFolder { folder in
            let pipe = folder.appending(path: "pipe").path
            #expect(mkfifo(pipe, 0o600) == 0)
            let expected: [(String, InputFile.Problem)] = [
                (pipe, .special("a pipe")), ("/dev/zero", .special("a device")), (folder.path, .directory),
                (pipe + "/x", .missing), (pipe + ".none", .missing),
            ]
            for (path, expected) in expected {
                #expect(problem(path) == expected)
                #expect(throws: expected) { try InputFile.check(path) }
            }
            #expect(
                InputFile.Problem.special("a pipe").description
                    == "it is a pipe, not a regular file; write its content to a file first")
            #expect(!FileMark.contains("mark", pipe))
        }
    }
}

@Suite struct ScratchFileTests {
    @Test func goesWithItsValue() throws {
        func use() throws -> String {
            let file = try ScratchFile(), path = file.path
            try Data("content".utf8).write(to: URL(filePath: path))
            withExtendedLifetime(file) {}
            return path
        }
        #expect(try !FileManager.default.fileExists(atPath: use()))
    }

    /// No process has this number.
    @Test func removesWhatAKilledProcessLeft() throws {
        let left = FileManager.default.temporaryDirectory.appending(path: "compress-2147483646-x.scratch")
        try Data().write(to: left)
        let file = try ScratchFile()
        #expect(!FileManager.default.fileExists(atPath: left.path))
        #expect(FileManager.default.fileExists(atPath: file.path))
        withExtendedLifetime(file) {}
    }
}
