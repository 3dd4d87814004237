import Foundation
import Storage
import Testing

@Suite struct WholeFileTests {
    private struct Stop: Error {}

    @Test func writesUnderAnotherNameUntilItIsWhole() throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "s.h5")
            try Data("old".utf8).write(to: file)
            let count = try WholeFile.write(to: file.path) { partial in
                #expect(partial == "\(file.path).\(getpid()).partial")
                try Data("new one".utf8).write(to: URL(filePath: partial))
                #expect(try text(of: file) == "old")
            } check: { partial, byteCount in
                let contents = try (text(of: URL(filePath: partial)), text(of: file))
                #expect(contents == ("new one", "old"))
                #expect(byteCount == 7)
            }
            #expect(count == 7)
            #expect(try text(of: file) == "new one")
            #expect(try names(in: folder) == ["s.h5"])
        }
    }

    @Test func keepsTheOldFileWhateverGoesWrong() throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "s.h5")
            try Data("old".utf8).write(to: file)
            #expect(throws: Stop.self) { try WholeFile.write(to: file.path) { _ in throw Stop() } }
            #expect(throws: Stop.self) {
                try WholeFile.write(to: file.path) { _ in
                } check: { _, _ in
                    throw Stop()
                }
            }
            #expect(throws: Stop.self) {
                try WholeFile.withScratch(for: file.path) { _ in
                } read: { _ in
                    throw Stop()
                }
            }
            #expect(try text(of: file) == "old")
            #expect(try names(in: folder) == ["s.h5"])
        }
    }

    /// What is under the name of a partial file may be that of another process, which writes the same output.
    @Test func leavesThePartialFileOfAProcessThatLives() throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "s.h5").path
            try WholeFile.write(to: file) { first in
                let error = #expect(throws: StorageError.self) { try WholeFile.write("second", to: file) }
                #expect(
                    error?.description
                        == "cannot create '\(file)': another process is writing it; "
                        + "wait until that ends, or choose another name")
                WholeFile.clearLeftovers(in: folder.path)
                #expect(try names(in: folder) == [URL(filePath: first).lastPathComponent])
                try Data("first".utf8).write(to: URL(filePath: first))
            }
            #expect(try text(of: URL(filePath: file)) == "first")
        }
    }

    @Test func removesWhatDeadProcessesHaveLeft() throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "s.h5").path
            for name in [
                // Of dead processes, one of which had our number.
                "s.h5.1.partial", "s.h5.99999.partial", "s.h5.\(getpid()).partial",
                // Of another output, and files of others.
                "t.h5.7.partial", "s.h5.partial", "s.h5.x.partial", "s.h5.-3.partial", "s.h5.7.partial.bak",
                "7.partial",
            ] { try Data("left".utf8).write(to: folder.appending(path: name)) }
            let others = ["7.partial", "s.h5.-3.partial", "s.h5.7.partial.bak", "s.h5.partial", "s.h5.x.partial"]
            try WholeFile.write("whole", to: file)
            #expect(try names(in: folder) == (others + ["s.h5", "t.h5.7.partial"]).sorted())
            WholeFile.clearLeftovers(in: folder.path)
            #expect(try names(in: folder) == (others + ["s.h5"]).sorted())
        }
    }

    @Test func writesWhatALinkLeadsTo() throws {
        try withTemporaryFolder { folder in
            let large = folder.appending(path: "large"), link = folder.appending(path: "s.h5")
            try FileManager.default.createDirectory(at: large, withIntermediateDirectories: true)
            // A relative link to another link, to a file that is not there yet.
            try FileManager.default.createSymbolicLink(atPath: link.path, withDestinationPath: "large/again.h5")
            try FileManager.default.createSymbolicLink(
                atPath: large.appending(path: "again.h5").path, withDestinationPath: "target.h5")
            for content in ["first", "second"] {
                try WholeFile.write(to: link.path) { partial in
                    #expect(partial.hasPrefix(large.appending(path: "target.h5.").path))
                    try Data(content.utf8).write(to: URL(filePath: partial))
                }
                #expect(try text(of: large.appending(path: "target.h5")) == content)
            }
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path) == "large/again.h5")
            #expect(try names(in: large) == ["again.h5", "target.h5"])
            #expect(try names(in: folder) == ["large", "s.h5"])
        }
    }

    @Test func refusesALinkToItself() throws {
        try withTemporaryFolder { folder in
            let link = folder.appending(path: "s.h5").path
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "s.h5")
            let error = #expect(throws: StorageError.self) { try WholeFile.rehearse(link) }
            #expect(error?.description == "cannot create '\(link)': too many levels of symbolic links")
        }
    }

    @Test func writesByANameWithoutAFolder() throws {
        let name = "\(UUID().uuidString).txt"
        try WholeFile.write("here", to: name)
        defer { WholeFile.remove(name) }
        #expect(try text(of: URL(filePath: name)) == "here")
    }

    @Test func saysWhyNothingCanBeCreated() throws {
        let none = #expect(throws: StorageError.self) { try WholeFile.write("", to: "no/such/s.h5") }
        #expect(none?.description == "cannot create 'no/such/s.h5': there is no such folder")
        #expect(none?.kind == .create)
        let other = #expect(throws: StorageError.self) { try WholeFile.rehearse("/proc/s.h5") }
        #expect(other?.kind == .create)
    }

    @Test func createsFoldersInFolders() throws {
        try withTemporaryFolder { folder in
            let inner = folder.appending(path: "a/b/c").path
            for _ in 0..<2 { try WholeFile.createFolder(inner) }
            try WholeFile.write("x", to: inner + "/x")
            let error = #expect(throws: StorageError.self) { try WholeFile.createFolder(inner + "/x") }
            #expect(error?.description == "cannot create '\(inner)/x': there is a file of that name already")
        }
    }
}
