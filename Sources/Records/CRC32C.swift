import CVector

/// The cyclic redundancy check CRC-32C (Castagnoli, RFC 3720, appendix B.4), by the processor where it can, else eight
/// bytes at a time.
///
/// Eight tables say what each of eight bytes adds to the remainder (Kounavis and Berry, A Systematic Approach to Building
/// High Performance Software-based CRC Generators, 2005).
public enum CRC32C {
    /// The checksum of some bytes, or of those and others before them.
    ///
    /// - Parameter previous: The checksum of what stands before them.
    public static func checksum(_ bytes: Span<UInt8>, after previous: UInt32 = 0) -> UInt32 {
        var remainder = ~previous
        let isDone = unsafe bytes.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return true }
            return unsafe cv_crc32c(&remainder, base, bytes.count) != 0
        }
        return isDone ? ~remainder : checksumByTables(bytes, after: previous)
    }

    /// The same without the help of the processor.
    static func checksumByTables(_ bytes: Span<UInt8>, after previous: UInt32 = 0) -> UInt32 {
        let tables = tables
        let table = tables.span
        func entry(_ distance: Int, _ byte: UInt64) -> UInt32 { table[distance << 8 | Int(byte & 0xFF)] }
        var remainder = ~previous, index = 0
        while index + 8 <= bytes.count {
            var eight: UInt64 = 0
            for place in 0..<8 { eight |= UInt64(bytes[index + place]) << UInt64(8 * place) }
            eight ^= UInt64(remainder)
            remainder =
                entry(7, eight) ^ entry(6, eight >> 8) ^ entry(5, eight >> 16) ^ entry(4, eight >> 24)
                ^ entry(3, eight >> 32) ^ entry(2, eight >> 40) ^ entry(1, eight >> 48) ^ entry(0, eight >> 56)
            index += 8
        }
        while index < bytes.count {
            remainder = remainder >> 8 ^ entry(0, UInt64(UInt8(truncatingIfNeeded: remainder) ^ bytes[index]))
            index += 1
        }
        return ~remainder
    }

    /// The checksum as record files hold it.
    ///
    ///     masked = (checksum rotated right by 15) + 0xA282EAD8
    ///
    /// The checksum of bytes that end in their own checksum says little, so TensorFlow's `crc32c.h` stores another number.
    public static func masked(_ bytes: Span<UInt8>) -> UInt32 {
        let checksum = checksum(bytes)
        return (checksum >> 15 | checksum << 17) &+ 0xA282_EAD8
    }

    /// At `distance · 256 + byte`: the remainder of a byte that `distance` zeros follow.
    private static let tables: [UInt32] = {
        var tables = (0..<256).map { byte in
            (0..<8).reduce(UInt32(byte)) { remainder, _ in
                // The polynomial 0x1EDC6F41, its bits reversed.
                remainder >> 1 ^ (remainder & 1 == 0 ? 0 : 0x82F6_3B78)
            }
        }
        for index in 256..<(8 * 256) {
            let before = tables[index - 256]
            tables.append(before >> 8 ^ tables[Int(before & 0xFF)])
        }
        return tables
    }()
}
