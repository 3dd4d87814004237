/// Writes a message of Protocol Buffers, field by field. `ProtobufReader` has the encoding.
public struct ProtobufWriter {
    /// The message so far.
    public private(set) var bytes: [UInt8] = []

    public init() {}

    /// Adds an integer: wire type 0. Negative ones take ten bytes, as int64 has them.
    public mutating func add(_ field: UInt64, _ value: Int) {
        addVarint(field << 3)
        addVarint(UInt64(bitPattern: Int64(value)))
    }

    /// Adds a double: wire type 1.
    public mutating func add(_ field: UInt64, _ value: Double) { add(field << 3 | 1, bits: value.bitPattern) }

    /// Adds a float: wire type 5.
    public mutating func add(_ field: UInt64, _ value: Float) { add(field << 3 | 5, bits: value.bitPattern) }

    /// Adds a string: wire type 2.
    public mutating func add(_ field: UInt64, _ value: String) { add(field, Array(value.utf8)) }

    /// Adds a message: wire type 2.
    public mutating func add(_ field: UInt64, _ message: ProtobufWriter) { add(field, message.bytes) }

    /// Adds bytes: wire type 2.
    public mutating func add(_ field: UInt64, _ content: [UInt8]) {
        addHead(field, byteCount: content.count)
        bytes += content
    }

    /// Adds what stands before so many bytes that are written elsewhere: wire type 2.
    public mutating func addHead(_ field: UInt64, byteCount: Int) {
        addVarint(field << 3 | 2)
        addVarint(UInt64(byteCount))
    }

    private mutating func addVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private mutating func add<Bits: FixedWidthInteger & UnsignedInteger>(_ tag: UInt64, bits: Bits) {
        addVarint(tag)
        for index in 0..<(Bits.bitWidth / 8) { bytes.append(UInt8(truncatingIfNeeded: bits >> Bits(8 * index))) }
    }
}
