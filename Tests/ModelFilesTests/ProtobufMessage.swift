import Protobuf

/// A message of Protocol Buffers, taken apart: what it has under each number, in order.
struct ProtobufMessage {
    let fields: [ProtobufReader.Field]
    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) throws {
        var reader = ProtobufReader(0..<bytes.count), fields: [ProtobufReader.Field] = []
        while let field = try reader.next(bytes) { fields.append(field) }
        (self.fields, self.bytes) = (fields, bytes)
    }

    func numbers(_ number: Int) -> [Int] {
        fields.compactMap { field in
            if case .number(let value) = field.value, field.number == number {
                Int(bitPattern: UInt(value))
            } else {
                nil
            }
        }
    }

    func data(_ number: Int) -> [[UInt8]] {
        fields.compactMap { field in
            if case .bytes(let range) = field.value, field.number == number { Array(bytes[range]) } else { nil }
        }
    }

    func texts(_ number: Int) -> [String] { data(number).map { String(decoding: $0, as: UTF8.self) } }

    func messages(_ number: Int) throws -> [ProtobufMessage] { try data(number).map(ProtobufMessage.init) }
}
