import Foundation
import ModelFiles
import Storage

/// The SHA-256 of a file's content, in hexadecimal.
///
/// - Throws: `ModelFileError` where there is no such file, and what the system says when it cannot be read.
public func sha256(ofFile path: String) throws -> String { try sha256(ofFile: path, nil) }

/// The same of some of its bytes.
func sha256(ofFile path: String, _ bytes: Range<Int>?) throws -> String {
    let file: FileHandle
    do throws(InputFile.Problem) {
        file = try InputFile.open(path)
    } catch {
        throw ModelFileError(error == .missing ? .missing : .unreadable, path, [error.description])
    }
    var hash = SHA256(), left = bytes?.count ?? .max
    if let bytes { try file.seek(toOffset: UInt64(bytes.lowerBound)) }
    while left > 0, let block = try file.read(upToCount: min(left, 1 << 22)), !block.isEmpty {
        hash.update(block)
        left -= block.count
    }
    return hash.hexadecimal()
}

/// The SHA-256 of a text, in hexadecimal.
public func sha256(of text: String) -> String {
    var hash = SHA256()
    hash.update(Data(text.utf8))
    return hash.hexadecimal()
}
