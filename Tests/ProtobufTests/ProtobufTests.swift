import Testing

@testable import Protobuf

@Suite struct ProtobufTests {
    /// The examples of protobuf.dev, Encoding: a = 150; b = "testing"; c = a message with a = 150; f packed as
    /// 3, 270 and 86942.
    @Test func readsThePublishedExamples() throws {
        let number: [UInt8] = [0x08, 0x96, 0x01]
        var reader = ProtobufReader(number.indices)
        #expect(try reader.next(number) == .init(number: 1, value: .number(150)))
        #expect(try reader.next(number) == nil)

        let text = [0x12, 0x07] + Array("testing".utf8)
        reader = ProtobufReader(text.indices)
        #expect(try reader.next(2, text) == 2..<9)

        let message: [UInt8] = [0x1A, 0x03] + number
        reader = ProtobufReader(message.indices)
        let inner = try #require(try reader.next(3, message))
        var innerReader = ProtobufReader(inner)
        #expect(try innerReader.next(message)?.value == .number(150))

        let packed: [UInt8] = [0x32, 0x06, 0x03, 0x8E, 0x02, 0x9E, 0xA7, 0x05]
        reader = ProtobufReader(packed.indices)
        var numbers = ProtobufReader(try #require(try reader.next(6, packed)))
        #expect(try numbers.nextPacked(packed) == 3)
        #expect(try numbers.nextPacked(packed) == 270)
        #expect(try numbers.nextPacked(packed) == 86942)
        #expect(try numbers.nextPacked(packed) == nil)
    }

    @Test func writesThePublishedExamples() {
        var inner = ProtobufWriter(), writer = ProtobufWriter()
        inner.add(1, 150)
        writer.add(1, 150)
        writer.add(2, "testing")
        writer.add(3, inner)
        #expect(writer.bytes == [8, 0x96, 1, 0x12, 7] + Array("testing".utf8) + [0x1A, 3, 8, 0x96, 1])
    }

    /// int64 −2 is ten bytes; 1.5 is 0x3FF8… as a double and 0x3FC0… as a float, lowest byte first.
    @Test func writesNegativeNumbersAndFractions() {
        var writer = ProtobufWriter()
        writer.add(1, -2)
        writer.add(2, 1.5)
        writer.add(3, Float(1.5))
        #expect(
            writer.bytes == [0x08, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]
                + [0x11, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F] + [0x1D, 0, 0, 0xC0, 0x3F])
    }

    @Test(
        arguments: [
            ([0x08], 1), ([0x08, 0x80], 1), ([0x0B], 0), ([0x00, 0x01], 0), ([0x12, 0x05, 0x61], 2),
            ([0x0D, 1, 2, 3], 1),
            ([0x12] + [UInt8](repeating: 0xFF, count: 10) + [1], 1),
        ] as [([UInt8], Int)])
    func namesTheByteThatMakesNoSense(bytes: [UInt8], offset: Int) {
        #expect(throws: ProtobufError(offset: offset)) {
            var reader = ProtobufReader(bytes.indices)
            while try reader.next(bytes) != nil {}
        }
    }
}
