import Foundation
import Records
import Storage
import Testing
import Training

@Suite struct EventFileTests {
    @Test func writesWhatTensorBoardExpects() throws {
        try withFolder { folder in
            let file = try EventFile(in: folder.path)
            try file.write([("train/loss", 0.25), ("accuracy", 1)], step: 300, wallTime: 1.5)
            try file.write([("train/loss", -.infinity)], step: 1 << 40, wallTime: 2)
            // Not closed: whoever is killed leaves what was written.
            let events = try events(of: file.path)
            try #require(events.count == 3)
            #expect(events[0].keys.sorted() == [1, 3])
            #expect(events[0][3] == [.bytes(Array("brain.Event:2".utf8))])
            #expect(events[1].keys.sorted() == [1, 2, 5])
            #expect(events[1][1] == [.bits(1.5.bitPattern)])
            #expect(events[1][2] == [.number(300)])
            #expect(try scalars(events[1]) == ["train/loss": 0.25, "accuracy": 1])
            #expect(events[2][2] == [.number(1 << 40)])
            #expect(try scalars(events[2]) == ["train/loss": -.infinity])
            try file.close()
        }
    }

    @Test func opensAnotherFileForARunThatGoesOn() throws {
        try withFolder { folder in
            let inner = folder.appending(path: "run").path
            let first = try EventFile(in: inner)
            try first.write([("loss", 1)], step: 1, wallTime: 3)
            let second = try EventFile(in: inner)
            try second.write([("loss", 2)], step: 2, wallTime: 4)
            #expect(first.path < second.path)
            #expect(first.path.hasPrefix("\(inner)/events.out.tfevents.1"))
            #expect(try events(of: first.path).count == 2)
            #expect(try events(of: second.path).count == 2)
        }
    }

    @Test func saysWhereItCannotWrite() throws {
        try withFolder { folder in
            let place = folder.appending(path: "file").path
            try Data().write(to: URL(filePath: place))
            let error = #expect(throws: StorageError.self) { _ = try EventFile(in: place) }
            #expect(error?.description == "cannot create '\(place)': there is a file of that name already")
        }
    }

    private func withFolder(_ body: (URL) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder)
    }

    // MARK: - Protocol buffers, by the book (protobuf.dev, Encoding)

    private enum Field: Equatable {
        case number(UInt64)
        case bits(UInt64)
        case bytes([UInt8])
    }

    private func events(of path: String) throws -> [[Int: [Field]]] {
        var reader = try RecordReader(opening: path), events: [[Int: [Field]]] = []
        while let record = try reader.next() { events.append(try decode(record)) }
        return events
    }

    private func decode(_ message: [UInt8]) throws -> [Int: [Field]] {
        var rest = message[...], fields: [Int: [Field]] = [:]
        func varint() throws -> UInt64 {
            var value: UInt64 = 0, shift: UInt64 = 0
            while true {
                let next = rest.popFirst()
                let byte = try #require(next)
                value |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return value }
                shift += 7
            }
        }
        func bytes(_ count: Int) throws -> [UInt8] {
            try #require(rest.count >= count)
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        func bits(_ count: Int) throws -> Field {
            .bits(try bytes(count).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        }
        while !rest.isEmpty {
            let key = try varint()
            let field: Field =
                switch key & 7 {
                case 0: .number(try varint())
                case 1: try bits(8)
                case 2: .bytes(try bytes(Int(varint())))
                case 5: try bits(4)
                default: throw CocoaError(.fileReadCorruptFile)
                }
            fields[Int(key >> 3), default: []].append(field)
        }
        return fields
    }

    private func scalars(_ event: [Int: [Field]]) throws -> [String: Float] {
        guard case .bytes(let summary)? = event[5]?.first else { return [:] }
        var scalars: [String: Float] = [:]
        for case .bytes(let bytes) in try decode(summary)[1] ?? [] {
            let value = try decode(bytes)
            guard case .bytes(let tag)? = value[1]?.first, case .bits(let bits)? = value[2]?.first else { continue }
            scalars[String(decoding: tag, as: UTF8.self)] = Float(bitPattern: UInt32(bits))
        }
        return scalars
    }
}
