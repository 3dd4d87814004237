import Foundation
import Networks
import Protobuf
import Tensors
import Testing

@testable import ModelFiles

/// What is in an ONNX file, read by hand: onnx.proto has the numbers of the fields.
@Suite struct ONNXTests {
    private func built(_ text: String, classes: Int? = nil) throws -> BuiltArchitecture {
        try ArchitectureFile(parsing: text, path: "a.yaml").architecture(classes: classes).graph()
    }

    /// The file of a network with these weights, parameter by parameter.
    private func file(
        _ text: String, _ weights: [[Float]], _ precision: Precision = .float32,
        notes: ExportPlan.Notes = ExportPlan.Notes()
    ) throws -> ProtobufMessage {
        let built = try built(text), vector = ParameterVector(zeros: built.graph.layout)
        for (entry, numbers) in zip(built.graph.layout.entries, weights) { vector[entry].copy(from: numbers) }
        var bytes: [UInt8] = []
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "s.onnx").path
            try ExportPlan(built, precision: precision, format: ONNX(), notes: notes).write(vector, to: path)
            bytes = try Array(Data(contentsOf: URL(filePath: path)))
        }
        return try ProtobufMessage(bytes)
    }

    private func graph(_ file: ProtobufMessage) throws -> ProtobufMessage { try #require(try file.messages(7).first) }

    /// The float32 numbers of a tensor.
    private func floats(_ tensor: ProtobufMessage) throws -> [Float] {
        let raw = try #require(tensor.data(9).first)
        return stride(from: 0, to: raw.count, by: 4).map { start in
            Float(bitPattern: raw[start..<(start + 4)].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
        }
    }

    private func tensor(_ name: String, _ graph: ProtobufMessage) throws -> ProtobufMessage {
        try #require(try graph.messages(5).first { $0.texts(8) == [name] })
    }

    /// The axes of an input or output: numbers, or names.
    private func axes(_ value: ProtobufMessage) throws -> [String] {
        let tensor = try #require(try value.messages(2).first?.messages(1).first)
        #expect(tensor.numbers(1) == [1])
        return try #require(try tensor.messages(2).first).messages(1).map {
            $0.numbers(1).first.map(String.init) ?? $0.texts(2).first ?? ""
        }
    }

    @Test func writesAGraphOfOperations() throws {
        let file = try file(
            "name: small\ninput: [3]\nlayers:\n  - Dense: {units: 2, activation: softmax}",
            [[1, 2, 3, 4, 5, 6], [7, 8]], notes: ExportPlan.Notes(["provenance": "{}"], classNames: ["a", "ö"]))
        #expect(file.numbers(1) == [8])
        #expect(file.texts(2) == ["compress"])
        #expect(file.texts(3) == [Producer.version])
        #expect(try file.messages(8).map { ($0.texts(1) + $0.numbers(2).map(String.init)) } == [["", "17"]])
        #expect(
            try file.messages(14).map { $0.texts(1) + $0.texts(2) } == [
                ["provenance", "{}"], ["classes", "[\"a\",\"ö\"]"],
            ])

        let graph = try graph(file), nodes = try graph.messages(1)
        #expect(graph.texts(2) == ["small"])
        #expect(nodes.map { $0.texts(4)[0] } == ["MatMul", "Add", "Softmax", "Identity"])
        #expect(nodes[0].texts(1) == ["input", "dense/kernel"])
        #expect(nodes[1].texts(1) == [nodes[0].texts(2)[0], "dense/bias"])
        #expect(try nodes[3].texts(2) == graph.messages(12)[0].texts(1))
        #expect(try axes(graph.messages(11)[0]) == ["batch", "3"])
        #expect(try axes(graph.messages(12)[0]) == ["batch", "2"])

        let kernel = try tensor("dense/kernel", graph)
        #expect(kernel.numbers(1) == [3, 2])
        #expect(kernel.numbers(2) == [1])
        #expect(try floats(kernel) == [1, 2, 3, 4, 5, 6])
        #expect(try floats(tensor("dense/bias", graph)) == [7, 8])
    }

    /// Keras has (height, width, channels, filters), ONNX (filters, channels, height, width).
    @Test func turnsKernelsAround() throws {
        let graph = try graph(
            file(
                "input: [4, 4, 2]\nlayers:\n  - Conv2D: {filters: 2, kernel_size: [1, 2], use_bias: false}",
                [[1, 2, 3, 4, 5, 6, 7, 8]]))
        let kernel = try tensor("conv2d/kernel", graph)
        #expect(kernel.numbers(1) == [2, 2, 1, 2])
        #expect(try floats(kernel) == [1, 5, 3, 7, 2, 6, 4, 8])
    }

    /// Keras has the gates i, f, c, o, ONNX i, o, f, c.
    @Test func ordersTheGatesOfAnLSTM() throws {
        let graph = try graph(
            file("input: [3, 1]\nlayers:\n  - LSTM: {units: 1}", [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]))
        #expect(try tensor("lstm/kernel", graph).numbers(1) == [1, 4, 1])
        #expect(try floats(tensor("lstm/kernel", graph)) == [1, 4, 2, 3])
        #expect(try floats(tensor("lstm/recurrent_kernel", graph)) == [5, 8, 6, 7])
        #expect(try floats(tensor("lstm/bias", graph)) == [9, 12, 10, 11])
    }

    private static let square = "input: [16]\nlayers:\n  - Dense: {units: 16, use_bias: false}"

    @Test func storesHalfPrecision() throws {
        // 1/3 is 0x3555 as float16.
        let graph = try graph(file(Self.square, [Array(repeating: 1 / 3, count: 256)], .float16))
        let kernel = try tensor("dense/kernel", graph)
        #expect(kernel.numbers(2) == [10])
        #expect(kernel.data(9) == [(0..<256).flatMap { _ in [0x55, 0x35] as [UInt8] }])
        #expect(try graph.messages(1).map { $0.texts(4)[0] } == ["Cast", "MatMul", "Identity"])
    }

    @Test func storesInt8WithItsScale() throws {
        // The largest magnitude is 127/64, so that the scale is 1/64; halves go to the even number.
        var numbers = [Float](repeating: 0, count: 256)
        (numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]) = (
            127 / 64, -1 / 64, 2.5 / 64, -3.5 / 64, 0.7 / 64
        )
        let graph = try graph(file(Self.square, [numbers], .int8))
        let kernel = try tensor("dense/kernel", graph)
        #expect(kernel.numbers(1) == [1, 16, 16])
        #expect(kernel.numbers(2) == [3])
        #expect(kernel.data(9)[0].prefix(6).map { Int8(bitPattern: $0) } == [127, -1, 2, -4, 1, 0])
        #expect(try floats(tensor("dense/kernel/scale", graph)) == [1 / 64])
        // Right before MatMul, ONNX Runtime would make MatMulNBits of it, which rounds what is multiplied.
        let nodes = try graph.messages(1)
        #expect(nodes.map { $0.texts(4)[0] } == ["DequantizeLinear", "Reshape", "MatMul", "Identity"])
        #expect(nodes[0].texts(1) == ["dense/kernel", "dense/kernel/scale"])
    }

    /// A layer that is called twice has its weights in the file once.
    @Test func writesSharedWeightsOnce() throws {
        let text = """
            input: [6, 4]
            layers:
              - Dense: {units: 300}
                name: first
              - TimeDistributed: {layer: {Dense: {units: 2}}}
                name: second
            """
        let names = try graph(file(text, [])).messages(5).map { $0.texts(8)[0] }
        #expect(names.filter { $0.hasPrefix("first/") } == ["first/kernel", "first/bias"])
        let built = try KerasFile(opening: fixture("graph-shared.h5")).network().0
        let size = try ExportPlan(built, format: ONNX()).size
        #expect(size.overhead.bytes > 0)
    }

    private func open(_ layers: String) throws -> ProtobufMessage {
        let built = try ArchitectureFile(parsing: "input: [time, 4]\nlayers:\n\(layers)", path: "a.yaml")
            .architecture().graph(inputs: [[9, 4]])
        var bytes: [UInt8] = []
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "s.onnx").path
            try ExportPlan(built, format: ONNX()).write(ParameterVector(zeros: built.graph.layout), to: path)
            bytes = try Array(Data(contentsOf: URL(filePath: path)))
        }
        return try graph(ProtobufMessage(bytes))
    }

    @Test(arguments: [
        "  - GRU: {units: 3, return_sequences: true}",
        "  - Masking\n  - Bidirectional: {layer: {LSTM: {units: 2, return_sequences: true}}}\n  - Dense: {units: 3}",
        "  - SimpleRNN: {units: 3, return_sequences: true, activation: gelu}",
        "  - Conv1D: {filters: 3, kernel_size: 3, padding: same}",
        "  - TimeDistributed: {layer: {LayerNormalization: {}}}\n  - Dense: {units: 3}",
    ])
    func keepsLengthsOpen(layers: String) throws {
        let graph = try open(layers)
        #expect(try axes(graph.messages(11)[0]) == ["batch", "time", "4"])
        #expect(try axes(graph.messages(12)[0]) == ["batch", "time", "3"])
    }

    @Test func refusesFixedLengthsForOpenOnes() throws {
        do {
            _ = try open("  - Dense: {units: 3}\n  - UpSampling1D: {size: 2}\n    name: up")
            Issue.record("it was written")
        } catch {
            #expect(
                "\(error)" == """
                    'a.yaml': line 4, layer 'up' (UpSampling1D): computes with a fixed length in ONNX, and the input leaves it \
                    open. Give the input a length, such as Input((300, 5)) in Keras, or write .h5 or .keras
                    """)
        }
    }

    @Test func refusesPrecisionsOfOtherFormats() throws {
        let built = try built(Self.square)
        func refusal(_ precision: Precision, _ format: any ModelFormat) -> String? {
            do {
                _ = try ExportPlan(built, precision: precision, format: format)
                return nil
            } catch { return "\(error)" }
        }
        let onnx = "to a .onnx file; use --precision float32, float16, int8, or 8 bits a weight and more"
        #expect(refusal(.small(bits: 8), ONNX()) == "precision float8 cannot be written \(onnx)")
        #expect(refusal(.bits(3.5), ONNX()) == "precision 3.5 bits cannot be written \(onnx)")
        #expect(refusal(.bits(8), ONNX()) == nil)
        #expect(refusal(.automatic, ONNX()) == nil)
        for (format, suffix) in [(KerasHDF5(), "h5"), (KerasArchive(), "keras")] as [(any ModelFormat, String)] {
            #expect(
                refusal(.int8, format) == """
                    precision int8 cannot be written to a .\(suffix) file; use --precision float32, float16, float8 to \
                    float4, auto, or bits a weight such as 3.5
                    """)
        }
    }

    /// A message of Protocol Buffers ends at 2³¹ − 1 bytes.
    @Test func refusesMoreThanAFileHolds() throws {
        let built = try built("input: [30000]\nlayers:\n  - Dense: {units: 20000, use_bias: false}")
        do {
            _ = try ExportPlan(built, format: ONNX())
            Issue.record("it was planned")
        } catch let error as ModelFileError {
            #expect(error.kind == .refused)
            #expect("\(error)".contains("more than the 2,147,483,647 bytes of an ONNX file. Write .h5"))
        }
    }

    /// A layer that nobody has put into operations of ONNX.
    private struct Unheard: Layer {
        func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan { LayerPlan(output: inputs[0]) }
        func forward(_ pass: ForwardPass) {}
        func backward(_ pass: BackwardPass) {}
    }

    @Test func refusesLayersByName() throws {
        let architecture = try ArchitectureFile(
            parsing: "input: [3]\nlayers:\n  - Activation: {activation: relu}\n    name: odd", path: "a.yaml"
        ).architecture()
        let found = try architecture.graph()
        var graph = LayerGraph()
        let input = graph.addInput([3]), output = try graph.add("odd", Unheard(), to: [input])
        graph.finish(outputs: [output], logits: output, head: .none)
        let built = BuiltArchitecture(
            architecture: architecture, graph: graph, layers: found.layers, values: found.values)
        do {
            _ = try ExportPlan(built, format: ONNX())
            Issue.record("it was planned")
        } catch {
            #expect(
                "\(error)" == """
                    'a.yaml': line 3, layer 'odd' (Activation): has no counterpart in ONNX. Write .h5 or .keras, or choose \
                    another layer
                    """)
        }
    }

    /// Every layer that Keras's files of ours have.
    @Test func knowsTheSizeOfEveryFixture() throws {
        let folder = URL(filePath: fixture(""))
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().filter {
            $0.hasSuffix(".h5") && !$0.hasSuffix(".io.h5")
        }
        #expect(names.count > 200)
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "s.onnx").path
            for name in names {
                let file = try KerasFile(opening: fixture(name))
                let (built, network) = try file.network(inputs: file.sampleInputs)
                for precision in [Precision.float32, .float16, .int8] {
                    let plan = try ExportPlan(built, precision: precision, format: ONNX())
                    #expect(try plan.write(network.weights, to: path) == plan.size.file, "\(name), \(precision)")
                }
            }
        }
    }
}

@Suite struct IntegerLevelsTests {
    private func round(_ numbers: [Float]) -> [Float] {
        var numbers = numbers, span = numbers.mutableSpan
        WeightEncoding.int8.round(&span)
        return numbers
    }

    @Test func roundingTwiceChangesNothing() {
        for seed in 0..<200 {
            let key = RandomKey(seed: seed), scale = exp2(Float(seed % 40) - 20)
            let numbers = (0..<300).map { Float(key.normals($0).0) * scale }
            let once = round(numbers), largest = numbers.map(abs).max() ?? 0
            #expect(round(once) == once)
            for (number, rounded) in zip(numbers, once) { #expect(abs(number - rounded) <= largest / 253) }
        }
    }

    @Test func zerosStayZeros() { #expect(round([0, 0, -0]) == [0, 0, 0]) }

    /// They are refused by name when the file is written.
    @Test func leavesWhatIsNotFiniteAlone() { #expect(round([.infinity, 127, -1.4])[0...2] == [.infinity, 127, -1]) }
}
