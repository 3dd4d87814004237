import Networks
import Protobuf
import Storage
import Tensors

/// The bytes of a ModelProto: a few runs of them, and between these the numbers of the weights.
struct ONNXFile {
    private enum Piece {
        case bytes([UInt8])
        case numbers(ONNXGraph.Weights, count: Int)

        var byteCount: Int {
            switch self {
            case .bytes(let bytes): bytes.count
            case .numbers(_, let count): count
            }
        }
    }

    private let encodings: WeightEncodings
    private var pieces: [Piece] = []

    /// What a message of Protocol Buffers may have.
    private static let limit = Int(Int32.max)
    private static let irVersion = 8, opset = 17

    var byteCount: Int { pieces.reduce(0) { $0 + $1.byteCount } }

    /// - Throws: `ModelFileError` for layers without a counterpart in ONNX, and for more than a file can hold.
    init(_ content: ModelContent) throws(ModelFileError) {
        encodings = content.encodings
        let translation = try ONNXTranslation.checked(content.built, encodings), graph = translation.graph
        var body = [Piece.bytes(graph.nodes.bytes)]
        var name = ProtobufWriter()
        name.add(2, content.built.architecture.name)
        body += [.bytes(name.bytes), .bytes(graph.constants.bytes)]
        for weights in graph.weights { body += initializer(weights) }
        var ends = ProtobufWriter()
        for input in translation.inputs { ends.add(11, ONNXGraph.value(input.name, input.axes)) }
        for output in translation.outputs { ends.add(12, ONNXGraph.value(output.name, output.axes)) }
        body.append(.bytes(ends.bytes))

        var head = ProtobufWriter()
        head.add(1, Self.irVersion)
        head.add(2, Producer.name)
        head.add(3, Producer.version)
        head.addHead(7, byteCount: body.reduce(0) { $0 + $1.byteCount })
        var tail = ProtobufWriter(), opset = ProtobufWriter()
        opset.add(1, "")
        opset.add(2, Self.opset)
        tail.add(8, opset)
        for (key, value) in content.notes.entries {
            var entry = ProtobufWriter()
            entry.add(1, key)
            entry.add(2, value)
            tail.add(14, entry)
        }
        pieces = [.bytes(head.bytes)] + body + [.bytes(tail.bytes)]
        guard byteCount <= Self.limit else {
            throw ModelFileError(
                .refused, content.built.architecture.origin,
                ["takes \(ByteCount(byteCount)), more than the \(ByteCount(Self.limit)) of an ONNX file"],
                advice: "Write .h5, or lower --width")
        }
    }

    /// A tensor whose last field is its numbers.
    private func initializer(_ weights: ONNXGraph.Weights) -> [Piece] {
        let count = numberByteCount(weights)
        var head = weights.head
        head.addHead(9, byteCount: count)
        var tensor = ProtobufWriter()
        tensor.addHead(5, byteCount: head.bytes.count + count)
        return [.bytes(tensor.bytes + head.bytes), .numbers(weights, count: count)]
    }

    private func numberByteCount(_ weights: ONNXGraph.Weights) -> Int {
        let shape = weights.entry.spec.shape
        switch (weights.content, encodings[weights.entry]) {
        case (.scale, _): return 4
        case (.numbers, .int8): return shape.elementCount
        case (.numbers, let encoding): return encoding.byteCount(of: shape)
        }
    }

    // MARK: - Writing

    /// Writes the file.
    ///
    /// - Parameter weights: A run of floats with the layout of the network, rounded as the encodings say.
    func write(_ weights: Tensor, to partial: String, as path: String) throws(StorageError) {
        let file = try FileWriter(creating: partial, as: path)
        for piece in pieces {
            switch piece {
            case .bytes(let bytes): try file.write(bytes)
            case .numbers(let part, _): try write(part, weights, to: file)
            }
        }
        try file.close()
    }

    private func write(
        _ part: ONNXGraph.Weights, _ weights: Tensor, to file: borrowing FileWriter
    ) throws(StorageError) {
        let parameter = weights.slice(at: part.entry.offset, count: part.entry.spec.shape.elementCount)
        if case .scale = part.content {
            let levels = parameter.withSpan { IntegerLevels(fitting: $0) }
            return try file.write(bytes(of: levels.scale.bitPattern))
        }
        try file.write(part.arrangement.numbers(of: parameter), as: encodings[part.entry])
    }
}

extension FileWriter {
    /// Writes numbers in an encoding that has so many bytes for each, the lowest first.
    func write(_ numbers: Tensor, as encoding: WeightEncoding) throws(StorageError) {
        let levels = encoding == .int8 ? numbers.withSpan { IntegerLevels(fitting: $0) } : nil
        for start in stride(from: 0, to: numbers.elementCount, by: Self.blockCount) {
            let count = min(Self.blockCount, numbers.elementCount - start)
            let block = numbers.slice(at: start, count: count).withSpan { span in
                [UInt8](capacity: 4 * count) { output in
                    for index in span.indices {
                        switch (encoding, levels) {
                        case (.int8, let levels?):
                            output.append(UInt8(bitPattern: levels.code(of: span[index])))
                        case (.float16, _): output.append(littleEndian: Float16(span[index]).bitPattern)
                        case (.float32, _): output.append(littleEndian: span[index].bitPattern)
                        default: preconditionFailure("\(encoding) is no encoding of single numbers")
                        }
                    }
                }
            }
            try write(block)
        }
    }

    private static var blockCount: Int { 1 << 18 }
}

extension OutputSpan<UInt8> {
    mutating func append(littleEndian number: some FixedWidthInteger & UnsignedInteger) {
        for shift in stride(from: 0, to: number.bitWidth, by: 8) { append(UInt8(truncatingIfNeeded: number >> shift)) }
    }
}
