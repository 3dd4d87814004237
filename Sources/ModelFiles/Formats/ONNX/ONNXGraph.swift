import Networks
import Protobuf
import Tensors

/// A graph of ONNX that grows node by node (onnx.proto of ONNX 1.12: IR 8, opset 17).
///
/// Weights have their place in it, but no numbers: these come when the file is written.
final class ONNXGraph {
    /// The types of a tensor's numbers.
    enum Kind: Int { case float32 = 1, int8 = 3, int32 = 6, int64 = 7, bool = 9, float16 = 10 }

    /// Parameters of the network, as the graph has them.
    struct Weights {
        let entry: ParameterLayout.Entry
        let arrangement: ONNXArrangement
        /// What is stored: the numbers, or the scale that int8 is multiplied by.
        let content: Content
        /// The fields before the numbers.
        let head: ProtobufWriter

        enum Content { case numbers, scale }
    }

    /// The nodes and the constants: fields of a GraphProto.
    private(set) var nodes = ProtobufWriter(), constants = ProtobufWriter()
    private(set) var weights: [Weights] = []
    /// Whether some lengths are known only when the graph runs.
    var hasOpenLengths = false
    /// What names of values begin with: the layer's.
    var scope = ""

    private let encodings: WeightEncodings
    private var taken: [String: Int] = [:]
    private var knownConstants: [[UInt8]: String] = [:]
    private var knownWeights: [ONNXArrangement.Use: String] = [:]

    init(_ encodings: WeightEncodings) { self.encodings = encodings }

    /// A name that nothing else has: the one given, or that with a number.
    func name(_ wanted: String) -> String {
        var name = wanted
        while let count = taken[name] {
            taken[name] = count + 1
            name = "\(wanted)_\(count)"
        }
        taken[name] = 1
        return name
    }

    // MARK: - Nodes

    /// Adds a node with one output, and returns its name.
    func callAsFunction(_ operation: String, _ inputs: String..., with attributes: ONNXAttribute...) -> String {
        node(operation, inputs, attributes, outputs: [name("\(scope)/\(operation)")])[0]
    }

    /// Adds a node with several outputs.
    func node(_ operation: String, _ inputs: [String], _ attributes: [ONNXAttribute], outputs count: Int) -> [String] {
        node(operation, inputs, attributes, outputs: (0..<count).map { _ in name("\(scope)/\(operation)") })
    }

    /// Adds a node with outputs of given names; an input without a name is left out.
    @discardableResult
    func node(
        _ operation: String, _ inputs: [String], _ attributes: [ONNXAttribute] = [], outputs: [String]
    ) -> [String] {
        var node = ProtobufWriter()
        for input in inputs { node.add(1, input) }
        for output in outputs { node.add(2, output) }
        node.add(3, outputs[0])
        node.add(4, operation)
        for attribute in attributes { node.add(5, attribute.message) }
        nodes.add(1, node)
        return outputs
    }

    /// A graph inside a node, which may read everything of this one.
    ///
    /// - Parameters:
    ///   - inputs: The names and the axes behind the examples of what it is given.
    ///   - build: Adds its nodes, and returns its outputs in the same way.
    func body(
        _ inputs: [(name: String, axes: [Int])], _ build: () -> [(name: String, axes: [Int])]
    ) -> ONNXAttribute {
        let outside = nodes
        nodes = ProtobufWriter()
        let outputs = build()
        var graph = nodes
        nodes = outside
        graph.add(2, "\(scope)/body")
        for input in inputs { graph.add(11, Self.value(input.name, input.axes.map { .extent($0) })) }
        for output in outputs { graph.add(12, Self.value(output.name, output.axes.map { .extent($0) })) }
        return .graph("body", graph)
    }

    /// An axis of an input or output.
    enum Axis {
        case extent(Int)
        /// Of any extent: the same for all axes of the name.
        case named(String)

        fileprivate var message: ProtobufWriter {
            var dimension = ProtobufWriter()
            switch self {
            case .extent(let extent): dimension.add(1, extent)
            case .named(let name): dimension.add(2, name)
            }
            return dimension
        }
    }

    /// A ValueInfoProto of float32, for any number of examples.
    static func value(_ name: String, _ axes: [Axis]) -> ProtobufWriter {
        var dimensions = ProtobufWriter()
        for axis in [.named("batch")] + axes { dimensions.add(1, axis.message) }
        var tensor = ProtobufWriter(), type = ProtobufWriter(), value = ProtobufWriter()
        tensor.add(1, Kind.float32.rawValue)
        tensor.add(2, dimensions)
        type.add(1, tensor)
        value.add(1, name)
        value.add(2, type)
        return value
    }

    // MARK: - Constants

    func constant(_ numbers: [Float], _ axes: [Int]) -> String {
        constant(.float32, axes, numbers.flatMap { bytes(of: $0.bitPattern) })
    }

    func constant(_ number: Float) -> String { constant([number], []) }

    /// A list of whole numbers.
    func integers(_ numbers: [Int]) -> String {
        constant(.int64, [numbers.count], numbers.flatMap { bytes(of: UInt64(bitPattern: Int64($0))) })
    }

    /// A whole number by itself, where an operation takes no list.
    func integer(_ number: Int) -> String { constant(.int64, [], bytes(of: UInt64(bitPattern: Int64(number)))) }

    private func constant(_ kind: Kind, _ axes: [Int], _ raw: [UInt8]) -> String {
        let key = [UInt8(kind.rawValue)] + axes.flatMap { bytes(of: UInt32($0)) } + raw
        if let known = knownConstants[key] { return known }
        let name = name("constant")
        var tensor = Self.head(name, kind, axes)
        tensor.add(9, raw)
        constants.add(5, tensor)
        knownConstants[key] = name
        return name
    }

    // MARK: - Weights

    /// Parameters as float32 numbers, in whatever form the file has them.
    func parameter(_ entry: ParameterLayout.Entry, _ arrangement: ONNXArrangement) -> String {
        let use = ONNXArrangement.Use(entry: entry.offset, arrangement: arrangement)
        if let known = knownWeights[use] { return known }
        let stored = name("\(entry.layer)/\(entry.spec.name)")
        func add(_ kind: Kind, _ name: String, _ axes: [Int], _ content: Weights.Content) {
            weights.append(
                Weights(
                    entry: entry, arrangement: arrangement, content: content, head: Self.head(name, kind, axes)))
        }
        let result: String
        switch encodings[entry] {
        case .float32:
            add(.float32, stored, arrangement.shape, .numbers)
            result = stored
        case .float16:
            add(.float16, stored, arrangement.shape, .numbers)
            result =
                node("Cast", [stored], [.integer("to", Kind.float32.rawValue)], outputs: [name("\(stored)/Cast")])[0]
        case .int8, .planned, .small, .coded:
            let scale = name("\(stored)/scale")
            // ONNX Runtime makes MatMulNBits of a matrix product right behind, which rounds what is multiplied, too.
            let isMatrix = arrangement.shape.count == 2
            add(.int8, stored, (isMatrix ? [1] : []) + arrangement.shape, .numbers)
            add(.float32, scale, [], .scale)
            let numbers = node("DequantizeLinear", [stored, scale], outputs: [name("\(stored)/DequantizeLinear")])[0]
            result =
                isMatrix
                ? node("Reshape", [numbers, integers(arrangement.shape)], outputs: [name("\(stored)/Reshape")])[0]
                : numbers
        }
        knownWeights[use] = result
        return result
    }

    private static func head(_ name: String, _ kind: Kind, _ axes: [Int]) -> ProtobufWriter {
        var tensor = ProtobufWriter()
        for axis in axes { tensor.add(1, axis) }
        tensor.add(2, kind.rawValue)
        tensor.add(8, name)
        return tensor
    }
}

/// The bytes of a number, the lowest first.
func bytes(of number: some FixedWidthInteger) -> [UInt8] {
    (0..<number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
}

/// A setting of a node.
enum ONNXAttribute {
    case integer(String, Int)
    case number(String, Float)
    case text(String, String)
    case integers(String, [Int])
    case numbers(String, [Float])
    case texts(String, [String])
    case graph(String, ProtobufWriter)

    var message: ProtobufWriter {
        var message = ProtobufWriter()
        func add(_ name: String, type: Int, _ body: (inout ProtobufWriter) -> Void) {
            message.add(1, name)
            body(&message)
            message.add(20, type)
        }
        switch self {
        case .number(let name, let value): add(name, type: 1) { $0.add(2, value) }
        case .integer(let name, let value): add(name, type: 2) { $0.add(3, value) }
        case .text(let name, let value): add(name, type: 3) { $0.add(4, value) }
        case .graph(let name, let graph): add(name, type: 5) { $0.add(6, graph) }
        case .numbers(let name, let values): add(name, type: 6) { for value in values { $0.add(7, value) } }
        case .integers(let name, let values): add(name, type: 7) { for value in values { $0.add(8, value) } }
        case .texts(let name, let values): add(name, type: 8) { for value in values { $0.add(9, value) } }
        }
        return message
    }
}
