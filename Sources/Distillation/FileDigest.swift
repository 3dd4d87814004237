import Crypto
import Foundation
import ModelFiles
import Storage

/// The SHA-256 of a file's content, in hexadecimal.
///
/// - Throws: `ModelFileError` where there is no such file, and what the system says when it cannot be read.
public func sha256(ofFile path: String) throws -> String {
    let file: FileHandle
    do throws(InputFile.Problem) {
        file = try InputFile.open(path)
    } catch {
        throw ModelFileError(error == .missing ? .missing : .unreadable, path, [error.description])
    }
    var hash = SHA256()
    while let block = try file.read(upToCount: 1 << 22), !block.isEmpty { hash.update(data: block) }
    return hexadecimal(hash.finalize())
}

/// The SHA-256 of a text, in hexadecimal.
func sha256(of text: String) -> String { hexadecimal(SHA256.hash(data: Data(text.utf8))) }

private func hexadecimal(_ digest: SHA256.Digest) -> String {
    digest.map { byte in
        let text = String(byte, radix: 16)
        return byte < 16 ? "0" + text : text
    }.joined()
}
