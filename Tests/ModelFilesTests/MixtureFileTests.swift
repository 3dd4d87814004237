import Foundation
import ModelFiles
import Networks
import Tensors
import Testing

/// Architecture files with several networks side by side.
@Suite struct MixtureFileTests {
    /// Two members that end in some activation, with or without weights.
    private static func text(_ head: String = "softmax", weights: (String, String)? = nil) -> String {
        """
        name: two
        input: [time, 6]
        members:
          frames:
            layers:
              - Dense: {units: 8*width, activation: relu}
              - GlobalMaxPooling1D
              - Dense: {units: classes, activation: \(head)}
        \(weights.map { "    weight: \($0.0)" } ?? "")
          end:
            layers:
              - GRU: {units: 4*width}
              - Dense: {units: classes, activation: \(head)}
        \(weights.map { "    weight: \($0.1)" } ?? "")
        """
    }

    private static let plain = text()

    private func architecture(_ text: String, width: Double = 1) throws -> Architecture {
        try ArchitectureFile(parsing: text, path: "a.yaml").architecture(classes: 3, input: [5, 6], width: width)
    }

    private func weights(_ built: BuiltArchitecture) -> ParameterVector {
        ParameterVector(initializing: built.graph.layout, key: RandomKey(seed: 4))
    }

    private func frames(_ count: Int) -> [Float] {
        (0..<(count * 30)).map { Float(RandomKey(seed: 2).uniform($0) * 4 - 2) }
    }

    private func network(_ built: BuiltArchitecture) -> Network { Network(built.graph, weights: weights(built)) }

    /// What each member says by itself, with the mixture's weights.
    private func membersAlone(_ built: BuiltArchitecture, _ inputs: [Float]) throws -> [[Float]] {
        let all = weights(built), layout = all.layout
        return try built.architecture.members.map { member in
            let alone = try built.architecture.alone(member).graph(), part = ParameterVector(zeros: alone.graph.layout)
            for entry in part.layout.entries {
                let same = try #require(layout.entry(entry.layer, entry.spec.name))
                part[entry].copy(from: all[same])
            }
            return Network(alone.graph, weights: part).predict([inputs])[0]
        }
    }

    @Test(arguments: ["softmax", "sigmoid"], [("1", "1"), ("2", "6"), ("0.2", "0.3")])
    func theAnswerIsTheWeightedMeanOfTheMembers(head: String, weights: (String, String)) throws {
        let built = try architecture(Self.text(head, weights: weights)).graph(), inputs = frames(7)
        let total = try #require(Float(weights.0)) + #require(Float(weights.1))
        let shares = try [weights.0, weights.1].map { try #require(Float($0)) / total }
        let said = try membersAlone(built, inputs), found = network(built).predict([inputs])[0]
        for (place, found) in found.enumerated() {
            #expect(abs(found - (shares[0] * said[0][place] + shares[1] * said[1][place])) < 1e-6)
        }
        #expect("\(built.graph.head)" == head)
        #expect(zip(built.architecture.members, shares).allSatisfy { abs(Float($0.share) - $1) < 1e-6 })
        // Losses see logits: what the head must be taken of to give the answer.
        let workspace = Workspace(built.graph, batchSize: 7, mode: .inference)
        workspace.input(0, count: 7).copy(from: inputs)
        workspace.forward(weights: self.weights(built).tensor, count: 7)
        let logits = workspace.value(built.graph.logits, count: 7).values.map { Double($0) }
        for row in 0..<7 {
            let z = logits[(row * 3)..<(row * 3 + 3)], sum = z.reduce(0) { $0 + exp($1) }
            for (column, z) in z.enumerated() {
                let p = head == "softmax" ? exp(z) / sum : 1 / (1 + exp(-z))
                #expect(abs(Double(found[row * 3 + column]) - p) < 1e-6)
            }
        }
    }

    /// Experts of a mixture that say probabilities rather than logits.
    @Test func expertsAreMembersToo() throws {
        let built = try architecture(
            """
            input: [time, 6]
            members:
              mean: {layers: [FramePooling, MixtureOfExperts: {units: classes}]}
              end: {layers: [GRU: {units: 4}, Dense: {units: classes, activation: sigmoid}]}
            """
        ).graph()
        let inputs = frames(4), said = try membersAlone(built, inputs), found = network(built).predict([inputs])[0]
        #expect(built.graph.head == .sigmoid)
        for (place, found) in found.enumerated() { #expect(abs(found - (said[0][place] + said[1][place]) / 2) < 1e-6) }
    }

    @Test func standardLayersOfKerasTakeTheMean() throws {
        let equal = try architecture(Self.plain), given = try architecture(Self.text(weights: ("1", "3")))
        #expect(
            equal.layers.map { "\($0.name) \($0.className)" } == [
                "frames/dense Dense", "frames/global_max_pooling1d GlobalMaxPooling1D", "frames/dense_1 Dense",
                "end/gru GRU", "end/dense Dense", "mean Average",
            ])
        #expect(
            given.layers.suffix(3).map { "\($0.name) \($0.className) \($0.options["scale"]?.number ?? 0)" } == [
                "frames/share Rescaling 0.25", "end/share Rescaling 0.75", "mean Add 0.0",
            ])
    }

    /// Names of layers of the members' own stay what they are.
    @Test func namesAreNeverTakenTwice() throws {
        let built = try architecture(
            """
            inputs: {mean: [4]}
            members:
              a: {weight: 2, layers: [Dense: {units: 3, name: share}, Dense: {units: 3, activation: softmax}]}
              b: {layers: [Dense: {units: 3, activation: softmax, name: logits}]}
            """
        ).graph()
        #expect(built.layerNames == ["a/share", "a/dense", "b/logits", "a/share_", "b/share", "mean_"])
    }

    @Test func theWidthIsThatOfAllMembers() throws {
        let file = try ArchitectureFile(parsing: Self.plain, path: "a.yaml")
        #expect(file.usesWidth && file.usesClasses && file.training == .jointly)
        let layout = try architecture(Self.plain, width: 2).graph().graph.layout
        #expect(layout.entry("frames/dense", "kernel")?.spec.shape == [6, 16])
        #expect(layout.entry("end/gru", "kernel")?.spec.shape == [6, 24])
        let limit = ByteCount(60_000)
        let width = try #require(try file.widestWidth(fitting: Budget(limit), classes: 3, input: [5, 6]))
        func size(_ width: Double) throws -> ByteCount {
            try ExportPlan(file.architecture(classes: 3, input: [5, 6], width: width).graph()).size.file
        }
        #expect(try size(width) <= limit && size(width + ArchitectureFile.widthStep) > limit)
    }

    /// frames: 6 · 8 + 8 + 8 · 3 + 3 = 83 numbers; end: 3 · (6 · 4 + 4 · 4 + 2 · 4) + 4 · 3 + 3 = 159.
    @Test func theReportSaysWhatEachMemberTakes() throws {
        let size = try ExportPlan(architecture(Self.text(weights: ("1", "3"))).graph()).size
        #expect(size.members.map(\.name) == ["frames", "end"])
        #expect(size.members.map(\.parameters) == [83, 159] && size.parameters == 83 + 159)
        #expect(size.members.map(\.size.bytes) == [4 * 83, 4 * 159])
        #expect(size.members.map(\.layerCount) == [3, 2] && size.members.map(\.share) == [0.25, 0.75])
        let json = size.json["members"]
        #expect(json?[1]?["name"] == "end" && json?[1]?["bytes"] == 636 && json?[1]?["share"] == 0.75)
    }

    @Test(arguments: ["m.h5", "m.keras"], [("1", "1"), ("1", "2")])
    func comesBackFromAFileAsItWas(name: String, weights: (String, String)) throws {
        let built = try architecture(Self.text(weights: weights)).graph(), inputs = frames(5)
        try withTemporaryFolder { folder in
            let path = folder.appending(path: name).path
            let plan = try ExportPlan(built, format: ModelFormats.named(by: name))
            #expect(try plan.write(self.weights(built), to: path) == plan.size.file)
            let (read, network) = try KerasFile(opening: path).network(inputs: [[5, 6]])
            #expect(read.graph.head == .softmax)
            #expect(network.predict([inputs]) == self.network(built).predict([inputs]))
            #expect(read.layerNames.contains("frames_dense_1") && read.layerNames.contains("end_gru"))
        }
    }

    /// What only looks like a mixture says what it says, and no more.
    @Test(arguments: [
        "Rescaling: {scale: 0.5, offset: 0.1}", "Rescaling: {scale: 0.4}", "Rescaling: {scale: -0.5}", "Identity",
    ])
    func otherSumsAreNoMixtures(layer: String) throws {
        let built = try architecture(
            """
            input: [4]
            layers:
              - Dense: {units: 3, activation: softmax}
                name: a
              - Dense: {units: 3, activation: softmax}
                name: b
                from: input
              - \(layer.contains(":") ? layer : layer + ": {}")
                name: c
                from: a
              - Rescaling: {scale: 0.5}
                name: d
                from: b
              - Add: {}
                from: [c, d]
            """
        ).graph()
        #expect(built.graph.head == .none && built.graph.logits == built.graph.outputs[0])
    }

    @Test func aMeanOfDifferentHeadsHasNone() throws {
        let built = try architecture(
            """
            input: [4]
            members:
              a: {layers: [Dense: {units: 3, activation: softmax}]}
              b: {layers: [Dense: {units: 3, activation: sigmoid}]}
            """
        ).graph()
        #expect(built.graph.head == .none)
    }

    // MARK: - Members that are files

    private func write(_ text: String, _ name: String, in folder: URL) throws -> String {
        let path = folder.appending(path: name).path
        try FileManager.default.createDirectory(
            at: URL(filePath: path).deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private static let gru = """
        name: gru
        inputs: {sequence: [time, 6]}
        layers:
          - GRU: {units: 4*width}
          - Dense: {units: classes, activation: softmax}
            name: answer
        """

    /// Paths are relative to the file that has them, wherever the program runs; inputs keep no name of their own.
    @Test func membersMayBeOtherFiles() throws {
        try withTemporaryFolder { folder in
            _ = try write(Self.gru, "parts/gru.yaml", in: folder)
            let path = try write(
                """
                input: [time, features]
                training: one-after-another
                members:
                  first: parts/gru.yaml
                  second: {architecture: "\(folder.path)/parts/gru.yaml", weight: 3}
                """, "mixture.yaml", in: folder)
            let file = try ArchitectureFile(reading: path)
            #expect(file.training == .oneAfterAnother)
            let built = try file.architecture(classes: 3, input: [5, 6], width: 0.5).graph()
            #expect(built.architecture.name == "mixture")
            #expect(
                built.layerNames == [
                    "first/gru", "first/answer", "second/gru", "second/answer", "first/share", "second/share", "mean",
                ])
            #expect(built.architecture.members.map(\.share) == [0.25, 0.75])
            // However the file is named: checkpoints are of the same network then.
            let other = try ArchitectureFile(reading: "\(folder.path)/parts/../mixture.yaml")
            #expect(
                try other.architecture(classes: 3, input: [5, 6]).layers
                    == file.architecture(classes: 3, input: [5, 6]).layers)
            // The extent that a member's file asks for is everybody's.
            #expect(try file.architecture(classes: 3).inputs[0].axes == [nil, 6])
        }
    }

    @Test func whatIsWrongInAMembersFileIsSaidOfThatFile() throws {
        try withTemporaryFolder { folder in
            _ = try write(Self.gru.replacing("units: 4", with: "unit: 4"), "gru.yaml", in: folder)
            let path = try write(
                "input: [time, 6]\nmembers:\n  a: {layers: [GRU: {unit: 4}]}\n  b: gru.yaml", "m.yaml", in: folder)
            let found = message {
                _ = try ArchitectureFile(reading: path).architecture(classes: 3, input: [5, 6]).graph()
            }
            #expect(
                found == """
                    '\(path)': 4 problems: line 3, layer 'a/gru' (GRU): has no 'units'; \
                    line 3, layer 'a/gru' (GRU): there is no option 'unit'; did you mean 'units'?; \
                    'gru.yaml', line 4, layer 'b/gru' (GRU): has no 'units'; \
                    'gru.yaml', line 4, layer 'b/gru' (GRU): there is no option 'unit'; did you mean 'units'?
                    """)
        }
    }

    @Test func refusesFilesThatAreNoMembers() throws {
        try withTemporaryFolder { folder in
            _ = try write(Self.gru, "gru.yaml", in: folder)
            _ = try write("input: [4]\nlayers:\n  - Flatten: 4", "bad.yaml", in: folder)
            _ = try write("input: [5, 7]\nlayers:\n  - Flatten", "long.yaml", in: folder)
            _ = try write("inputs: {a: [5, 6], b: [3]}\nlayers:\n  - Flatten", "two.yaml", in: folder)
            func expect(
                _ member: String, _ kind: ModelFileError.Kind, _ problem: String,
                sourceLocation: SourceLocation = #_sourceLocation
            ) throws {
                let path = try write(
                    "input: [time, 6]\nmembers:\n  a: gru.yaml\n  b: \(member)", "mixture.yaml", in: folder)
                do {
                    _ = try ArchitectureFile(reading: path)
                    Issue.record("accepted \(member)", sourceLocation: sourceLocation)
                } catch {
                    #expect(error.kind == kind, sourceLocation: sourceLocation)
                    #expect(
                        error.description.replacing(folder.path + "/", with: "")
                            == "'mixture.yaml': line 4: member 'b': \(problem)", sourceLocation: sourceLocation)
                }
            }
            try expect("none.yaml", .missing, "'none.yaml': there is no such file")
            // A mixture in a mixture, even in itself.
            try expect("mixture.yaml", .refused, "'mixture.yaml': line 3: has 'members', and a member is one network")
            try expect(
                "bad.yaml", .refused, "'bad.yaml': line 3: layer 'Flatten': expected options in braces, found 4")
            try expect(
                "long.yaml", .refused, "'long.yaml' takes 'input' (5, 7), but the mixture has 'input' (?, 6)")
            try expect(
                "two.yaml", .refused, "'two.yaml' takes 'a' (5, 6) and 'b' (3), but the mixture has 'input' (?, 6)")
            try expect(
                "teacher.h5", .refused, "expected the path of an architecture file (.yaml), found \"teacher.h5\"")
        }
    }

    // MARK: - Mistakes

    private static let one = "  a: {layers: [Dense: {units: 3, activation: softmax}]}\n"

    @Test(arguments: [
        ("members: {}", "line 2: 'members': expected two networks or more, found none"),
        ("members:\n" + one, "line 3: 'members': expected two networks or more, found one"),
        (
            "members: [a.yaml, b.yaml]",
            "line 2: 'members': expected networks by their names, such as {frames: bag.yaml, end: gru.yaml}"
        ),
        ("members:\n" + one + one, "line 3: says 'a' twice"),
        (
            "members:\n" + one + "  b/c: {layers: [Flatten]}",
            "line 4: 'members': expected a name of letters, digits and '_', '-' or '.', found 'b/c'"
        ),
        (
            "members:\n" + one + "  b: {weight: -1, layers: [Flatten]}\n  c: {weight: .inf, layers: [Flatten]}\n"
                + "  d: {weight: 0, layers: [Flatten]}\n  e: {weight: .nan, layers: [Flatten]}\n  f: {weight: much, layers: [Flatten]}",
            """
            5 problems: line 4: member 'b': 'weight': expected a number from 0.000001 to 1000000, found -1; \
            line 5: member 'c': 'weight': expected a number from 0.000001 to 1000000, found .inf; \
            line 6: member 'd': 'weight': expected a number from 0.000001 to 1000000, found 0; \
            line 7: member 'e': 'weight': expected a number from 0.000001 to 1000000, found .nan; \
            line 8: member 'f': 'weight': expected a number from 0.000001 to 1000000, found much
            """
        ),
        (
            "members:\n" + one + "  b: {weight: 2}",
            "line 4: member 'b': expected 'layers', or the path of an 'architecture', found neither"
        ),
        (
            "members:\n" + one + "  b: {architecture: b.yaml, layers: [Flatten]}",
            "line 4: member 'b': has 'layers' and an 'architecture', expected one of them"
        ),
        ("members:\n" + one + "  b: {layers: []}", "line 4: member 'b': has no layers"),
        (
            "members:\n" + one + "  b: {members: {c: c.yaml}, layers: [Flatten]}",
            "line 4: member 'b': there is no key 'members': a member is one network"
        ),
        (
            "members:\n" + one + "  b: {wieght: 2, layers: [Flatten]}",
            "line 4: member 'b': there is no key 'wieght'; did you mean 'weight'?"
        ),
        (
            "layers: [Flatten]\nmembers:\n" + one + one.replacing("a:", with: "b:"),
            "line 2: has 'layers' and 'members', expected one of them"
        ),
        (
            "training: together\nmembers:\n" + one + one.replacing("a:", with: "b:"),
            "line 2: 'training': expected jointly or one-after-another, found \"together\""
        ),
        ("training: jointly\nlayers: [Flatten]", "line 2: 'training' is how 'members' learn, and there are none"),
        (
            "members:\n" + one + "  b: {layers: [Dense: {units: 4, activation: softmax}]}",
            "the members have outputs of different shapes: 'a' with (3), 'b' with (4)"
        ),
        (
            "members:\n" + one + "  b: {layers: [Dense: {units: 1, activation: softmax}]}",
            "the members have outputs of different shapes: 'a' with (3), 'b' with (1)"
        ),
        (
            "members:\n" + one
                + "  b:\n    layers:\n      - Dense: {units: 3, activation: softmax}\n        from: a/dense",
            "line 6, layer 'b/dense' (Dense): reads 'b/a/dense', and there is no such layer"
        ),
    ])
    func refusesMistakes(text: String, expected: String) {
        let found = message { _ = try architecture("input: [4]\n" + text).graph() }
        #expect(found == "'a.yaml': \(expected)" || found == "'a.yaml':\(expected)")
    }

    private func message(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch {
            return "\(error)"
        }
    }
}
