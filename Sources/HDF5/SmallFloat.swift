import CHDF5

/// A floating-point type of 4 to 16 bits, as HDF5 describes it: sign, exponent and mantissa are fields of a code.
///
/// Of a code with exponent E of e bits and mantissa M of m bits the number is M · 2^(1 − bias − m) for E = 0, infinite or NaN
/// where all bits of E are 1, and (1 + M / 2^m) · 2^(E − bias) otherwise.
public struct SmallFloat: Hashable, Codable, Sendable {
    /// Neighboring bits of a code, counted from the lowest.
    struct Field: Hashable, Codable, Sendable {
        let position: Int
        let count: Int

        var mask: UInt64 { ((1 << UInt64(count)) - 1) << UInt64(position) }

        func value(in code: UInt64) -> UInt64 { (code & mask) >> UInt64(position) }
    }

    /// The bytes of an element without N-bit packing; the code is its lowest bits.
    let byteCount: Int
    /// The bits of a code.
    public let bitCount: Int
    let sign: Field
    let exponent: Field
    let mantissa: Field
    let bias: Int
    let isBigEndian: Bool

    /// Describes the type of a dataset; nil if it is no such float.
    ///
    /// A mantissa or a bias of 0 is left out: other readers of HDF5 crash or fail at them. So is a code that begins higher
    /// in its element: the library's documentation and its conversion disagree on where the fields then are.
    init?(_ id: hid_t) {
        var sign = 0, exponent = 0, exponentCount = 0, mantissa = 0, mantissaCount = 0
        let isKnown = withLibrary {
            unsafe H5Tget_fields(id, &sign, &exponent, &exponentCount, &mantissa, &mantissaCount)
        }
        let (size, precision) = withLibrary { (H5Tget_size(id), H5Tget_precision(id)) }
        let (offset, bias) = withLibrary { (H5Tget_offset(id), H5Tget_ebias(id)) }
        let (order, norm) = withLibrary { (H5Tget_order(id), H5Tget_norm(id)) }
        guard isKnown >= 0, [1, 2, 4].contains(size), (4...16).contains(precision), precision <= 8 * size, offset == 0,
            norm == H5T_NORM_IMPLIED,
            order == H5T_ORDER_LE || order == H5T_ORDER_BE, (1...1 << 16).contains(bias)
        else { return nil }
        let fields = [(sign, 1), (exponent, exponentCount), (mantissa, mantissaCount)]
        guard fields.allSatisfy({ $0.0 >= 0 && $0.1 >= 1 && $0.0 < precision && $0.1 <= precision - $0.0 }) else {
            return nil
        }
        byteCount = size
        bitCount = precision
        self.sign = Field(position: sign, count: 1)
        self.exponent = Field(position: exponent, count: exponentCount)
        self.mantissa = Field(position: mantissa, count: mantissaCount)
        self.bias = Int(bias)
        isBigEndian = order == H5T_ORDER_BE
        guard self.sign.mask & self.exponent.mask == 0, self.sign.mask & self.mantissa.mask == 0,
            self.exponent.mask & self.mantissa.mask == 0
        else { return nil }
    }

    /// The number that a code stands for.
    func number(_ code: UInt64) -> Float {
        let exponent = Int(exponent.value(in: code)), fraction = Double(mantissa.value(in: code))
        let largest = 1 << self.exponent.count - 1, unit = Double(1 << mantissa.count)
        let magnitude: Double =
            switch exponent {
            case largest: fraction == 0 ? .infinity : .nan
            case 0: scaled(fraction / unit, by: 1 - bias)
            default: scaled(1 + fraction / unit, by: exponent - bias)
            }
        return Float(sign.value(in: code) == 0 ? magnitude : -magnitude)
    }

    /// significand · 2^exponent; by a product, which is much faster than `scalbn`, where the power is a normal number.
    private func scaled(_ significand: Double, by exponent: Int) -> Double {
        guard -1022...1023 ~= exponent else { return Double(sign: .plus, exponent: exponent, significand: significand) }
        return significand * Double(bitPattern: UInt64(exponent + 1023) << 52)
    }

    /// The number of every code.
    public func table() -> [Float] { (0..<(UInt64(1) << UInt64(bitCount))).map(number) }

    /// The bytes that N-bit packing makes of some elements.
    func packedByteCount(of count: Int) -> Int { count * bitCount / 8 + 1 }
}

extension SmallFloat: CustomStringConvertible {
    /// `float8 (1-3-4)`: the bits of all, and of sign, exponent and mantissa.
    public var description: String { "float\(bitCount) (1-\(exponent.count)-\(mantissa.count))" }
}
