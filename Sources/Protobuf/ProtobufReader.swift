/// Reads a message of Protocol Buffers: the fields in a range of some bytes, which are never copied.
///
///     field = varint(number · 8 + wire type), then
///         type 0  a varint: seven bits a byte, the lowest first, the eighth bit set if more follow
///         type 1  8 bytes
///         type 2  varint(n), then n bytes: a string, a message, or numbers without anything between them
///         type 5  4 bytes
///
/// (protobuf.dev, Encoding.)
public struct ProtobufReader {
    private var place: Int
    private let end: Int

    public struct Field: Equatable, Sendable {
        public let number: Int
        public let value: Value
    }

    public enum Value: Equatable, Sendable {
        case number(UInt64)
        /// The range of the bytes.
        case bytes(Range<Int>)
    }

    /// - Parameter range: Where the message is in the bytes that every call is given.
    public init(_ range: Range<Int>) { (place, end) = (range.lowerBound, range.upperBound) }

    /// The next field; nil at the end.
    public mutating func next(_ bytes: [UInt8]) throws(ProtobufError) -> Field? {
        guard place < end else { return nil }
        let start = place, tag = try varint(bytes)
        guard let number = Int(exactly: tag >> 3), number > 0 else { throw ProtobufError(offset: start) }
        switch tag & 7 {
        case 0: return Field(number: number, value: .number(try varint(bytes)))
        case 1: return Field(number: number, value: .bytes(try take(8)))
        case 2: return Field(number: number, value: .bytes(try take(varint(bytes))))
        case 5: return Field(number: number, value: .bytes(try take(4)))
        default: throw ProtobufError(offset: start)
        }
    }

    /// The range of the next field that has this number and is made of bytes; nil if there is none.
    public mutating func next(_ number: Int, _ bytes: [UInt8]) throws(ProtobufError) -> Range<Int>? {
        while let field = try next(bytes) {
            if field.number == number, case .bytes(let range) = field.value { return range }
        }
        return nil
    }

    /// The next of the varints that fill this range; nil at its end.
    public mutating func nextPacked(_ bytes: [UInt8]) throws(ProtobufError) -> UInt64? {
        place < end ? try varint(bytes) : nil
    }

    private mutating func take(_ count: UInt64) throws(ProtobufError) -> Range<Int> {
        guard count <= UInt64(end - place) else { throw ProtobufError(offset: place) }
        defer { place += Int(count) }
        return place..<(place + Int(count))
    }

    private mutating func varint(_ bytes: [UInt8]) throws(ProtobufError) -> UInt64 {
        let start = place
        var number: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard place < end else { break }
            let byte = bytes[place]
            place += 1
            number |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return number }
        }
        throw ProtobufError(offset: start)
    }
}

/// Bytes that are not a message of Protocol Buffers.
public struct ProtobufError: Error, Equatable {
    /// The offset of the first byte that makes no sense.
    public let offset: Int
}
