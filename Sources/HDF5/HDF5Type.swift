import CHDF5

/// The type of the elements of a dataset.
public enum HDF5Type: Hashable, Codable, Sendable {
    case float16, float32, float64
    /// The upper half of a float32, which Keras stores as opaque bytes.
    case bfloat16
    case int8, int16, int32, int64
    case uint8, uint16, uint32, uint64
    /// A float of 4 to 16 bits that has no name of its own.
    case smallFloat(SmallFloat)
    case string
    /// Something that is neither a number nor a string, in words.
    case other(String)

    /// The number of bytes of one element; nil unless it is a number.
    public var byteCount: Int? {
        switch self {
        case .int8, .uint8: 1
        case .float16, .bfloat16, .int16, .uint16: 2
        case .float32, .int32, .uint32: 4
        case .float64, .int64, .uint64: 8
        case .smallFloat(let form): form.byteCount
        case .string, .other: nil
        }
    }

    public var isFloat: Bool {
        switch self {
        case .float16, .bfloat16, .float32, .float64, .smallFloat: true
        default: false
        }
    }

    public var isInteger: Bool {
        byteCount != nil && !isFloat
    }
}

extension HDF5Type: CustomStringConvertible {
    public var description: String {
        switch self {
        case .float16: "float16"
        case .float32: "float32"
        case .float64: "float64"
        case .bfloat16: "bfloat16"
        case .int8: "int8"
        case .int16: "int16"
        case .int32: "int32"
        case .int64: "int64"
        case .uint8: "uint8"
        case .uint16: "uint16"
        case .uint32: "uint32"
        case .uint64: "uint64"
        case .smallFloat(let form): form.description
        case .string: "string"
        case .other(let words): words
        }
    }
}

/// Which byte of a number a file stores first.
public enum HDF5ByteOrder: Hashable, Sendable {
    case littleEndian, bigEndian
}

/// A number that HDF5 can store.
public protocol HDF5Element: BitwiseCopyable, Sendable {
    static var hdf5Type: HDF5Type { get }
    static var zero: Self { get }
}

extension Float16: HDF5Element { public static var hdf5Type: HDF5Type { .float16 } }
extension Float: HDF5Element { public static var hdf5Type: HDF5Type { .float32 } }
extension Double: HDF5Element { public static var hdf5Type: HDF5Type { .float64 } }
extension Int8: HDF5Element { public static var hdf5Type: HDF5Type { .int8 } }
extension Int16: HDF5Element { public static var hdf5Type: HDF5Type { .int16 } }
extension Int32: HDF5Element { public static var hdf5Type: HDF5Type { .int32 } }
extension Int64: HDF5Element { public static var hdf5Type: HDF5Type { .int64 } }
extension Int: HDF5Element { public static var hdf5Type: HDF5Type { .int64 } }
extension UInt8: HDF5Element { public static var hdf5Type: HDF5Type { .uint8 } }
extension UInt16: HDF5Element { public static var hdf5Type: HDF5Type { .uint16 } }
extension UInt32: HDF5Element { public static var hdf5Type: HDF5Type { .uint32 } }
extension UInt64: HDF5Element { public static var hdf5Type: HDF5Type { .uint64 } }

extension HDF5Type {
    /// The library's own description of this type, little-endian, for memory and for new files.
    func makeHandle(_ place: HDF5Place) throws(HDF5Error) -> Handle {
        let model =
            switch self {
            case .float16, .float32: withLibrary { chdf5_float32() }
            case .float64: withLibrary { chdf5_float64() }
            case .int8: withLibrary { chdf5_int8() }
            case .int16: withLibrary { chdf5_int16() }
            case .int32: withLibrary { chdf5_int32() }
            case .int64: withLibrary { chdf5_int64() }
            case .uint8: withLibrary { chdf5_uint8() }
            case .uint16: withLibrary { chdf5_uint16() }
            case .uint32: withLibrary { chdf5_uint32() }
            case .uint64: withLibrary { chdf5_uint64() }
            case .bfloat16, .smallFloat, .string, .other:
                throw HDF5Error(.unsupported, "use", place, "\(self) elements cannot be written")
            }
        let type = try attemptHandle("describe elements of", place) { H5Tcopy(model) }
        if self == .float16 {
            // Sign, exponent and fraction first, so that they fit when the size shrinks.
            try attempt("describe elements of", place) { H5Tset_fields(type.id, 15, 10, 5, 0, 10) }
            try attempt("describe elements of", place) { H5Tset_size(type.id, 2) }
            try attempt("describe elements of", place) { H5Tset_ebias(type.id, 15) }
        }
        return type
    }

    /// The type that the library describes by `type`.
    init(_ type: borrowing Handle) {
        let id = type.id
        let byteCount = withLibrary { H5Tget_size(id) }
        switch withLibrary({ H5Tget_class(id) }) {
        case H5T_FLOAT:
            self = Self.float(id, byteCount)
        case H5T_INTEGER:
            self = Self.integer(id, byteCount) ?? .other("integer of unusual precision")
        case H5T_ENUM:
            // Booleans of numpy, among others.
            let parent = Handle(withLibrary { H5Tget_super(id) })
            let parentID = parent.id
            self = Self.integer(parentID, withLibrary { H5Tget_size(parentID) }) ?? .other("enumeration")
        case H5T_STRING: self = .string
        case H5T_OPAQUE: self = .other("opaque of \(byteCount) bytes")
        case H5T_COMPOUND: self = .other("compound")
        case H5T_REFERENCE: self = .other("reference")
        case H5T_VLEN: self = .other("list of variable length")
        case H5T_ARRAY: self = .other("array")
        default: self = .other("unknown")
        }
    }

    private static func float(_ id: hid_t, _ byteCount: Int) -> HDF5Type {
        var sign = 0, exponent = 0, exponentCount = 0, fraction = 0, fractionCount = 0
        let known = withLibrary {
            unsafe H5Tget_fields(id, &sign, &exponent, &exponentCount, &fraction, &fractionCount)
        }
        let bias = withLibrary { H5Tget_ebias(id) }
        guard known >= 0 else { return .other("float of \(byteCount) bytes in a foreign format") }
        return switch (byteCount, sign, exponent, exponentCount, fraction, fractionCount, bias) {
        case (2, 15, 10, 5, 0, 10, 15): .float16
        case (2, 15, 7, 8, 0, 7, 127): .bfloat16
        case (4, 31, 23, 8, 0, 23, 127): .float32
        case (8, 63, 52, 11, 0, 52, 1023): .float64
        default: SmallFloat(id).map { .smallFloat($0) } ?? foreignFloat(id, exponentCount, fractionCount, bias)
        }
    }

    private static func foreignFloat(_ id: hid_t, _ exponent: Int, _ mantissa: Int, _ bias: Int) -> HDF5Type {
        let bits = withLibrary { H5Tget_precision(id) }
        return .other("float of \(bits) bits (1-\(exponent)-\(mantissa), bias \(bias)), which is not read")
    }

    private static func integer(_ id: hid_t, _ byteCount: Int) -> HDF5Type? {
        guard withLibrary({ H5Tget_precision(id) }) == byteCount * 8 else { return nil }
        let isSigned = withLibrary { H5Tget_sign(id) } == H5T_SGN_2
        return switch byteCount {
        case 1: isSigned ? .int8 : .uint8
        case 2: isSigned ? .int16 : .uint16
        case 4: isSigned ? .int32 : .uint32
        case 8: isSigned ? .int64 : .uint64
        default: nil
        }
    }
}
