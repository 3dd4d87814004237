import Foundation
import Storage

/// The members of a zip archive, found by its directory alone.
///
/// Nothing is ever written under a member's name, and no member grows beyond what it declares. The format is PKWARE's
/// APPNOTE 6.3: the directory stands at the end, sizes above 4 GiB are in its "zip64" fields.
public struct ZipReader: ~Copyable {
    public struct Member: Hashable, Sendable {
        public let name: String
        /// The bytes it becomes.
        public let byteCount: Int
        /// The bytes it takes in the archive.
        public let storedByteCount: Int
        let isCompressed: Bool
        let checksum: UInt32
        let header: Int
    }

    public let path: String
    public let members: [Member]
    private let file: FileHandle
    private let byteCount: Int

    /// No archive of a model has more.
    private static let memberLimit = 1_000
    private static let blockByteCount = 1 << 18

    /// - Throws: `ZipError` if there is no such file, or it is no archive that we can read.
    public init(opening path: String) throws(ZipError) {
        let file: FileHandle
        do throws(InputFile.Problem) {
            file = try InputFile.open(path)
        } catch {
            throw ZipError(error == .missing ? .missing : .unreadable, path, error.description)
        }
        guard let end = try? file.seekToEnd() else { throw ZipError(.unreadable, path, "it cannot be measured") }
        let source = Source(file: file, path: path, byteCount: Int(end))
        members = try source.directory()
        self.file = file
        self.path = path
        byteCount = Int(end)
    }

    public subscript(name: String) -> Member? { members.first { $0.name == name } }

    /// Where the bytes of a member lie in the archive, if they lie there as they are.
    public func offset(of member: Member) throws(ZipError) -> Int? {
        member.isCompressed ? nil : try source.start(of: member)
    }

    private var source: Source { Source(file: file, path: path, byteCount: byteCount) }

    /// A member's bytes.
    public func bytes(of member: Member, limit: Int) throws(ZipError) -> [UInt8] {
        var bytes: [UInt8] = []
        try extract(member, limit: limit) { bytes += $0 }
        return bytes
    }

    /// Hands over a member's bytes, block by block, and checks their number and checksum.
    public func extract(
        _ member: Member, limit: Int, _ take: ([UInt8]) throws(ZipError) -> Void
    ) throws(ZipError) {
        guard member.byteCount <= limit else {
            throw ZipError(
                .unsupported, path, "'\(member.name)' declares \(member.byteCount) bytes; at most \(limit) are read")
        }
        var reader = try reader(of: member)
        // One byte more than it declares, to see that there are none.
        var bytes = [UInt8](repeating: 0, count: min(member.byteCount + 1, Self.blockByteCount))
        while true {
            var span = bytes.mutableSpan
            let count = try reader.read(into: &span)
            if count > 0 { try take(Array(bytes.prefix(count))) }
            guard count == bytes.count else { return }
        }
    }

    /// Reads a member's bytes from first to last.
    public func reader(of member: Member) throws(ZipError) -> ZipMemberReader {
        try ZipMemberReader(member, source, path)
    }
}

// MARK: - The directory

extension ZipReader {
    /// The bytes of the archive as its format has them.
    struct Source {
        let file: FileHandle
        let path: String
        let byteCount: Int

        func damaged(_ reason: String) -> ZipError { ZipError(.damaged, path, reason) }

        /// Exactly `count` bytes.
        func read(_ offset: Int, _ count: Int) throws(ZipError) -> [UInt8] {
            guard offset >= 0, count >= 0, count <= byteCount, offset <= byteCount - count else {
                throw damaged("the archive ends before what it announces")
            }
            do {
                try file.seek(toOffset: UInt64(offset))
                let data = try file.read(upToCount: count) ?? Data()
                guard data.count == count else { throw damaged("the archive ends before what it announces") }
                return Array(data)
            } catch let error as ZipError {
                throw error
            } catch {
                throw ZipError(.unreadable, path, "it cannot be read")
            }
        }

        func directory() throws(ZipError) -> [Member] {
            let (start, size, count) = try place()
            guard count <= memberLimit, size <= byteCount else {
                throw damaged("the archive announces \(count) members; at most \(memberLimit) are read")
            }
            var bytes = Fields(try read(start, size)), members: [Member] = [], names: Set<String> = []
            for _ in 0..<count {
                guard let member = try member(&bytes) else { throw damaged("the archive's directory is damaged") }
                guard names.insert(member.name).inserted else {
                    throw damaged("two members are named '\(member.name)'")
                }
                members.append(member)
            }
            return members
        }

        /// Where the directory is: its start, size and number of members.
        private func place() throws(ZipError) -> (start: Int, size: Int, count: Int) {
            // The record at the end has 22 bytes, and a comment of up to 65,535 after it.
            let tail = min(byteCount, 22 + 0xFFFF), bytes = try read(byteCount - tail, tail)
            let signature: [UInt8] = [0x50, 0x4B, 5, 6]
            guard
                let found = (0...max(0, tail - 22)).reversed().first(where: { position in
                    position + 22 <= tail && bytes[position..<(position + 4)].elementsEqual(signature)
                })
            else { throw damaged("it begins as a zip archive, but has no directory; it was probably cut off") }
            var end = Fields(Array(bytes[found...]))
            guard end.skip(10), let count = end.number(2), let size = end.number(4), let start = end.number(4) else {
                throw damaged("the archive's directory is damaged")
            }
            guard count == 0xFFFF || size == 0xFFFF_FFFF || start == 0xFFFF_FFFF else { return (start, size, count) }
            return try largePlace(before: byteCount - tail + found)
        }

        private func largePlace(before end: Int) throws(ZipError) -> (start: Int, size: Int, count: Int) {
            var locator = Fields(try read(end - 20, 20))
            guard locator.number(4) == 0x0706_4B50, locator.skip(4), let record = locator.number(8) else {
                throw damaged("the archive's directory is damaged")
            }
            var fields = Fields(try read(record, 56))
            guard fields.number(4) == 0x0606_4B50, fields.skip(28), let count = fields.number(8),
                let size = fields.number(8), let start = fields.number(8)
            else { throw damaged("the archive's directory is damaged") }
            return (start, size, count)
        }

        private func member(_ fields: inout Fields) throws(ZipError) -> Member? {
            guard fields.number(4) == 0x0201_4B50, fields.skip(4), let flags = fields.number(2),
                let method = fields.number(2), fields.skip(4), let checksum = fields.number(4),
                var stored = fields.number(4), var size = fields.number(4), let nameLength = fields.number(2),
                let extraLength = fields.number(2), let commentLength = fields.number(2), fields.skip(8),
                var header = fields.number(4), let nameBytes = fields.take(nameLength),
                let extra = fields.take(extraLength), fields.skip(commentLength)
            else { return nil }
            var larger = Fields(Self.zip64(extra))
            // In this order, and only those that do not fit.
            func extend(_ value: inout Int) -> Bool {
                guard value == 0xFFFF_FFFF else { return true }
                value = larger.number(8) ?? -1
                return value >= 0
            }
            guard extend(&size), extend(&stored), extend(&header) else { return nil }
            let name = String(decoding: nameBytes, as: UTF8.self)
            guard flags & 1 == 0 else { throw ZipError(.unsupported, path, "'\(name)' is encrypted") }
            guard method == 0 || method == 8 else {
                throw ZipError(
                    .unsupported, path,
                    "'\(name)' is compressed by method \(method); expected 0 (stored) or 8 (deflated)")
            }
            guard method == 8 || size == stored else { return nil }
            return Member(
                name: name, byteCount: size, storedByteCount: stored, isCompressed: method == 8,
                checksum: UInt32(truncatingIfNeeded: checksum), header: header)
        }

        /// The field with sizes of 8 bytes among the extra ones.
        private static func zip64(_ extra: [UInt8]) -> [UInt8] {
            var fields = Fields(extra)
            while let kind = fields.number(2), let length = fields.number(2), let content = fields.take(length) {
                if kind == 1 { return content }
            }
            return []
        }

        /// Where a member's bytes begin: after a header of its own, whose length may differ from the directory's.
        func start(of member: Member) throws(ZipError) -> Int {
            var fields = Fields(try read(member.header, 30))
            guard fields.number(4) == 0x0403_4B50, fields.skip(22), let name = fields.number(2),
                let extra = fields.number(2)
            else { throw damaged("'\(member.name)' is not where the directory says") }
            let start = member.header + 30 + name + extra
            guard member.storedByteCount <= byteCount, start <= byteCount - member.storedByteCount else {
                throw damaged("'\(member.name)' ends after the archive")
            }
            return start
        }
    }

    /// Little-endian numbers, one after another; nil where they end.
    private struct Fields {
        private var bytes: ArraySlice<UInt8>

        init(_ bytes: [UInt8]) { self.bytes = bytes[...] }

        mutating func take(_ count: Int) -> [UInt8]? {
            guard count <= bytes.count else { return nil }
            defer { bytes = bytes.dropFirst(count) }
            return Array(bytes.prefix(count))
        }

        mutating func skip(_ count: Int) -> Bool { take(count) != nil }

        mutating func number(_ count: Int) -> Int? {
            take(count).flatMap { bytes in Int(exactly: bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }) }
        }
    }
}
