import Foundation
import Storage

/// The SHA-256 of a file's content, in hexadecimal.
///
/// - Throws: What the system says when the file cannot be read.
public func sha256(ofFile path: String) throws -> String {
    let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
    defer { try? file.close() }
    var hash = SHA256()
    while let block = try file.read(upToCount: 1 << 22), !block.isEmpty { hash.update(block) }
    return hash.hexadecimal()
}

/// The SHA-256 of a text, in hexadecimal.
func sha256(of text: String) -> String {
    var hash = SHA256()
    hash.update(Data(text.utf8))
    return hash.hexadecimal()
}
