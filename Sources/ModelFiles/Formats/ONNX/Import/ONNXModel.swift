import Foundation
import Protobuf
import Storage

/// What an ONNX file says: a graph of nodes that read and give named values. Nothing of it is trusted.
///
/// Messages and the numbers of their fields are those of onnx.proto.
struct ONNXModel {
    struct Node {
        var name = ""
        var operation = ""
        var domain = ""
        var inputs: [String] = []
        var outputs: [String] = []
        var attributes: [String: Attribute] = [:]
    }

    enum Attribute {
        case whole(Int)
        case real(Float)
        case text(String)
        case tensor(ONNXTensor)
        case wholes([Int])
        case reals([Float])
        case texts([String])
        /// A graph, or something else that no operator here has.
        case other
    }

    /// An input or output of the graph.
    struct Port {
        var name = ""
        /// The type of its numbers; see `ONNXTensor.Kind`.
        var kind = 0
        /// An axis that has no number is open. Nil if the file does not say.
        var axes: [Int?]?
    }

    private(set) var producer = ""
    private(set) var producerVersion = ""
    /// The version of ONNX's own operators.
    private(set) var opset = 0
    private(set) var metadata: [String: String] = [:]
    private(set) var name = ""
    private(set) var nodes: [Node] = []
    private(set) var tensors: [ONNXTensor] = []
    private(set) var inputs: [Port] = []
    private(set) var outputs: [Port] = []
    private var hasGraph = false

    /// More would be no model that anybody trained.
    private static let nodeLimit = 100_000
    /// What a message of Protocol Buffers may have.
    static let byteLimit = Int(Int32.max)
    private static let opsets = 9...26

    /// - Throws: `ProtobufError` for bytes that are no message, and `ONNXRefusal`.
    init(_ bytes: ONNXBytes) throws {
        var reader = ProtobufReader(bytes.all.indices)
        while let field = try reader.next(bytes.all) {
            switch (field.number, field.value) {
            case (2, .bytes(let range)): producer = bytes.text(range)
            case (3, .bytes(let range)): producerVersion = bytes.text(range)
            case (7, .bytes(let range)): try readGraph(range, bytes)
            case (8, .bytes(let range)):
                let (domain, version) = try bytes.pair(range)
                if domain.isEmpty || domain == "ai.onnx" { opset = max(opset, version.number) }
            case (14, .bytes(let range)):
                let (key, value) = try bytes.pair(range)
                metadata[key] = value.text
            default: break
            }
        }
        guard hasGraph, !nodes.isEmpty else { throw ONNXRefusal("has no graph of operators") }
        guard Self.opsets.contains(opset) else {
            throw ONNXRefusal(
                "is of opset \(opset); \(Self.opsets.lowerBound) to \(Self.opsets.upperBound) are read. "
                    + "Export it with opset_version=17")
        }
    }

    private mutating func readGraph(_ range: Range<Int>, _ bytes: ONNXBytes) throws {
        guard !hasGraph else { throw ONNXRefusal("has two graphs") }
        hasGraph = true
        var reader = ProtobufReader(range)
        while let field = try reader.next(bytes.all) {
            guard case .bytes(let range) = field.value else { continue }
            switch field.number {
            case 1: nodes.append(try Node(range, bytes))
            case 2: name = bytes.text(range)
            case 5: tensors.append(try ONNXTensor(range, bytes))
            case 11: inputs.append(try Port(range, bytes))
            case 12: outputs.append(try Port(range, bytes))
            case 15: throw ONNXRefusal("has sparse tensors, which are not read")
            default: break
            }
            guard nodes.count + tensors.count + inputs.count + outputs.count <= Self.nodeLimit else {
                throw ONNXRefusal("has more than \(Self.nodeLimit) nodes and tensors")
            }
        }
    }
}

/// What stands in the way of reading an ONNX file.
struct ONNXRefusal: Error {
    let text: String
    init(_ text: String) { self.text = text }
}

/// The bytes of a file, read once and shared by all that refer to places in them.
final class ONNXBytes: Sendable {
    let all: [UInt8]

    init(_ all: [UInt8]) { self.all = all }

    /// What is in a file of at most 2 GiB.
    ///
    /// - Throws: `ModelFileError`.
    convenience init(of path: String) throws(ModelFileError) {
        let handle: FileHandle
        do throws(InputFile.Problem) { handle = try InputFile.open(path) } catch {
            throw ModelFileError(error == .missing ? .missing : .unreadable, path, ["could not be opened: \(error)"])
        }
        let count = WholeFile.byteCount(of: path) ?? 0
        guard count <= ONNXModel.byteLimit else {
            throw ModelFileError(.refused, path, ["has \(count) bytes; an ONNX file ends at \(ONNXModel.byteLimit)"])
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        do {
            while bytes.count <= ONNXModel.byteLimit, let block = try handle.read(upToCount: 1 << 20), !block.isEmpty {
                bytes += block
            }
        } catch {
            throw ModelFileError(.unreadable, path, ["could not be read: \(error.localizedDescription)"])
        }
        self.init(bytes)
    }

    func text(_ range: Range<Int>) -> String { String(decoding: all[range], as: UTF8.self) }

    /// A message of a text (1) and a number or text (2).
    fileprivate func pair(_ range: Range<Int>) throws -> (String, (number: Int, text: String)) {
        var reader = ProtobufReader(range), key = "", number = 0, value = ""
        while let field = try reader.next(all) {
            switch (field.number, field.value) {
            case (1, .bytes(let range)): key = text(range)
            case (2, .bytes(let range)): value = text(range)
            case (2, .number(let bits)): number = Int(truncatingIfNeeded: bits)
            default: break
            }
        }
        return (key, (number, value))
    }

    /// The numbers of a repeated field that is packed.
    func wholes(_ range: Range<Int>) throws -> [Int] {
        var reader = ProtobufReader(range), numbers: [Int] = []
        while let bits = try reader.nextPacked(all) { numbers.append(Int(truncatingIfNeeded: bits)) }
        return numbers
    }

    /// The bits of a number of `size` bytes, the lowest first.
    func bits(_ place: Int, _ size: Int) -> UInt64 {
        var bits: UInt64 = 0
        for byte in 0..<size { bits |= UInt64(all[place + byte]) << UInt64(8 * byte) }
        return bits
    }

    /// The numbers of a packed field of floats.
    func reals(_ range: Range<Int>) -> [Float] {
        stride(from: range.lowerBound, to: range.upperBound - 3, by: 4).map {
            Float(bitPattern: UInt32(truncatingIfNeeded: bits($0, 4)))
        }
    }
}

// MARK: - Messages

extension ONNXModel.Node {
    fileprivate init(_ range: Range<Int>, _ bytes: ONNXBytes) throws {
        var reader = ProtobufReader(range)
        while let field = try reader.next(bytes.all) {
            guard case .bytes(let range) = field.value else { continue }
            switch field.number {
            case 1: inputs.append(bytes.text(range))
            case 2: outputs.append(bytes.text(range))
            case 3: name = bytes.text(range)
            case 4: operation = bytes.text(range)
            case 5:
                let (name, value) = try ONNXModel.Attribute.named(range, bytes)
                attributes[name] = value
            case 7: domain = bytes.text(range)
            default: break
            }
        }
    }
}

extension ONNXModel.Attribute {
    fileprivate static func named(_ range: Range<Int>, _ bytes: ONNXBytes) throws -> (String, Self) {
        var reader = ProtobufReader(range), name = "", value = Self.other
        var wholes: [Int] = [], reals: [Float] = [], texts: [String] = [], kind = 0
        while let field = try reader.next(bytes.all) {
            switch (field.number, field.value) {
            case (1, .bytes(let range)): name = bytes.text(range)
            case (2, .bytes(let range)): value = .real(bytes.reals(range).first ?? 0)
            case (3, .number(let bits)): value = .whole(Int(truncatingIfNeeded: bits))
            case (4, .bytes(let range)): value = .text(bytes.text(range))
            case (5, .bytes(let range)): value = .tensor(try ONNXTensor(range, bytes))
            case (7, .bytes(let range)): reals += bytes.reals(range)
            case (8, .bytes(let range)): wholes += try bytes.wholes(range)
            case (8, .number(let bits)): wholes.append(Int(truncatingIfNeeded: bits))
            case (9, .bytes(let range)): texts.append(bytes.text(range))
            case (20, .number(let bits)): kind = Int(truncatingIfNeeded: bits)
            default: break
            }
        }
        switch kind {
        case 1: if case .real = value {} else { value = .real(0) }
        case 2: if case .whole = value {} else { value = .whole(0) }
        case 3: if case .text = value {} else { value = .text("") }
        case 6: value = .reals(reals)
        case 7: value = .wholes(wholes)
        case 8: value = .texts(texts)
        default: break
        }
        return (name, value)
    }
}

extension ONNXModel.Port {
    fileprivate init(_ range: Range<Int>, _ bytes: ONNXBytes) throws {
        var reader = ProtobufReader(range)
        while let field = try reader.next(bytes.all) {
            guard case .bytes(let range) = field.value else { continue }
            if field.number == 1 { name = bytes.text(range) }
            if field.number == 2 {
                var type = ProtobufReader(range)
                while let tensor = try type.next(1, bytes.all) { try readTensor(tensor, bytes) }
            }
        }
    }

    private mutating func readTensor(_ range: Range<Int>, _ bytes: ONNXBytes) throws {
        var reader = ProtobufReader(range)
        while let field = try reader.next(bytes.all) {
            switch (field.number, field.value) {
            case (1, .number(let bits)): kind = Int(truncatingIfNeeded: bits)
            case (2, .bytes(let range)):
                var shape = ProtobufReader(range), axes: [Int?] = []
                while let axis = try shape.next(1, bytes.all) {
                    var reader = ProtobufReader(axis), extent: Int?
                    while let field = try reader.next(bytes.all) {
                        if field.number == 1, case .number(let bits) = field.value {
                            extent = Int(truncatingIfNeeded: bits)
                        }
                    }
                    axes.append(extent.flatMap { $0 > 0 ? $0 : nil })
                }
                self.axes = axes
            default: break
            }
        }
    }
}
