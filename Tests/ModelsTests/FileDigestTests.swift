import Foundation
import ModelFiles
import Storage
import TestSupport
import Testing

@testable import Models

/// Digests of data files as other programs compute them.
@Suite struct FileDigestTests {
    /// By hand, with Python's hashlib: pieces of 4 bytes of `0123456789`.
    @Test(arguments: [1, 2, 5])
    func isTheRootOfATree(threads: Int) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d").path
            try Data("0123456789".utf8).write(to: URL(filePath: path))
            #expect(
                try FileDigests.tree(ofFile: path, pieceByteCount: 4, threads: threads)
                    == "sha256-tree:f3e5ce746ad08b28bd235c35848617ef789835d0a7e0d21816339fc6c4e055cd")
            let leaves = ["0123", "4567", "89"].map { sha256(of: $0) + "\n" }.joined()
            #expect(try FileDigests.tree(ofFile: path, pieceByteCount: 4) == "sha256-tree:\(sha256(of: leaves))")
        }
    }

    /// A file of one piece has the digest that `sha256sum` prints.
    @Test func isPlainForSmallFiles() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d").path
            try Data("abc".utf8).write(to: URL(filePath: path))
            #expect(
                try FileDigests.digest(ofFile: path)
                    == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
            #expect(FileDigests.known(try #require(FileIdentity(path))) == nil)
            #expect(throws: ModelFileError.self) { try FileDigests.digest(ofFile: path + "x") }
        }
    }

    @Test func stopsBetweenPieces() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d").path
            try Data(count: 100).write(to: URL(filePath: path))
            #expect(throws: CancellationError.self) {
                try FileDigests.tree(ofFile: path, pieceByteCount: 10, isInterrupted: { true })
            }
        }
    }

    /// What is noted is known as long as nobody writes the file. Predictions of earlier versions have the plain SHA-256.
    @Test func knowsWhatWasNoted() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d").path
            try Data(count: FileDigests.pieceByteCount + 1).write(to: URL(filePath: path))
            let digest = try FileDigests.digest(ofFile: path)
            #expect(digest == (try FileDigests.tree(ofFile: path, pieceByteCount: FileDigests.pieceByteCount)))
            let plain = try sha256(ofFile: path)
            #expect(try FileDigests.hasFile(path, digest: plain) && FileDigests.hasFile(path, digest: digest))
            #expect(try !FileDigests.hasFile(path, digest: sha256(of: "other")))
            FileDigests.note("noted", of: try #require(FileIdentity(path)))
            #expect(try FileDigests.digest(ofFile: path) == "noted")
            Thread.sleep(forTimeInterval: 0.02)
            try Data(count: FileDigests.pieceByteCount + 1).write(to: URL(filePath: path))
            #expect(try FileDigests.digest(ofFile: path) == digest)
        }
    }
}
