import Foundation
import Storage
import Testing

/// Sizes of files.
@Suite struct FileSizeTests {
    /// What a symbolic link leads to counts, not the link.
    @Test func areThoseOfTheFile() throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "file").path, link = folder.appending(path: "link").path
            try Data(count: 12_345).write(to: URL(filePath: file))
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: file)
            #expect(WholeFile.byteCount(of: file) == 12_345)
            #expect(WholeFile.byteCount(of: link) == 12_345)
            #expect(WholeFile.byteCount(of: folder.appending(path: "none").path) == nil)
        }
    }
}
