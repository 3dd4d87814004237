import Foundation
import ModelFiles
import Networks
import Tensors
import Testing

/// Recurrent layers in architecture files, and what is said of those that cannot be used.
@Suite struct RecurrentFileTests {
    private func build(_ text: String) throws -> BuiltArchitecture {
        try ArchitectureFile(parsing: text, path: "a.yaml").architecture(classes: 3).graph()
    }

    private func message(_ text: String) -> String? {
        do {
            _ = try build(text)
            return nil
        } catch {
            return "\(error)"
        }
    }

    private static let translator = """
        inputs: {source: [5, 3], target: [4, 2]}
        layers:
          - LSTM: {units: 6, return_state: true}
            name: encoder
            from: source
          - LSTM: {units: 6, return_sequences: true, dropout: 0.1, recurrent_dropout: 0.2}
            name: decoder
            from: [target, encoder:1, encoder:2]
          - RNN: {cell: [LSTMCell: {units: 4}, GRUCell: {units: 3, reset_after: false}], return_sequences: true}
          - Bidirectional: {layer: {RNN: {cell: {SimpleRNNCell: {units: 3, activation: softmax}}}}, merge_mode: null}
            name: both
          - Concatenate: {}
            from: [both, both:1]
          - Dense: {units: classes, activation: softmax}
        """

    @Test func takesResultsByNumber() throws {
        let built = try build(Self.translator)
        #expect(built.graph.outputShapes["decoder"] == [4, 6])
        #expect(built.graph.outputShapes["encoder"] == [18])
        #expect(try ExportPlan(built).size.rows.map(\.outputShape)[..<2] == [[6], [4, 6]])
        #expect(built.graph.shape(of: built.graph.outputs[0]) == [3])
        #expect(built.graph.layout.entry("rnn/cell_1", "bias")?.spec.shape == [9])
    }

    @Test func writesResultsAndStatesAndCells() throws {
        let built = try build(Self.translator)
        let inputs: [[Float]] = [
            (0..<30).map { Float($0 % 7) / 7 }, (0..<16).map { Float($0 % 5) / 5 },
        ]
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "model.h5").path
            let weights = ParameterVector(initializing: built.graph.layout, key: RandomKey(seed: 1))
            try ExportPlan(built).write(weights, to: path)
            let (copy, network) = try KerasFile(opening: path).network()
            #expect(copy.architecture.layers.first { $0.name == "decoder" }?.calls[0].map(\.tensor) == [0, 1, 2])
            let expected = Network(built.graph, weights: weights).predict(inputs)
            #expect(network.predict(inputs) == expected)
        }
    }

    @Test(
        arguments: [
            (
                "- RNN: {cell: {WobbleCell: {units: 2}}}",
                "(RNN): WobbleCell inside: the cell 'WobbleCell' is not supported; "
                    + "SimpleRNNCell, LSTMCell, GRUCell, StackedRNNCells are"
            ),
            ("- RNN: {cell: {Dense: {units: 2}}}", "(RNN): Dense inside: is no cell; LSTMCell is, for example"),
            ("- RNN: {units: 3}", "(RNN): has no 'cell'"),
            ("- LSTM: {units: 2, stateful: true}", "(LSTM): option 'stateful': only false is supported, found true"),
            (
                "- LSTM: {units: 2, dropout: 1}",
                "(LSTM): option 'dropout': expected a number from 0 up to, not including, 1, found 1.0"
            ),
            (
                "- TimeDistributed: {layer: {LSTM: {units: 2, return_state: true}}}",
                "(TimeDistributed): TimeDistributed has one result, and 'LSTM' inside has 3; leave out its "
                    + "'return_state' or 'merge_mode: null'"
            ),
            (
                "- Bidirectional: {layer: {Dense: {units: 2}}}",
                "(Bidirectional): 'Dense' inside Bidirectional is not supported, only recurrent layers are"
            ),
            (
                "- ConvLSTM2D: {filters: 2, kernel_size: 3}",
                "(ConvLSTM2D): convolutional recurrent layers are not supported; a convolution inside "
                    + "TimeDistributed, then TimeDistributed Flatten and an LSTM, takes its place in a model that is "
                    + "trained anew"
            ),
        ])
    func refusesWhatItCannotWalk(layer: String, expected: String) throws {
        let found = try #require(message("input: [4, 3]\nlayers:\n  \(layer)"))
        #expect(found.contains(expected), "\(found)")
    }

    @Test func refusesStatesThatDoNotFit() throws {
        let text = """
            input: [4, 3]
            layers:
              - LSTM: {units: 2, return_state: true}
                name: encoder
              - GRU: {units: 2}
                from: [input, encoder:1, encoder:2]
            """
        #expect(message(text)?.contains("(GRU): reads 3 values, of which it uses 2") == true)
        let other = text.replacing("GRU: {units: 2}", with: "LSTM: {units: 3}")
        #expect(
            message(other)?.contains(
                "takes a sequence, and 2 initial states of (3) or none, found (4, 3) and (2) and (2)") == true)
        let missing = text.replacing("encoder:2", with: "encoder:5")
        #expect(message(missing)?.contains("reads result 5 of 'encoder', which has 3, counted from 0") == true)
    }
}
