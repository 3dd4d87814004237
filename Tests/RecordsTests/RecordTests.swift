import Foundation
import Storage
import Testing

@testable import Records

@Suite struct CRC32CTests {
    private static let ascending: [UInt8] = Array(0..<32)

    /// The examples of RFC 3720, appendix B.4, and the check value of the catalogs.
    private static let published: [([UInt8], UInt32)] = [
        ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
        ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
        (ascending, 0x46DD_794E),
        (ascending.reversed(), 0x113F_DB5C),
        (Array("123456789".utf8), 0xE306_9283),
        ([], 0),
    ]

    @Test(arguments: published)
    func agreesWithTheStandard(bytes: [UInt8], checksum: UInt32) {
        #expect(CRC32C.checksum(bytes.span) == checksum)
    }

    @Test func agreesWithOneBitAtATimeForEveryLength() {
        for count in 0..<40 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + count) }
            var remainder: UInt32 = 0xFFFF_FFFF
            for byte in bytes {
                for bit in 0..<8 {
                    let isSet = remainder & 1 != UInt32(byte >> UInt8(bit) & 1)
                    remainder = remainder >> 1 ^ (isSet ? 0x82F6_3B78 : 0)
                }
            }
            #expect(CRC32C.checksum(bytes.span) == ~remainder, "\(count) bytes")
        }
    }
}

@Suite struct RecordTests {
    /// What `Tools/reference/record_fixtures.py` gives TensorFlow to write.
    private let records = [0, 1, 7, 8, 9, 1000].map { count in
        (0..<count).map { UInt8(truncatingIfNeeded: 7 * $0 + count) }
    }
    private let fixture = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Fixtures/tensorflow.tfrecord")

    private func withFile(_ bytes: Data = Data(), _ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
        try bytes.write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    private func readAll(_ path: String) throws -> [[UInt8]] {
        var reader = try RecordReader(opening: path), records: [[UInt8]] = []
        while let record = try reader.next() { records.append(record) }
        return records
    }

    @Test func readsWhatTensorFlowWrites() throws {
        #expect(try readAll(fixture.path) == records)
    }

    @Test func writesTheBytesOfTensorFlow() throws {
        try withFile { path in
            var writer = try RecordWriter(creating: path)
            for record in records { try writer.write(record) }
            try writer.close()
            #expect(try Data(contentsOf: URL(filePath: path)) == Data(contentsOf: fixture))
        }
    }

    @Test func readsRecordsLargerThanItsBuffer() throws {
        try withFile { path in
            let records = [3_000_000, 5, 1_048_560, 1 << 20].map { count in
                [UInt8](repeating: UInt8(count % 251), count: count)
            }
            var writer = try RecordWriter(creating: path)
            for record in records { try writer.write(record) }
            try writer.close()
            #expect(try readAll(path) == records)
        }
    }

    @Test func goesOnBehindADamagedRecord() throws {
        var bytes = try Data(contentsOf: fixture)
        bytes[16 + 12] ^= 1
        try withFile(bytes) { path in
            var reader = try RecordReader(opening: path)
            #expect(try reader.next() == records[0])
            #expect(throws: RecordError.self) { try reader.next() }
            #expect(try reader.next() == records[2])
            #expect(reader.place.index == 2)
            #expect(reader.place.offset == 33)
        }
        bytes[33] ^= 1
        try withFile(bytes) { path in
            var reader = try RecordReader(opening: path)
            _ = try reader.next()
            for _ in 0..<2 { #expect(throws: RecordError.self) { try reader.next() } }
            #expect(try reader.next() == records[3])
        }
    }

    /// A damaged length says nothing of where the next record begins.
    @Test func findsTheNextRecordBehindADamagedLength() throws {
        let count = 200
        let records = (0..<count).map { number in
            (0..<(number * 997 % 3000)).map { UInt8(truncatingIfNeeded: $0 &* number) }
        }
        try withFile { path in
            var writer = try RecordWriter(creating: path)
            for record in records { try writer.write(record) }
            try writer.close()
            var bytes = try Data(contentsOf: URL(filePath: path)), offset = 0
            for number in 0..<count {
                if number % 50 == 7 { bytes[offset + number % 12] ^= 4 }
                offset += records[number].count + 16
            }
            try bytes.write(to: URL(filePath: path))
            var reader = try RecordReader(opening: path), found: [[UInt8]] = [], errors = 0
            while true {
                do {
                    guard let record = try reader.next() else { break }
                    found.append(record)
                } catch {
                    errors += 1
                }
            }
            let whole = records.enumerated().filter { $0.offset % 50 != 7 }.map(\.element)
            #expect(found == whole)
            #expect(errors == 4)
            let lost = [7, 57, 107, 157].map { records[$0].count + 16 }
            #expect(reader.lostByteCount == lost.reduce(0, +))
        }
    }

    @Test func theProcessorsChecksumIsThatOfTheTables() {
        for count in [0, 1, 7, 8, 9, 63, 64, 1000] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* $0 &+ 3) }
            #expect(CRC32C.checksum(bytes.span) == CRC32C.checksumByTables(bytes.span), "\(count) bytes")
        }
    }

    @Test func othersReadWhatWasFlushed() throws {
        try withFile { path in
            var writer = try RecordWriter(creating: path)
            try writer.write([1, 2, 3])
            #expect(try readAll(path).isEmpty)
            try writer.flush()
            #expect(try readAll(path) == [[1, 2, 3]])
            try writer.close()
        }
    }

    @Test func noticesEveryChangedByte() throws {
        let bytes = try Data(contentsOf: fixture).prefix(16 + 17 + 23)
        for place in bytes.indices {
            var changed = bytes
            changed[place] ^= 0x40
            try withFile(changed) { path in
                let error = #expect(throws: RecordError.self, "byte \(place)") { try readAll(path) }
                #expect(error?.kind == .damaged)
                #expect(error?.place?.offset == (place < 16 ? 0 : place < 33 ? 16 : 33))
            }
        }
    }

    @Test func noticesWhereItIsCutOff() throws {
        let bytes = try Data(contentsOf: fixture).prefix(33)
        for count in 1..<33 where count != 16 {
            try withFile(bytes.prefix(count)) { path in
                let error = #expect(throws: RecordError.self, "\(count) bytes") { try readAll(path) }
                #expect(error?.place?.offset == (count < 16 ? 0 : 16))
            }
        }
        try withFile(bytes.prefix(20)) { path in
            let error = #expect(throws: RecordError.self) { try readAll(path) }
            #expect(
                error?.description == """
                    '\(path)', record 1 at byte 16: expected 12 bytes with its length, found 4; the file is cut off
                    """)
        }
    }

    /// A length of 2⁶³ with the checksum that it should have.
    @Test func takesNoMemoryForALengthThatCannotBe() throws {
        let length: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0x80], checksum = CRC32C.masked(length.span)
        let head = length + (0..<4).map { UInt8(truncatingIfNeeded: checksum >> UInt32(8 * $0)) }
        try withFile(Data(head + [1, 2, 3, 4, 5])) { path in
            let error = #expect(throws: RecordError.self) { try readAll(path) }
            #expect(
                error?.description == """
                    '\(path)', record 0 at byte 0: it is 9223372036854775808 bytes and 4 of their checksum long, but \
                    5 bytes follow; the file is cut off
                    """)
        }
    }

    @Test func saysWhatIsNoRecordFile() throws {
        try withFile(Data("PK and whatever follows it".utf8)) { path in
            let error = #expect(throws: RecordError.self) { try readAll(path) }
            #expect(
                error?.description == """
                    '\(path)', record 0 at byte 0: the checksum of its length is wrong; the file is damaged, \
                    or does not hold TFRecords
                    """)
            let none = #expect(throws: RecordError.self) { _ = try RecordReader(opening: path + ".none") }
            #expect(none?.description == "'\(path).none': there is no such file")
        }
        let error = #expect(throws: StorageError.self) { _ = try RecordWriter(creating: "no/such/folder") }
        #expect(error?.kind == .create)
    }
}
