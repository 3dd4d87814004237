import ModelFiles
import Networks
import Tensors
import Testing

@Suite struct ArchitectureFileTests {
    private static let convolutions = """
        name: conv-small
        input: [28, 28, 1]
        layers:
          - Conv2D: {filters: 16*width, kernel_size: 3, padding: same, activation: relu}
          - MaxPooling2D: {pool_size: 2}
          - Flatten: {}
          - Dense: {units: 64 * width, activation: relu}
          - Dense: {units: classes, activation: softmax}
        """

    private func built(
        _ text: String, classes: Int? = 10, input: Shape? = nil, width: Double = 1
    ) throws -> BuiltArchitecture {
        try ArchitectureFile(parsing: text, path: "a.yaml").architecture(classes: classes, input: input, width: width)
            .graph()
    }

    private func message(_ text: String, classes: Int? = 10) -> String? {
        do {
            _ = try built(text, classes: classes)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func buildsAChain() throws {
        let built = try built(Self.convolutions)
        #expect(built.architecture.name == "conv-small")
        #expect(built.architecture.isChain)
        #expect(built.architecture.layers.map(\.name) == ["conv2d", "max_pooling2d", "flatten", "dense", "dense_1"])
        #expect(built.graph.shape(of: built.graph.outputs[0]) == [10])
        #expect(built.graph.head == .softmax)
        #expect(built.graph.layout.parameterCount == 9 * 16 + 16 + 14 * 14 * 16 * 64 + 64 + 64 * 10 + 10)
    }

    @Test(arguments: [(1.0, 16), (0.5, 8), (0.03, 1), (0.01, 1), (1.25, 20), (1.22, 20), (1.21, 19)])
    func roundsMultiplesOfTheWidth(width: Double, filters: Int) throws {
        let built = try built(Self.convolutions, width: width)
        #expect(built.graph.layout.entry("conv2d", "kernel")?.spec.shape == [3, 3, 1, filters])
    }

    @Test func letsBranchesMeet() throws {
        let built = try built(
            """
            input: [8]
            layers:
              - Dense: {units: 4, activation: relu}
                name: left
              - Dense: {units: 4, activation: gelu}
                name: right
                from: input
              - Add: {}
                from: [left, right]
              - BatchNormalization
              - Dense: {units: classes, activation: sigmoid}
            """)
        #expect(!built.architecture.isChain)
        #expect(built.graph.head == .sigmoid)
    }

    /// Beside the layer, or among its options as Keras has it.
    @Test func takesNamesInBothPlaces() throws {
        let built = try built(
            """
            input: [8]
            layers:
              - Dense: {units: 4, name: hidden}
              - Dense: {units: 4}
                name: answer
              - Add: {}
                from: [hidden, answer]
            """)
        #expect(built.architecture.layers.map(\.name) == ["hidden", "answer", "add"])
    }

    @Test func takesSeveralInputs() throws {
        let built = try built(
            """
            inputs: {image: [6, 6, 2], tags: [3]}
            layers:
              - GlobalAveragePooling2D: {}
                from: image
              - Concatenate: {}
                from: [global_average_pooling2d, tags]
              - Dense: {units: classes}
            """)
        #expect(built.graph.inputs.map { built.graph.shape(of: $0) } == [[6, 6, 2], [3]])
    }

    @Test func wrapsLayers() throws {
        let built = try built(
            """
            input: [~, 6]
            layers:
              - Masking: {}
              - TimeDistributed: {layer: {Dense: {units: 5, activation: tanh}}}
              - Bidirectional: {layer: {GRU: {units: 3*width, return_sequences: true}}, merge_mode: sum}
              - GlobalAveragePooling1D: {}
              - Dense: {units: classes, activation: softmax}
            """, input: [7, 6], width: 2)
        #expect(built.graph.layout.entry("bidirectional/backward", "kernel")?.spec.shape == [5, 18])
    }

    @Test func asksForWhatComesWithTheData() {
        #expect(
            message(Self.convolutions, classes: nil)
                == "'a.yaml': needs the number of classes, which comes with the data")
        #expect(
            message("input: [~, 3]\nlayers:\n  - GRU: {units: 2}")
                == "'a.yaml': input 'input' leaves a length open: (?, 3)")
    }

    @Test func saysEverythingThatIsWrongAndWhere() {
        let text = """
            name: x
            input: [4]
            layers:
              - Dens: {units: 3}
              - Dense: {units: 4.5, activaton: relu}
              - Dense: {units: 64*widht, activation: relv}
              - Bidirectional: {layer: {LSTN: {units: 3}}}
              - TimeDistributed: {layer: {Dense: {units: 3, unit: 4}}}
              - LSTM: {}
            """
        var problems: [String] = []
        do {
            _ = try ArchitectureFile(parsing: text, path: "a.yaml").architecture(classes: 3).graph()
        } catch {
            problems = error.problems
            #expect("\(error)".count <= 500 && "\(error)".hasPrefix("'a.yaml': 8 problems: \(problems[0]); "))
        }
        #expect(
            problems.joined(separator: "; ") == """
                line 4, layer 'dens' (Dens): layers of this class are not supported; did you mean 'Dense'?; \
                line 5, layer 'dense' (Dense): option 'units': expected a whole number from 1 to 16777216, found 4.5; \
                line 5, layer 'dense' (Dense): there is no option 'activaton'; did you mean 'activation'?; \
                line 6, layer 'dense_1' (Dense): option 'units': expected a whole number from 1 to 16777216, \
                found "64*widht"; \
                line 6, layer 'dense_1' (Dense): the activation 'relv' is not supported; did you mean 'relu'?; \
                line 7, layer 'bidirectional' (Bidirectional): 'LSTN' inside Bidirectional is not supported, only recurrent layers are; \
                did you mean 'LSTM'?; \
                line 8, layer 'time_distributed' (TimeDistributed): there is no option 'unit'; \
                line 9, layer 'lstm' (LSTM): has no 'units'
                """)
    }

    @Test(arguments: [
        ("", "'a.yaml': is empty"),
        ("a: [", "'a.yaml': line 2: is not YAML: did not find expected node content"),
        ("input: [4]\nlayrs: []", "'a.yaml': line 2: there is no key 'layrs'; did you mean 'layers'?"),
        ("layers:\n  - Flatten", "'a.yaml': has no 'input'"),
        ("input: [4]", "'a.yaml': has no 'layers'"),
        ("input: [4]\ninput: [5]", "'a.yaml': line 1: says 'input' twice"),
        (
            "input: [0]\nlayers: [Flatten]",
            "'a.yaml': line 1: input 'input': expected a whole number of 1 or more, found 0"
        ),
        (
            "input: 4\nlayers: [Flatten]",
            "'a.yaml': line 1: input 'input': expected a shape such as [28, 28, 1], found 4"
        ),
        (
            "input: [4]\nlayers:\n  - Dense: {units: 3}\n    Flatten: {}",
            "'a.yaml': line 3: expected one layer with 'name', 'from' and 'call' beside it, found [\"Dense\", \"Flatten\"]"
        ),
        (
            "input: [8, 3]\nlayers:\n  - Conv2D: {filters: 3, kernel_size: 3}",
            "'a.yaml': line 3, layer 'conv2d' (Conv2D): takes one input (height, width, channels), found (8, 3)"
        ),
        (
            "input: [4]\nlayers:\n  - Dense: {units: 3}\n    name: a\n  - Dense: {units: 3}\n    name: a",
            "'a.yaml': line 5: the name 'a' is taken"
        ),
        (
            "input: [4]\nlayers:\n  - Dense: {units: 3}\n  - Dense: {units: 3}\n    from: inptu",
            """
            'a.yaml': 2 problems: line 4, layer 'dense_1' (Dense): reads 'inptu', and there is no such layer; \
            line 3, layer 'dense' (Dense): nothing reads it
            """
        ),
        (
            "input: [4]\nlayers:\n  - Dense: {units: 3}\n    from: b\n  - Dense: {units: 3}\n    name: b",
            """
            'a.yaml': 2 problems: \
            line 3, layer 'dense' (Dense): cannot be computed, its inputs go round in a circle; \
            line 5, layer 'b' (Dense): cannot be computed, its inputs go round in a circle
            """
        ),
    ])
    func refusesMistakes(text: String, expected: String) {
        #expect(message(text) == expected)
    }

    @Test func survivesHostileFiles() {
        let deep = "input: [4]\nlayers: " + String(repeating: "[", count: 100_000)
        #expect(message(deep) == "'a.yaml': line 2: nested too deeply")
        let deepInBlocks = "input: [4]\nlayers:\n" + String(repeating: "- ", count: 10_000)
        #expect(message(deepInBlocks) == "'a.yaml': line 3: nested too deeply")
        let laughs = (1...30).reduce("a0: &a0 [x]\n") { $0 + "a\($1): &a\($1) [*a\($1 - 1), *a\($1 - 1)]\n" }
        #expect(message(laughs) == "'a.yaml': line 3: nested too deeply")
    }

    @Test func refusesSizesBeyondAnyComputer() {
        #expect(
            message("input: [16777216]\nlayers:\n  - RepeatVector: {n: 16777216}")
                == "'a.yaml': line 3, layer 'repeat_vector' (RepeatVector): its output (16777216, 16777216) is more than a gibibyte"
        )
        #expect(
            message("input: [64, 64, 4096]\nlayers:\n  - Conv2D: {filters: 16777216, kernel_size: 4096}")
                == "'a.yaml': line 3, layer 'conv2d' (Conv2D): its sizes are beyond what any computer holds")
    }

    @Test func saysWhetherAFileIsThere() {
        #expect(throws: ModelFileError(.missing, "/nowhere/a.yaml", ["there is no such file"])) {
            try ArchitectureFile(reading: "/nowhere/a.yaml")
        }
        #expect(ArchitectureFile.isNamed("a/b.YAML") && !ArchitectureFile.isNamed("a.h5"))
    }

    @Test func findsTheWidestThatFits() throws {
        let file = try ArchitectureFile(parsing: Self.convolutions, path: "a.yaml")
        for limit in [20_000, 1_000_000, 1_000_000_000] {
            let width = try #require(try file.widestWidth(fitting: Budget(ByteCount(limit)), classes: 10))
            let fits = try ExportPlan(file.architecture(classes: 10, width: width).graph()).size.file.bytes
            let wider = try ExportPlan(
                file.architecture(classes: 10, width: width + ArchitectureFile.widthStep).graph())
            #expect(fits <= limit && wider.size.file.bytes > limit)
        }
        #expect(try file.widestWidth(fitting: Budget(ByteCount(1000)), classes: 10) == nil)
    }

    @Test func findsTheWidestOfSoManyMultiplyAdds() throws {
        let text = "input: [4]\nlayers:\n  - Dense: {units: 64*width}\n  - Dense: {units: classes}"
        let file = try ArchitectureFile(parsing: text, path: "a.yaml")
        // (4 + 10) · 64 multiply-adds at width 1, and 14 for each unit.
        for (limit, width) in [(896, 1.0), (909, 1.0), (910, 65 / 64.0), (14, 1 / 64.0)] {
            #expect(try file.widestWidth(fitting: nil, mostMultiplyAdds: limit, classes: 10) == width)
        }
        #expect(try file.widestWidth(fitting: nil, mostMultiplyAdds: 13, classes: 10) == nil)
        let both = try file.widestWidth(fitting: Budget(ByteCount(1_000_000)), mostMultiplyAdds: 896, classes: 10)
        #expect(both == 1)
    }

    @Test func findsNoWidthWhereThereIsNone() throws {
        let file = try ArchitectureFile(parsing: "input: [4]\nlayers:\n  - Dense: {units: 2}", path: "a.yaml")
        #expect(try file.widestWidth(fitting: Budget(ByteCount(1_000_000))) == nil)
    }
}
