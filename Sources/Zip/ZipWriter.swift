import CZlib
import Foundation
public import Storage

/// A zip archive whose members are stored as they are, so that its size is known before it is written.
///
/// Members have no date, so that equal contents give equal bytes.
public struct ZipWriter: ~Copyable {
    private struct Entry {
        let name: [UInt8]
        let byteCount: Int
        let checksum: UInt32
        let header: Int
    }

    private let file: FileWriter
    private var entries: [Entry] = []
    private var position = 0

    /// The size of an archive with members of given names and sizes.
    public static func byteCount(of members: [(name: String, byteCount: Int)]) -> Int {
        var position = 0, directory = 0
        for member in members {
            let entry = Entry(name: Array(member.name.utf8), byteCount: member.byteCount, checksum: 0, header: position)
            position += localHeader(entry).count + member.byteCount
            directory += directoryEntry(entry).count
        }
        return position + directory + end(at: position, size: directory, count: members.count).count
    }

    /// Creates the file, and replaces one that is there.
    ///
    /// - Parameter name: What errors call it, if that is not its path.
    public init(creating path: String, as name: String? = nil) throws(StorageError) {
        file = try FileWriter(creating: path, as: name)
    }

    /// Adds a member of these bytes.
    public mutating func add(_ name: String, _ bytes: [UInt8]) throws(StorageError) {
        let checksum = unsafe crc32(0, bytes, UInt32(bytes.count))
        try begin(name, byteCount: bytes.count, checksum: UInt32(truncatingIfNeeded: checksum))
        try write(bytes)
    }

    /// Adds a member with the content of a file.
    ///
    /// - Throws: `ZipError` if it cannot be read, `StorageError` if the archive cannot be written.
    public mutating func add(_ name: String, contentsOf source: String) throws {
        var checksum: UInt = 0, byteCount = 0
        try Self.eachBlock(of: source) { block in
            checksum = unsafe crc32(checksum, block, UInt32(block.count))
            byteCount += block.count
        }
        try begin(name, byteCount: byteCount, checksum: UInt32(truncatingIfNeeded: checksum))
        try Self.eachBlock(of: source) { block in try write(block) }
    }

    /// Writes the directory, and closes the file.
    public consuming func finish() throws(StorageError) {
        let start = position
        for entry in entries { try write(Self.directoryEntry(entry)) }
        try write(Self.end(at: start, size: position - start, count: entries.count))
        try file.close()
    }

    private static func eachBlock(of path: String, _ body: ([UInt8]) throws -> Void) throws {
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw ZipError(.unreadable, path, "it cannot be opened")
        }
        while true {
            let block: Data
            do { block = try file.read(upToCount: 4 << 20) ?? Data() } catch {
                throw ZipError(.unreadable, path, "it cannot be read")
            }
            if block.isEmpty { return }
            try body(Array(block))
        }
    }

    private mutating func begin(_ name: String, byteCount: Int, checksum: UInt32) throws(StorageError) {
        let entry = Entry(name: Array(name.utf8), byteCount: byteCount, checksum: checksum, header: position)
        entries.append(entry)
        try write(Self.localHeader(entry))
    }

    private mutating func write(_ bytes: [UInt8]) throws(StorageError) {
        try file.write(bytes)
        position += bytes.count
    }
}

// MARK: - Records

extension ZipWriter {
    private static func number(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private static func isLarge(_ value: Int) -> Bool { value >= 0xFFFF_FFFF }
    private static func short(_ value: Int) -> [UInt8] { number(isLarge(value) ? 0xFFFF_FFFF : value, 4) }

    /// Version needed, no flags, stored, 1 January 1980.
    private static func common(_ entry: Entry) -> [UInt8] {
        let version = isLarge(entry.byteCount) || isLarge(entry.header) ? 45 : 20
        return number(version, 2) + number(0, 2) + number(0, 2) + number(0, 2) + number(0x21, 2)
            + number(Int(entry.checksum), 4) + short(entry.byteCount) + short(entry.byteCount)
            + number(entry.name.count, 2)
    }

    private static func localHeader(_ entry: Entry) -> [UInt8] {
        let sizes = isLarge(entry.byteCount) ? number(entry.byteCount, 8) + number(entry.byteCount, 8) : []
        let extra = sizes.isEmpty ? [] : number(1, 2) + number(sizes.count, 2) + sizes
        return number(0x0403_4B50, 4) + common(entry) + number(extra.count, 2) + entry.name + extra
    }

    private static func directoryEntry(_ entry: Entry) -> [UInt8] {
        var sizes = isLarge(entry.byteCount) ? number(entry.byteCount, 8) + number(entry.byteCount, 8) : []
        if isLarge(entry.header) { sizes += number(entry.header, 8) }
        let extra = sizes.isEmpty ? [] : number(1, 2) + number(sizes.count, 2) + sizes
        // Made by Unix; no comment, first disk, no attributes but that its owner may read and write it.
        return number(0x0201_4B50, 4) + number(3 << 8 | 20, 2) + common(entry) + number(extra.count, 2) + number(0, 2)
            + number(0, 2) + number(0, 2) + number(0o100_600 << 16, 4) + short(entry.header) + entry.name + extra
    }

    private static func end(at start: Int, size: Int, count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        if isLarge(start) || isLarge(size) || count >= 0xFFFF {
            bytes +=
                number(0x0606_4B50, 4) + number(44, 8) + number(45, 2) + number(45, 2) + number(0, 4) + number(0, 4)
            bytes += number(count, 8) + number(count, 8) + number(size, 8) + number(start, 8)
            bytes += number(0x0706_4B50, 4) + number(0, 4) + number(start + size, 8) + number(1, 4)
        }
        return bytes + number(0x0605_4B50, 4) + number(0, 4) + number(min(count, 0xFFFF), 2)
            + number(min(count, 0xFFFF), 2) + short(size) + short(start) + number(0, 2)
    }
}
