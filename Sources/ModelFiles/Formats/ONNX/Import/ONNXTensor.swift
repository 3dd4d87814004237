import HDF5
import Protobuf

/// A tensor in an ONNX file (TensorProto): its numbers stay where they are until somebody wants them.
struct ONNXTensor {
    /// The types of numbers that are read, as TensorProto numbers them.
    enum Kind: Int {
        case float32 = 1, uint8 = 2, int8 = 3, uint16 = 4, int16 = 5, int32 = 6, int64 = 7
        case bool = 9, float16 = 10, float64 = 11, uint32 = 12, uint64 = 13, bfloat16 = 16

        /// The bytes of a number in `raw_data`.
        var byteCount: Int {
            switch self {
            case .uint8, .int8, .bool: 1
            case .uint16, .int16, .float16, .bfloat16: 2
            case .float32, .int32, .uint32: 4
            case .int64, .uint64, .float64: 8
            }
        }

        var isReal: Bool { [.float32, .float16, .float64, .bfloat16].contains(self) }

        /// The type in the words of other files.
        var plain: HDF5Type {
            switch self {
            case .float32, .bool: .float32
            case .float16: .float16
            case .float64: .float64
            case .bfloat16: .bfloat16
            case .int8: .int8
            case .int16: .int16
            case .int32: .int32
            case .int64: .int64
            case .uint8: .uint8
            case .uint16: .uint16
            case .uint32: .uint32
            case .uint64: .uint64
            }
        }

        /// The type in Keras's words.
        var word: String { "\(self)" }
    }

    private(set) var name = ""
    private(set) var shape: [Int] = []
    private(set) var kind = Kind.float32
    /// Where its numbers are, without anything between them.
    private var raw: Range<Int>?
    /// Numbers that stand in fields of their own: `int32_data`, `int64_data`.
    private var fields: [Int] = []
    private let bytes: ONNXBytes

    /// Numbers of one tensor, at most: what a file of 2 GiB could have.
    private static let countLimit = Int(Int32.max)
    private static let rankLimit = 16

    var count: Int { shape.reduce(1, *) }

    /// What it takes in the file.
    var byteCount: Int { raw?.count ?? fields.count * kind.byteCount }

    init(_ range: Range<Int>, _ bytes: ONNXBytes) throws {
        self.bytes = bytes
        var reader = ProtobufReader(range), kindNumber = 0, isExternal = false
        while let field = try reader.next(bytes.all) {
            switch (field.number, field.value) {
            case (1, .number(let bits)): shape.append(Int(truncatingIfNeeded: bits))
            case (1, .bytes(let range)): shape += try bytes.wholes(range)
            case (2, .number(let bits)): kindNumber = Int(truncatingIfNeeded: bits)
            case (4, .bytes(let range)), (9, .bytes(let range)), (10, .bytes(let range)): raw = range
            case (5, .bytes(let range)), (7, .bytes(let range)), (11, .bytes(let range)):
                fields += try bytes.wholes(range)
            case (5, .number(let bits)), (7, .number(let bits)), (11, .number(let bits)):
                fields.append(Int(truncatingIfNeeded: bits))
            case (8, .bytes(let range)): name = bytes.text(range)
            case (13, .bytes): isExternal = true
            case (14, .number(let bits)): isExternal = isExternal || bits == 1
            default: break
            }
        }
        try check(kindNumber, isExternal)
    }

    private mutating func check(_ kindNumber: Int, _ isExternal: Bool) throws(ONNXRefusal) {
        let place = "tensor '\(name)'"
        guard !isExternal else {
            throw ONNXRefusal(
                "\(place): its numbers are in another file, and only whole ones are read. Export it with external_data=False, or "
                    + "join them in Python: onnx.save(onnx.load('m.onnx'), 'whole.onnx')")
        }
        guard let kind = Kind(rawValue: kindNumber) else {
            throw ONNXRefusal("\(place): numbers of type \(kindNumber) (TensorProto.DataType) are not read")
        }
        self.kind = kind
        var count = 1
        for extent in shape {
            let (product, overflows) = count.multipliedReportingOverflow(by: extent)
            guard extent >= 0, !overflows, product <= Self.countLimit else {
                throw ONNXRefusal("\(place): has the shape \(shape)")
            }
            count = product
        }
        guard shape.count <= Self.rankLimit else { throw ONNXRefusal("\(place): has \(shape.count) axes") }
        if let raw {
            guard raw.count == count * kind.byteCount else {
                throw ONNXRefusal(
                    "\(place): has \(raw.count) bytes, expected \(count * kind.byteCount) for the shape \(shape) of "
                        + "\(kind.word)")
            }
        } else if fields.count != count {
            throw ONNXRefusal("\(place): has \(fields.count) numbers, expected \(count) for the shape \(shape)")
        }
    }

    // MARK: - Numbers

    /// The whole numbers of a tensor that has such.
    var wholes: [Int] {
        guard let raw else { return fields }
        return (0..<count).map { index in
            let bits = bytes.bits(raw.lowerBound + index * kind.byteCount, kind.byteCount)
            return switch kind {
            case .int8: Int(Int8(truncatingIfNeeded: bits))
            case .int16: Int(Int16(truncatingIfNeeded: bits))
            case .int32: Int(Int32(truncatingIfNeeded: bits))
            default: Int(truncatingIfNeeded: bits)
            }
        }
    }

    /// The numbers as float32.
    var reals: [Float] {
        guard kind.isReal else { return wholes.map { Float($0) } }
        guard let raw else { return fields.map { Self.real(UInt64(truncatingIfNeeded: $0), kind) } }
        return (0..<count).map { index in
            Self.real(bytes.bits(raw.lowerBound + index * kind.byteCount, kind.byteCount), kind)
        }
    }

    private static func real(_ bits: UInt64, _ kind: Kind) -> Float {
        switch kind {
        case .float16: Float(Float16(bitPattern: UInt16(truncatingIfNeeded: bits)))
        case .bfloat16: Float(bitPattern: UInt32(truncatingIfNeeded: bits) << 16)
        case .float64: Float(Double(bitPattern: bits))
        default: Float(bitPattern: UInt32(truncatingIfNeeded: bits))
        }
    }
}
