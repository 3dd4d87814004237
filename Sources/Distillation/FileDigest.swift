import Crypto
import Foundation

/// The SHA-256 of a file's content, in hexadecimal.
///
/// - Throws: What the system says when the file cannot be read.
public func sha256(ofFile path: String) throws -> String {
    let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
    defer { try? file.close() }
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
