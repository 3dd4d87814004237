import Foundation
import ModelFiles
import Networks
import Tensors
import Testing

@Suite struct SafetensorsTests {
    /// A file of a header and numbers, written by hand.
    private func bytes(_ header: String, _ data: [UInt8], length: UInt64? = nil) -> Data {
        let count = length ?? UInt64(header.utf8.count)
        return Data((0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) } + Array(header.utf8) + data)
    }

    private func floats(_ numbers: [Float]) -> [UInt8] {
        numbers.flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number.bitPattern >> (8 * $0)) } }
    }

    private func tensor(_ name: String, _ type: String, _ shape: [Int], _ places: Range<Int>) -> String {
        "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":[\(places.lowerBound),\(places.upperBound)]}"
    }

    /// Opens a file with an architecture beside it, and reads its weights.
    private func weights(_ content: Data, _ architecture: String) throws -> [[Float]] {
        var numbers: [[Float]] = []
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "w.safetensors"), yaml = folder.appending(path: "a.yaml")
            try content.write(to: file)
            try Data(architecture.utf8).write(to: yaml)
            let network = try KerasFile(opening: file.path, architecture: .init(yaml.path)).network().network
            numbers = network.graph.layout.entries.map { network.weights[$0].values }
        }
        return numbers
    }

    private static let dense = "input: [3]\nlayers:\n  - Dense: {units: classes, activation: softmax}"

    @Test func writesNamesPlacesAndNumbers() throws {
        let built = try ArchitectureFile(parsing: Self.dense, path: "a.yaml").architecture(classes: 2).graph()
        let weights = ParameterVector(zeros: built.graph.layout)
        for (entry, numbers) in zip(built.graph.layout.entries, [[1, 2, 3, 4, 5, 6], [7, 8]] as [[Float]]) {
            weights[entry].copy(from: numbers)
        }
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "s.safetensors").path
            let notes = ExportPlan.Notes(["provenance": "{}"], classNames: ["a", "b"])
            let plan = try ExportPlan(built, format: Safetensors(), notes: notes)
            #expect(try plan.write(weights, to: path) == plan.size.file)
            let content = try Array(Data(contentsOf: URL(filePath: path)))
            let length = content[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
            #expect(length % 8 == 0)
            let header = try JSON(parsing: String(decoding: content[8..<(8 + length)], as: UTF8.self))
            #expect(header["dense/kernel"] == ["dtype": "F32", "shape": [3, 2], "data_offsets": [0, 24]])
            #expect(header["dense/bias"] == ["dtype": "F32", "shape": [2], "data_offsets": [24, 32]])
            let metadata = try #require(header["__metadata__"]?.object)
            #expect(metadata.members.allSatisfy { $0.value.string != nil })
            #expect(metadata["provenance"] == "{}")
            #expect(metadata["classes"] == "[\"a\",\"b\"]")
            #expect(Array(content[(8 + length)...]) == floats([1, 2, 3, 4, 5, 6, 7, 8]))
            let file = try KerasFile(opening: path)
            #expect(file.classNames == ["a", "b"])
            #expect(file.provenance == "{}")
        }
    }

    /// What is wider comes first, so that every tensor begins at a multiple of its type's size.
    @Test func storesHalfPrecisionBehindStatistics() throws {
        let text = "input: [3]\nlayers:\n  - Dense: {units: 1}\n  - BatchNormalization\n  - Dense: {units: 2}"
        let built = try ArchitectureFile(parsing: text, path: "a.yaml").architecture().graph()
        let weights = ParameterVector(initializing: built.graph.layout, key: RandomKey(seed: 1))
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "s.safetensors").path
            try ExportPlan(built, precision: .float16, format: Safetensors()).write(weights, to: path)
            let network = try KerasFile(opening: path).network().network
            for entry in built.graph.layout.entries {
                let exact = weights[entry].values, isStatistic = entry.spec.role != .trainable
                #expect(network.weights[entry].values == (isStatistic ? exact : exact.map { Float(Float16($0)) }))
            }
        }
    }

    @Test func readsEveryFixtureBack() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: fixture("")).sorted().filter {
            $0.hasSuffix(".h5") && !$0.hasSuffix(".io.h5")
        }
        var readBack = 0
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "s.safetensors").path
            for name in names {
                let (built, network) = try KerasFile(opening: fixture(name)).network()
                // Files of Keras 2 cannot hold an operation of this one.
                guard let plan = try? ExportPlan(built, format: Safetensors()) else { continue }
                #expect(try plan.write(network.weights, to: path) == plan.size.file, "\(name)")
                let (again, copy) = try KerasFile(opening: path).network()
                #expect(again.graph.layout.entries.count == built.graph.layout.entries.count, "\(name)")
                let examples = try Examples(of: fixture(name))
                for (found, expected) in zip(copy.predict(examples.inputs), network.predict(examples.inputs)) {
                    #expect(distance(found, expected) == 0, "\(name)")
                }
                readBack += 1
            }
        }
        #expect(readBack > 225)
    }

    /// In any order, and with the number of classes that the last layer has.
    @Test func readsWeightsOfAKnownArchitecture() throws {
        let header = "{\(tensor("dense/bias", "F32", [2], 0..<8)),\(tensor("dense/kernel", "F32", [3, 2], 8..<32))}"
        let numbers = try weights(bytes(header, floats([7, 8, 1, 2, 3, 4, 5, 6])), Self.dense)
        #expect(numbers == [[1, 2, 3, 4, 5, 6], [7, 8]])
    }

    @Test(arguments: [
        ("F16", [0x00, 0x3C, 0x00, 0xC1] as [UInt8], [1, -2.5] as [Float]),
        ("BF16", [0x80, 0x3F, 0x20, 0xC0], [1, -2.5]),
        ("F64", [0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0, 0, 0, 0, 0, 0, 0x04, 0xC0], [1, -2.5]),
    ])
    func readsFloatsOfEveryWidth(type: String, data: [UInt8], numbers: [Float]) throws {
        let text = "input: [2]\nlayers:\n  - Dense: {units: 1, use_bias: false}"
        let header = "{\(tensor("dense/kernel", type, [2, 1], 0..<data.count))}"
        #expect(try weights(bytes(header, data), text) == [numbers])
    }

    /// Variables have the names of Keras 3's `variable.path`, or of Keras 2.
    @Test func findsVariablesByTheEndsOfTheirNames() throws {
        let text = """
            input: [2, 1]
            layers:
              - Bidirectional: {layer: {SimpleRNN: {units: 1}}}
                name: both
            """
        var header = "{", place = 0, names: [String] = []
        for direction in ["backward", "forward"] {
            for name in ["bias:0", "kernel", "recurrent_kernel"] {
                let shape = name == "bias:0" ? [1] : [1, 1]
                header +=
                    (place > 0 ? "," : "")
                    + tensor(
                        "both/\(direction)_rnn/simple_rnn_cell/\(name)", "F32", shape, place..<(place + 4))
                place += 4
                names.append("\(direction)/\(name)")
            }
        }
        let numbers = try weights(bytes(header + "}", floats([1, 2, 3, 4, 5, 6])), text)
        #expect(numbers == [[5], [6], [4], [2], [3], [1]])
    }

    @Test func saysWhichTensorsAreMissing() {
        let header = "{\(tensor("dense/kernel", "F32", [3, 2], 0..<24)),\(tensor("other/bias", "F32", [2], 24..<32))}"
        expectRefusal(
            bytes(header, floats(Array(repeating: 0, count: 8))),
            "layer 'dense', parameter 'bias': expected a tensor 'dense/bias', found none")
    }

    @Test func refusesTensorsThatNobodyHas() {
        let header = """
            {\(tensor("dense/kernel", "F32", [3, 2], 0..<24)),\(tensor("dense/bias", "F32", [2], 24..<32)),\
            \(tensor("adam/m", "F32", [1], 32..<36))}
            """
        expectRefusal(
            bytes(header, floats(Array(repeating: 0, count: 9))),
            "the file has the tensor 'adam/m', and the architecture has no such parameter")
    }

    private func expectRefusal(_ content: Data, _ text: String) {
        do {
            _ = try weights(content, Self.dense)
            Issue.record("it was read")
        } catch let error as ModelFileError {
            #expect(error.kind == .refused)
            #expect("\(error)".contains(text), "\(error)")
        } catch {
            Issue.record("\(error)")
        }
    }

    /// Headers that lie.
    @Test func refusesHostileHeaders() {
        let kernel = tensor("dense/kernel", "F32", [3, 2], 0..<24), zeros = [UInt8](repeating: 0, count: 32)
        let cases: [(Data, String)] = [
            (Data([1, 2, 3]), "has 3 bytes; a safetensors file begins with 8 for the length of its header"),
            (bytes("{}", [], length: 100_000_001), "declares a header of 100000001 bytes; at most 100000000 are read"),
            (bytes("{}", [], length: .max), "declares a header of 18446744073709551615 bytes"),
            (bytes("{}", [], length: 3), "declares a header of 3 bytes, and has 10 in all"),
            (bytes("[1]", []), "has a header that is no JSON object"),
            (bytes("{\"a\":", []), "has a header that is not JSON"),
            (Data([2, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFE]), "has a header that is not text in UTF-8"),
            (bytes("{\"__metadata__\":{\"a\":1}}", []), "has metadata that is no object of texts"),
            (bytes("{\(kernel),\(kernel)}", zeros), "has two tensors 'dense/kernel'"),
            (bytes("{\(kernel)}", zeros), "has 8 bytes at its end that belong to no tensor"),
            (
                bytes("{\(kernel),\(tensor("b", "F32", [1], 28..<32))}", zeros),
                "has 4 bytes before 'b' that belong to no tensor"
            ),
            (
                bytes("{\(kernel),\(tensor("b", "F32", [3], 20..<32))}", zeros),
                "has tensors that overlap: 'b' begins at byte 20"
            ),
            (
                bytes("{\(tensor("a", "F32", [3], 0..<8))}", Array(zeros[..<8])),
                "tensor 'a' has 8 bytes, expected 12 for the shape [3] of F32"
            ),
            (
                bytes("{\(tensor("a", "F32", [3], 0..<12))}", Array(zeros[..<8])),
                "tensor 'a' lies at bytes 0 to 12 of the data, which has 8"
            ),
            (bytes("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", zeros), "lies at bytes 8 to 0"),
            (
                bytes("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", zeros),
                "lies at bytes -8 to 0"
            ),
            (
                bytes("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", zeros),
                "has no two 'data_offsets'"
            ),
            (
                bytes("{\"a\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}}", zeros),
                "has the unknown type 'F31'"
            ),
            (bytes("{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", zeros), "tensor 'a' has no 'dtype'"),
            (bytes("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", zeros), "tensor 'a' has no 'shape'"),
            (
                bytes("{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", zeros),
                "has the axis -2 in its shape"
            ),
            (
                bytes("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}", zeros),
                "has more numbers than any file holds"
            ),
            (bytes("{\"a\":7}", zeros), "tensor 'a' has no 'dtype'"),
        ]
        for (content, text) in cases { expectRefusal(content, text) }
    }

    @Test func refusesIntegersForWeights() {
        let header = "{\(tensor("dense/kernel", "I8", [3, 2], 0..<6)),\(tensor("dense/bias", "F32", [2], 6..<14))}"
        expectRefusal(
            bytes(header, [UInt8](repeating: 0, count: 14)),
            "layer 'dense', parameter 'kernel': expected floating-point numbers, found int8")
    }

    @Test func needsAnArchitecture() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "w.safetensors").path
            try bytes("{\(tensor("a", "F32", [1], 0..<4))}", floats([1])).write(to: URL(filePath: path))
            do {
                _ = try KerasFile(opening: path)
                Issue.record("it was opened")
            } catch {
                #expect(
                    "\(error)".hasPrefix(
                        "'\(path)': holds weights only, without the architecture. Pass the architecture"))
            }
        }
    }
}
