import Kernels
import Tensors
import TestSupport
import Testing

@testable import Networks

@Suite struct RecurrentTests {
    private static let kinds = CellActivations(activation: Activation(.tanh), recurrent: Activation(.sigmoid))
    private static let tanh = CellFunction(.tanh), sigmoid = CellFunction(.sigmoid)

    private static let twins: [(fused: any RecurrentCell, composed: any RecurrentCell)] = [
        (
            SimpleCell(units: 5, activation: Activation(.tanh), useBias: true),
            ComposedSimpleCell(units: 5, activation: tanh, useBias: true)
        ),
        (
            LSTMCell(units: 5, kinds: kinds, useBias: true, unitForgetBias: true),
            ComposedLSTMCell(
                units: 5, activation: tanh, recurrentActivation: sigmoid, useBias: true, unitForgetBias: true)
        ),
        (
            ResetAfterGRUCell(units: 5, kinds: kinds, useBias: true),
            ComposedGRUCell(
                units: 5, activation: tanh, recurrentActivation: sigmoid, useBias: true, resetAfter: true)
        ),
        (
            ResetBeforeGRUCell(units: 5, kinds: kinds, useBias: true),
            ComposedGRUCell(
                units: 5, activation: tanh, recurrentActivation: sigmoid, useBias: true, resetAfter: false)
        ),
    ]

    /// The steps in C against those that are put together from blocks.
    @Test(arguments: twins.indices, [[], [3, 6, 0, 1]])
    func fusedStepsAgreeWithComposedOnes(twin: Int, padding: [Int]) throws {
        let options = RecurrentOptions(
            returnSequences: true, returnState: true, dropout: 0.3, recurrentDropout: 0.2, dropsEachGate: true)
        var found: [[Float]] = []
        for cell in [Self.twins[twin].fused, Self.twins[twin].composed] {
            let shapes: [Shape] = [[6, 3]] + Array(repeating: [5], count: cell.stateCount)
            let probe = try LayerProbe(
                Recurrent(cell: cell, options: options), inputs: shapes, masked: padding.isEmpty ? 0 : 1)
            let workspace = probe.workspace(count: 4, mode: .training)
            _ = probe.objective(workspace, count: 4, padding: padding)
            let output = workspace.value(probe.graph.logits, count: 4).values
            let gradient = probe.gradient(workspace, count: 4, padding: padding)
            let gradients = probe.graph.layout.entries.flatMap { entry in
                gradient[entry.offset..<(entry.offset + entry.spec.shape.elementCount)]
            }
            found.append(output + gradients)
        }
        for (index, (fused, composed)) in zip(found[0], found[1]).enumerated() {
            #expect(abs(fused - composed) <= 2e-5 * max(1, abs(composed)), "number \(index)")
        }
    }

    /// y_t = (x ∘ m) K, where x is 1 at every step and K the identity: what is left is the dropout's mask.
    @Test func dropsTheSameFeaturesAtEveryStep() throws {
        let (units, steps, count) = (40, 3, 50)
        let layer = SimpleRNN(
            units: units, activation: CellFunction(.linear), useBias: false,
            RecurrentOptions(returnSequences: true, dropout: 0.25))
        var graph = LayerGraph()
        let input = graph.addInput([steps, units])
        let output = try graph.add("layer", layer, to: [input])
        graph.finish(outputs: [output], logits: output, head: .none)
        let weights = ParameterVector(zeros: graph.layout)
        for index in 0..<units { weights.tensor[index * units + index] = 1 }
        let workspace = Workspace(graph, batchSize: count, mode: .training)
        workspace.input(0, count: count).fill(with: 1)
        workspace.forward(weights: weights.tensor, count: count, key: RandomKey(seed: 3))
        let y = workspace.value(output, count: count).values
        for example in 0..<count {
            let rows = (0..<steps).map { y[((example * steps + $0) * units)..<((example * steps + $0 + 1) * units)] }
            #expect(rows.allSatisfy { Array($0) == Array(rows[0]) }, "example \(example)")
        }
        #expect(Set(y) == [0, 1 / 0.75])
        let dropped = Double(y.count { $0 == 0 }) / Double(y.count)
        #expect(abs(dropped - 0.25) < 0.04)
        #expect(Array(y[0..<units]) != Array(y[(steps * units)..<((steps + 1) * units)]), "examples differ")
    }

    /// With one mask for all gates the four pre-activations of an LSTM see one input, with one each they do not.
    @Test(arguments: [false, true]) func dropsForEachGateByItself(eachGate: Bool) throws {
        let (inputs, units, count) = (1, 1, 200)
        let cell = LSTM(units: units, useBias: false, RecurrentOptions(dropout: 0.5, dropsEachGate: eachGate))
        var graph = LayerGraph()
        let input = graph.addInput([1, inputs])
        let output = try graph.add("layer", cell, to: [input])
        graph.finish(outputs: [output], logits: output, head: .none)
        let weights = ParameterVector(zeros: graph.layout)
        for gate in 0..<4 { weights.tensor[gate] = Float(gate + 1) / 4 }
        let workspace = Workspace(graph, batchSize: count, mode: .training)
        workspace.input(0, count: count).fill(with: 1)
        workspace.forward(weights: weights.tensor, count: count, key: RandomKey(seed: 4))
        // One mask leaves all or nothing; without c~ all is 0, and i and o decide between four values.
        let values = Set(workspace.value(output, count: count).values)
        #expect(values.count == (eachGate ? 5 : 2))
    }

    @Test func beginsAtTheGivenStateAndEndsAtTheReturnedOne() throws {
        // Two steps at once are one step, and one from where it ended.
        let options = RecurrentOptions(returnState: true)
        let whole = try LayerProbe(LSTM(units: 3, options), inputs: [[2, 2], [3], [3]])
        let half = try LayerProbe(LSTM(units: 3, options), inputs: [[1, 2], [3], [3]])
        for entry in half.graph.layout.entries where entry.layer == "layer" {
            guard let other = whole.graph.layout.entry("layer", entry.spec.name) else { continue }
            half.weights[entry].copy(from: whole.weights[other])
        }
        let long = whole.workspace(count: 1, mode: .inference), short = half.workspace(count: 1, mode: .inference)
        whole.fillInputs(of: long, count: 1)
        let inputs = (0..<3).map { long.input($0, count: 1).values }
        // The probe adds an offset to every input.
        func offset(_ index: Int, _ element: Int) -> Float {
            whole.graph.layout.entry("offset\(index)", "offset").map { whole.weights[$0][element] } ?? 0
        }
        for entry in half.graph.layout.entries where entry.layer.hasPrefix("offset") {
            half.weights[entry].fill(with: 0)
        }
        var states = (1..<3).map { index in (0..<3).map { inputs[index][$0] + offset(index, $0) } }
        long.forward(weights: whole.weights.tensor, count: 1)
        for step in 0..<2 {
            short.input(0, count: 1).copy(from: (0..<2).map { inputs[0][2 * step + $0] + offset(0, 2 * step + $0) })
            for index in 0..<2 { short.input(index + 1, count: 1).copy(from: states[index]) }
            short.forward(weights: half.weights.tensor, count: 1)
            let output = short.value(half.graph.logits, count: 1).values
            states = [Array(output[3..<6]), Array(output[6..<9])]
        }
        let expected = long.value(whole.graph.logits, count: 1).values
        for (found, expected) in zip(states.joined(), expected[3...]) { #expect(abs(found - expected) < 1e-6) }
    }
}
