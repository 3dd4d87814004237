import Networks
public import Tensors

/// One file with the graph of operations that a network is, which ONNX Runtime and many others run.
///
/// Opset 17 and IR 8, which ONNX Runtime reads from 1.12 on. Inputs have their channels last, as in Keras, and any number of
/// examples; axes that the network leaves open stay open, where its operations allow it.
public struct ONNX: ModelFormat {
    public let suffixes = ["onnx"]
    public let summary = "ONNX, for ONNX Runtime and others"
    public let isReadable = true
    public let isForKeras = false
    public let precisions = "float32, float16, int8, or 8 bits a weight and more"
    public let plannedBits = 8.0

    public init() {}

    public func holds(_ encoding: WeightEncoding) -> Bool {
        switch encoding {
        case .float32, .float16, .int8: true
        case .planned(let bits): bits >= plannedBits
        case .small, .coded: false
        }
    }

    /// Levels that weights share are those of int8, and so are the fewest bits.
    public func kinds(_ wanted: WeightEncoding.Kinds) -> WeightEncoding.Kinds { wanted.isEmpty ? [] : .integers }

    public func expressing(_ built: BuiltArchitecture) throws(ModelFileError) -> BuiltArchitecture {
        _ = try ONNXTranslation.checked(built, Precision.float32.encodings(of: built.graph.layout))
        return built
    }

    public func byteCount(of content: ModelContent) throws -> Int { try ONNXFile(content).byteCount }

    public func write(_ content: ModelContent, _ weights: Tensor, to partial: String, as path: String) throws {
        try ONNXFile(content).write(weights, to: partial, as: path)
    }
}
