import Foundation
import Storage
import Testing

private func withFolder(_ body: (_ folder: URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
}

@Suite struct WatchedFilesTests {
    /// What somebody else may do to a file that is being read.
    enum Change: CaseIterable { case cut, overwritten, replaced, removed, appended }

    private func change(_ url: URL, _ change: Change) throws {
        switch change {
        case .cut: try FileHandle(forWritingTo: url).truncate(atOffset: 2)
        case .overwritten:
            let file = try FileHandle(forUpdating: url)
            try file.write(contentsOf: Data("EXA".utf8))
            try file.close()
        case .replaced:
            let other = url.appendingPathExtension("new")
            try Data("examples".utf8).write(to: other)
            _ = rename(other.path, url.path)
        case .removed: try FileManager.default.removeItem(at: url)
        case .appended:
            let file = try FileHandle(forUpdating: url)
            try file.seekToEnd()
            try file.write(contentsOf: Data("s".utf8))
            try file.close()
        }
    }

    @Test(arguments: Change.allCases)
    func noticesEveryChange(how: Change) throws {
        try withFolder { folder in
            let url = folder.appending(path: "data.h5"), other = folder.appending(path: "teacher.h5")
            for url in [url, other] { try Data("examples".utf8).write(to: url) }
            let files = WatchedFiles([other.path, url.path])
            try files.check()
            // Clocks of file systems tick every few milliseconds.
            Thread.sleep(forTimeInterval: 0.02)
            try change(url, how)
            let error = #expect(throws: InputChangedError.self) { try files.check() }
            #expect(error?.path == url.path && error?.isGone == (how == .removed))
        }
    }

    @Test func aLinkIsTheFileItLeadsTo() throws {
        try withFolder { folder in
            let url = folder.appending(path: "a"), manager = FileManager.default
            try Data("a".utf8).write(to: url)
            try Data("a".utf8).write(to: folder.appending(path: "b"))
            try manager.linkItem(at: url, to: folder.appending(path: "hard"))
            try manager.createSymbolicLink(at: folder.appending(path: "soft"), withDestinationURL: url)
            let identity = try #require(FileIdentity(url.path))
            for (name, isSame) in [("hard", true), ("soft", true), ("b", false)] {
                let other = try #require(FileIdentity(folder.appending(path: name).path))
                #expect(identity.isSameFile(as: other) == isSame, "\(name)")
            }
            #expect(FileIdentity(folder.appending(path: "none").path) == nil)
        }
    }
}

@Suite struct FileLockTests {
    @Test func isHadByOneAtATime() throws {
        try withFolder { folder in
            let path = folder.appending(path: "run.lock").path
            do {
                let lock = try FileLock(path, for: "the run directory 'r'")
                let error = #expect(throws: LockError.self) { try FileLock(path, for: "the run directory 'r'") }
                let process = "process \(getpid()) on \(ProcessInfo.processInfo.hostName)"
                #expect(error?.reason == .taken(by: process))
                #expect(
                    error?.description
                        == "the run directory 'r' is in use by \(process); wait for it to end, or choose another")
                _ = lock
            }
            _ = try FileLock(path, for: "the run directory 'r'")
            #expect(FileManager.default.fileExists(atPath: path))
        }
    }

    @Test func removesATemporaryFile() throws {
        try withFolder { folder in
            let path = folder.appending(path: ".s.h5.compress-lock").path
            // One that a killed process left behind is no obstacle.
            try Data("compress process 1 on elsewhere\n".utf8).write(to: URL(filePath: path))
            do {
                let lock = try FileLock(path, for: "the output 's.h5'", isTemporary: true)
                #expect(FileManager.default.fileExists(atPath: path))
                _ = lock
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        }
    }

    /// One output has one lock, by whatever link it is called.
    @Test func isTheSameForALinkToAnOutput() throws {
        try withFolder { folder in
            let (path, link) = (folder.appending(path: "s.h5").path, folder.appending(path: "link.h5").path)
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "s.h5")
            do {
                let lock = try FileLock(output: path)
                let errors = [path, link].map { output in
                    #expect(throws: LockError.self) { try FileLock(output: output) }?.object
                }
                #expect(errors == ["the output '\(path)'", "the output '\(link)'"])
                #expect(throws: LockError.self) { try FileLock.check(output: link) }
                _ = lock
            }
            _ = try FileLock(output: link)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["link.h5"])
        }
    }

    @Test func leavesFilesOfOthersAlone() throws {
        try withFolder { folder in
            let url = folder.appending(path: "run.lock")
            try Data("mine".utf8).write(to: url)
            #expect(throws: LockError.self) { try FileLock(url.path, for: "the run directory 'r'", isTemporary: true) }
            #expect(try Data(contentsOf: url) == Data("mine".utf8))
        }
    }

    @Test func saysWhyItCannotBeMade() throws {
        try withFolder { folder in
            let error = #expect(throws: LockError.self) {
                try FileLock(folder.appending(path: "none/run.lock").path, for: "the run directory 'r'")
            }
            #expect(error?.description == "cannot lock the run directory 'r': there is no such folder")
        }
    }
}

@Suite struct FileMarkTests {
    /// Wherever it stands, also where one block of what is read ends and the next begins.
    @Test(arguments: [0, 1, (1 << 20) - 3, 1 << 20, (1 << 20) + 5, 3 << 20])
    func isFoundAnywhere(place: Int) throws {
        try withFolder { folder in
            let url = folder.appending(path: "file"), mark = "compress-run-1a2b"
            try (Data(repeating: 0x63, count: place) + Data(mark.utf8) + Data(repeating: 0, count: 10)).write(to: url)
            #expect(FileMark.contains(mark, url.path))
            #expect(!FileMark.contains("compress-run-1a2c", url.path))
        }
    }

    @Test func isNotInWhatIsNotThere() throws {
        try withFolder { folder in
            try Data().write(to: folder.appending(path: "empty"))
            #expect(!FileMark.contains("mark", folder.appending(path: "empty").path))
            #expect(!FileMark.contains("mark", folder.appending(path: "none").path))
        }
    }
}
