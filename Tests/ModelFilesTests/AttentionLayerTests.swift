import Foundation
import ModelFiles
import Networks
import Tensors
import Testing

/// Layers with several inputs and operations in architecture files, and what is said about those that cannot be built.
@Suite struct AttentionLayerTests {
    private static let advice =
        ". Build the model with one of those that 'compress layers' lists, or do it to the data and save the model without "
        + "it"

    private func built(_ text: String) throws -> BuiltArchitecture {
        try ArchitectureFile(parsing: text, path: "a.yaml").architecture(classes: 3).graph()
    }

    private func message(_ text: String) -> String? {
        do {
            _ = try built(text)
            return nil
        } catch {
            return "\(error)"
        }
    }

    private static let transformer = """
        name: transformer
        inputs: {x: [5, 4], pairs: [5, 5]}
        layers:
          - Dense: {units: 6}
            name: known
            from: x
          - MultiHeadAttention: {num_heads: 2, key_dim: 3, dropout: 0.1}
            name: found
            from: [known, known]
            call: {use_causal_mask: true, attention_mask: pairs}
          - ops.multiply: {x2: 0.5}
          - Add: {}
            from: [ops.multiply, known]
          - GroupQueryAttention: {num_query_heads: 4, num_key_value_heads: 2, head_dim: 3}
            name: groups
            from: [add, x_wide]
          - Dense: {units: 6}
            name: x_wide
            from: x
          - ops.mean: {axis: 1}
            from: groups
          - Dense: {units: classes, activation: softmax}
        """.replacing("ops.multiply, known", with: "multiply, known")

    @Test func buildsFromWordsAndSurvivesExport() throws {
        let built = try built(Self.transformer)
        let weights = ParameterVector(initializing: built.graph.layout, key: RandomKey(seed: 3))
        let inputs = [20, 25].map { count in (0..<(2 * count)).map { Float($0 % 7) - 2 } }
        let original = Network(built.graph, weights: weights)
        let expected = original.predict(inputs)
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "copy.h5").path
            try ExportPlan(built).write(original.weights, to: path)
            let (copy, network) = try KerasFile(opening: path).network()
            #expect(network.predict(inputs) == expected)
            let found = copy.architecture.layers.first { $0.name == "found" }
            #expect(found?.keywords == ["attention_mask", "value"])
            #expect(found?.arguments == ["use_causal_mask": true])
        }
    }

    @Test(arguments: [
        (
            "MultiHeadAttention: {num_heads: 2, key_dim: 3}",
            "layer 'multi_head_attention' (MultiHeadAttention): is called with 1 inputs and [], expected query, value, key"
        ),
        (
            """
            GroupQueryAttention: {num_query_heads: 3, num_key_value_heads: 2, head_dim: 3}
                from: [input, input]
            """,
            """
            layer 'group_query_attention' (GroupQueryAttention): has 3 heads for queries, which 2 for keys and values do \
            not divide
            """
        ),
        (
            "Attention: {}",
            "layer 'attention' (Attention): takes a query, a value and perhaps a key (time, features) each, found (5, 4)"
        ),
        (
            "EinsumDense: {equation: \"ab,bc->ac\", output_shape: [3]}",
            "layer 'einsum_dense' (EinsumDense): has the equation 'ab,bc->ac', which does not fit its input (5, 4)"
        ),
        (
            "ops.mean: {}",
            "layer 'mean' (ops.mean): has no 'axis'; over all axes, that of examples included, is not supported"
        ),
        (
            "ops.meen: {axis: 1}",
            "layer 'meen' (ops.meen): this operation is not supported; did you mean 'ops.mean'?\(Self.advice)"
        ),
        ("ops.power: {}", "layer 'power' (ops.power): a tensor to the power of a tensor is not supported"),
        (
            "ops.transpose: {axes: [1, 0]}",
            "layer 'transpose' (ops.transpose): option 'axes': the axis of examples must stay the first, found [1, 0]"
        ),
    ])
    func saysWhatIsMissing(layer: String, problem: String) {
        #expect(message("input: [5, 4]\nlayers:\n  - \(layer)") == "'a.yaml': line 3, \(problem)")
    }

    @Test func refusesArgumentsThatNobodyReads() {
        let text = "input: [5, 4]\nlayers:\n  - Dense: {units: 3}\n    call: {training: true, states: input}"
        #expect(
            message(text) == """
                'a.yaml': 2 problems: line 3, layer 'dense' (Dense): is called with 'training', which is not supported; \
                line 3, layer 'dense' (Dense): is called with 'states', which is not supported
                """)
    }

    @Test(arguments: [
        ("Cholesky", "layer 'op' (ops.cholesky): this operation is not supported\(Self.advice)"),
        ("Arctan2", "layer 'op' (ops.arctan2): this operation is not supported\(Self.advice)"),
    ])
    func refusesOperationsByName(className: String, problem: String) throws {
        let tensor: JSON = [
            "class_name": "__keras_tensor__",
            "config": ["shape": [nil, 4], "dtype": "float32", "keras_history": ["x", 0, 0]],
        ]
        #expect(
            try message([
                "class_name": .string(className), "name": "op", "config": ["name": "op"],
                "inbound_nodes": [["args": [tensor], "kwargs": [:]]],
            ]) == problem)
    }

    @Test(
        arguments: [
            (
                "image.resize", ["x", 0, 0, ["size": 2]],
                "layer 'op' (tf.image.resize): this operation is not supported\(Self.advice)"
            ),
            (
                "math.reduce_mean", ["x", 0, 0, ["axis": 1, "keep": true]],
                "layer 'op' (ops.mean): is called with 'keep', which is not supported"
            ),
            (
                "math.add", ["x", 0, 0, ["y": [[1.0, 2.0], [3.0]]]],
                "layer 'op' (ops.add): option 'x2': expected a number, or lists of numbers of the same lengths, found [[1.0,2.0],[3.0]]"
            ),
        ] as [(String, JSON, String)])
    func refusesOperationsOfTensorFlowByName(function: String, node: JSON, problem: String) throws {
        #expect(
            try message([
                "class_name": "TFOpLambda", "name": "op", "config": ["name": "op", "function": .string(function)],
                "inbound_nodes": [node],
            ]) == problem)
    }

    @Test(
        arguments: [
            ([[["x", 0, 0, ["training": true]]]], "is called with 'training', which is not supported"),
            (
                [[["x", 0, 0, ["mask": ["x", 0, 0]]]]],
                "is called with 'mask': takes a sequence and a mask with a number for each of its steps, found (4) and (4)"
            ),
            (
                [[["x", 0, 0, ["states": [["x", 0, 0], ["x", 0, 0]]]]]],
                "is called with several tensors as 'states', which is not supported"
            ),
            (
                [[["x", 0, 0, ["training": true]]], [["x", 0, 0, [:]]]],
                "is called in several ways, which is not supported"
            ),
        ] as [(JSON, String)])
    func refusesCallsThatItCannotMake(nodes: JSON, problem: String) throws {
        #expect(
            try message([
                "class_name": "Dense", "name": "op", "config": ["name": "op", "units": 2], "inbound_nodes": nodes,
            ]) == "layer 'op' (Dense): \(problem)")
    }

    /// What is said about a model of one input and one layer.
    private func message(_ layer: JSON) throws -> String? {
        let input: JSON = [
            "class_name": "InputLayer", "name": "x", "inbound_nodes": [],
            "config": ["batch_input_shape": [nil, 4], "name": "x"],
        ]
        let configuration: JSON = [
            "class_name": "Functional",
            "config": [
                "name": "m", "layers": [input, layer], "input_layers": [["x", 0, 0]],
                "output_layers": [["op", 0, 0]],
            ],
        ]
        var found: String?
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "model.h5").path
            try writeModel(configuration, to: path)
            do {
                _ = try KerasFile(opening: path).graph()
            } catch {
                found = "\(error)".replacing("'\(path)': ", with: "")
            }
        }
        return found
    }
}
