import Foundation

/// Texts that stand somewhere in a file to say whose it is.
public enum FileMark {
    /// Whether a text is in a file, at any place and whatever kind of file it is; false if the file cannot be read.
    public static func contains(_ text: String, _ path: String) -> Bool {
        let mark = Array(text.utf8)
        guard let file = try? InputFile.open(path) else { return false }
        var bytes = [UInt8](repeating: 0, count: (1 << 20) + mark.count), kept = 0
        while true {
            let count = unsafe bytes.withUnsafeMutableBytes {
                unsafe read(file.fileDescriptor, $0.baseAddress.map { unsafe $0 + kept }, $0.count - kept)
            }
            guard count > 0 else { return false }
            let end = kept + count
            if contains(mark, in: bytes, end) { return true }
            // A mark may begin in one block and end in the next.
            let next = min(mark.count - 1, end)
            for index in 0..<next { bytes[index] = bytes[end - next + index] }
            kept = next
        }
    }

    private static func contains(_ mark: [UInt8], in bytes: [UInt8], _ end: Int) -> Bool {
        guard let first = mark.first, end >= mark.count else { return false }
        for start in 0...(end - mark.count) where bytes[start] == first {
            if mark.indices.allSatisfy({ bytes[start + $0] == mark[$0] }) { return true }
        }
        return false
    }
}

/// Names of files.
public enum FileName {
    /// Gives a file another name; whatever had that name is gone. Nothing happens if there is no such file.
    ///
    /// - Throws: `StorageError` of the other name if the file keeps its own.
    public static func move(_ path: String, to other: String) throws(StorageError) {
        guard unsafe rename(path, other) == 0 || errno == ENOENT else { throw StorageError(.write, other) }
    }
}
