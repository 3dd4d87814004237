import Foundation
import Storage
import Testing

@Suite struct FileWriterTests {
    @Test func writesFromTheBeginningAndAtTheEnd() throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "lines")
            try Data("what was there".utf8).write(to: file)
            let first = try FileWriter(creating: file.path)
            try first.write(Array("one\n".utf8))
            try first.write([])
            try first.close()
            let second = try FileWriter(appendingTo: file.path)
            try second.write(Array("two\n".utf8))
            try second.sync()
            #expect(try text(of: file) == "one\ntwo\n")
            try second.close()
        }
    }

    /// Linux has a device that is always full.
    @Test func saysWhenTheDiskIsFull() throws {
        let file = try FileWriter(appendingTo: "/dev/full")
        let error = #expect(throws: StorageError.self) { try file.write([1]) }
        #expect(
            error?.description
                == "could not write '/dev/full': the disk is full (No space left on device); "
                + "make room there, or choose a place on another disk")
        #expect(error?.kind == .write)
    }

    @Test func callsAFileByItsOwnName() throws {
        let error = #expect(throws: StorageError.self) {
            _ = try FileWriter(creating: "no/s.h5.7.partial", as: "no/s.h5")
        }
        #expect(error?.description == "cannot create 'no/s.h5': there is no such folder")
    }
}
