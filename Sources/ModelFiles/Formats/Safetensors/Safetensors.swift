import Networks
import Storage
public import Tensors

/// One file of named tensors, which PyTorch, JAX, MLX and NumPy read without running any code.
///
///     8 bytes    the length of the header
///     header     JSON: for each name type, shape and place, and in __metadata__ texts
///     data       the numbers, without anything between them
///
/// Names and shapes are Keras's. The metadata has the architecture, as JSON of Keras's, so that this program reads the file back.
/// (github.com/huggingface/safetensors, Format.)
public struct Safetensors: ModelFormat {
    public let suffixes = ["safetensors"]
    public let summary = "named tensors, for PyTorch, JAX and others"
    public let isReadable = true
    public let isForKeras = false
    public let precisions = "float32, float16, or auto"
    public let plannedBits = 16.0

    public init() {}

    public func holds(_ encoding: WeightEncoding) -> Bool {
        switch encoding {
        case .float32, .float16: true
        case .planned(let bits): bits >= plannedBits
        case .int8, .small, .coded: false
        }
    }

    public func kinds(_ wanted: WeightEncoding.Kinds) -> WeightEncoding.Kinds { [] }

    /// The words of the architecture are those of an HDF5 file.
    public func expressing(_ built: BuiltArchitecture) throws(ModelFileError) -> BuiltArchitecture {
        try KerasHDF5().expressing(built)
    }

    public func byteCount(of content: ModelContent) throws -> Int {
        let tensors = Self.tensors(content)
        return Self.head(content, tensors).count + tensors.reduce(0) { $0 + $1.byteCount }
    }

    public func write(_ content: ModelContent, _ weights: Tensor, to partial: String, as path: String) throws {
        let tensors = Self.tensors(content), file = try FileWriter(creating: partial, as: path)
        try file.write(Self.head(content, tensors))
        for tensor in tensors {
            let entry = tensor.slot.entry
            try file.write(
                weights.slice(at: entry.offset, count: entry.spec.shape.elementCount), as: tensor.encoding)
        }
        try file.close()
    }

    private struct Named {
        let name: String
        let slot: WeightSlot
        let encoding: WeightEncoding
        var byteCount: Int { encoding.byteCount(of: slot.entry.spec.shape) }
    }

    /// Those with more bytes a number come first, so that each begins at a multiple of its type's size.
    private static func tensors(_ content: ModelContent) -> [Named] {
        let writer = ConfigurationWriter(content.built, CommonSpelling())
        let all = writer.order.flatMap { index in
            (content.slots[index] ?? []).inOwnOrder.map { slot in
                Named(
                    name: "\(writer.layerNames[index])/\(slot.name)", slot: slot,
                    encoding: content.encodings[slot.entry])
            }
        }
        return all.filter { $0.encoding == .float32 } + all.filter { $0.encoding != .float32 }
    }

    /// The length and the header, with spaces behind it up to a multiple of eight bytes.
    private static func head(_ content: ModelContent, _ tensors: [Named]) -> [UInt8] {
        let writer = ConfigurationWriter(content.built, CommonSpelling())
        var metadata: JSON.Object = [
            "format": "keras", "layout": "as in Keras: a dense kernel is (inputs, units)",
            SafetensorsFile.versionKey: .string(content.kerasVersion),
            SafetensorsFile.configurationKey: .string(writer.json.description),
        ]
        for note in content.notes.entries { metadata[note.name] = .string(note.text) }
        var header: JSON.Object = [SafetensorsFile.metadataKey: .object(metadata)], place = 0
        for tensor in tensors {
            header[tensor.name] = [
                "dtype": tensor.encoding == .float32 ? "F32" : "F16",
                "shape": .array(tensor.slot.shape.map { .integer($0) }),
                "data_offsets": [.integer(place), .integer(place + tensor.byteCount)],
            ]
            place += tensor.byteCount
        }
        var text = Array(JSON.object(header).description.utf8)
        text += Array(repeating: 0x20, count: (8 - text.count % 8) % 8)
        return bytes(of: UInt64(text.count)) + text
    }
}
