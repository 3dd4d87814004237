import Foundation
import Storage
import Testing

/// Files that get another name.
@Suite struct FileNameTests {
    @Test func movesWhatIsThere() throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "file"), other = folder.appending(path: "other")
            try Data("new".utf8).write(to: file)
            try Data("old".utf8).write(to: other)
            try FileName.move(file.path, to: other.path)
            #expect(try names(in: folder) == ["other"])
            #expect(try text(of: other) == "new")
            try FileName.move(file.path, to: other.path)
            #expect(try text(of: other) == "new")
        }
    }

    @Test func saysWhereItCannotMove() throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "file"), other = folder.appending(path: "other")
            try Data("new".utf8).write(to: file)
            try FileManager.default.createDirectory(at: other, withIntermediateDirectories: false)
            #expect(throws: StorageError(.write, other.path, EISDIR)) { try FileName.move(file.path, to: other.path) }
            #expect(try names(in: folder) == ["file", "other"])
        }
    }
}
