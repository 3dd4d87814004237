import Kernels
import Tensors
import TestSupport
import Testing

@testable import Networks

/// Layers behind operations: what they owe, and values worked out by hand.
@Suite struct OperationTests {
    private static let selections: [AxisSelection] = [
        AxisSelection([(axis: 1, rule: .slice(start: -1))]), AxisSelection([(axis: -1, rule: .slice(step: -1))]),
        AxisSelection([(axis: 1, rule: .slice(start: 1, stop: 3)), (axis: 2, rule: .places([2, 0, -1]))]),
        AxisSelection([(axis: 1, rule: .part(1, of: 2))]),
        AxisSelection([(axis: 2, rule: .padded(before: 1, after: 2, .constant))], fill: 0.5),
        AxisSelection([(axis: 1, rule: .padded(before: 2, after: 1, .reflect))]),
        AxisSelection([(axis: 1, rule: .padded(before: 2, after: 3, .symmetric)), (axis: 2, rule: .rolled(-1))]),
        AxisSelection([(axis: 2, rule: .padded(before: 0, after: 2, .edge)), (axis: 1, rule: .repeated(2))]),
        AxisSelection([(axis: 2, rule: .tiled(2))]),
    ]

    @Test(arguments: selections.indices) func selectionsKeepTheContract(index: Int) throws {
        try expectLayerContract(Self.selections[index], inputs: [[4, 3]])
    }

    @Test(arguments: [AxisMove.Change.swap(1, -1), .move([-1], to: [1]), .move([1, 2], to: [3, 1])])
    func movesKeepTheContract(change: AxisMove.Change) throws {
        try expectLayerContract(AxisMove(change), inputs: [[2, 3, 4]])
    }

    @Test func conditionsKeepTheContract() throws {
        for kind in Comparison.Kind.allCases {
            try expectLayerContract(Comparison(kind), inputs: [[3, 1], [1, 4]], step: 1e-4)
        }
        try expectLayerContract(MaskAttachment(), inputs: [[4, 3], [4]], step: 1e-4)
        try expectLayerContract(Choice(), inputs: [[3, 4], [3, 4], [1, 4]], step: 1e-3)
        try expectLayerContract(Constant([1, 2, 3, 4, 5, 6], shape: [2, 3]), inputs: [[4, 5]])
    }

    @Test(arguments: ["bij,bjk->bik", "bij,bkj->bki", "bijk,bkj->bi", "bi,bj->bij", "bhij,bhjk->bihk", "bi,bi->b"])
    func einsumKeepsTheContract(equation: String) throws {
        let extents: [Character: Int] = ["b": 1, "h": 2, "i": 3, "j": 2, "k": 4]
        let terms = equation.split(separator: "-")[0].split(separator: ",")
        try expectLayerContract(
            Einsum(equation), inputs: terms.map { Shape($0.dropFirst().map { extents[$0] ?? 1 }) })
    }

    @Test func otherFunctionsKeepTheContract() throws {
        for function in [ElementwiseFunction.Function.sine, .cosine, .errorFunction] {
            try expectLayerContract(ElementwiseFunction(function), inputs: [[7]])
        }
        for function in [ElementwiseFunction.Function.sign, .floor, .truncated, .isZero] {
            try expectLayerContract(ElementwiseFunction(function), inputs: [[7]], step: 1e-5)
        }
        try expectLayerContract(Reduction(.logSumExp, axes: [1]), inputs: [[3, 4]])
        try expectLayerContract(Reduction(.logSumExp, axes: [-1, 1], keepDimensions: true), inputs: [[3, 4]])
        try expectLayerContract(LayerScale(initialValue: 0.5), inputs: [[3, 4]])
    }

    @Test func locallyConnectedLayersKeepTheContract() throws {
        try expectLayerContract(
            LocallyConnected(filters: 2, kernelSize: (2, 3), strides: (2, 1)), inputs: [[5, 4, 2]])
        try expectLayerContract(
            LocallyConnected(
                filters: 3, kernelSize: (1, 2), strides: (1, 2), isRow: true, useBias: false,
                activation: Activation(.tanh)), inputs: [[6, 2]])
    }

    /// One example of a layer without parameters.
    private func output(_ layer: any Layer, _ inputs: [(Shape, [Float])]) throws -> [Float] {
        var graph = LayerGraph()
        let values = inputs.map { graph.addInput($0.0) }
        let output = try graph.add("layer", layer, to: values)
        graph.finish(outputs: [output], logits: output, head: .none)
        let network = Network(graph, weights: ParameterVector(zeros: graph.layout))
        return network.predict(inputs.map(\.1))[0]
    }

    @Test(
        arguments: [
            (.slice(start: -1), [4]), (.slice(step: -1), [4, 3, 2, 1]), (.slice(start: 10, step: -2), [4, 2]),
            (.slice(start: 1, stop: -1), [2, 3]), (.slice(start: -100, stop: 2), [1, 2]), (.part(1, of: 2), [3, 4]),
            (.places([2, -1, 0]), [3, 4, 1]), (.padded(before: 1, after: 1, .constant), [9, 1, 2, 3, 4, 9]),
            (.padded(before: 2, after: 1, .reflect), [3, 2, 1, 2, 3, 4, 3]),
            (.padded(before: 2, after: 1, .symmetric), [2, 1, 1, 2, 3, 4, 4]),
            (.padded(before: 1, after: 2, .edge), [1, 1, 2, 3, 4, 4, 4]), (.repeated(2), [1, 1, 2, 2, 3, 3, 4, 4]),
            (.tiled(2), [1, 2, 3, 4, 1, 2, 3, 4]), (.rolled(1), [4, 1, 2, 3]), (.rolled(-5), [2, 3, 4, 1]),
        ] as [(AxisSelection.Rule, [Float])])
    func selectsAsNumPyDoes(rule: AxisSelection.Rule, expected: [Float]) throws {
        #expect(try output(AxisSelection([(axis: 1, rule: rule)], fill: 9), [([4], [1, 2, 3, 4])]) == expected)
    }

    @Test func refusesPlacesThatAreNotThere() {
        for rule in [
            AxisSelection.Rule.places([4]), .slice(start: 3, stop: 2), .part(0, of: 3),
            .padded(before: 4, after: 0, .reflect),
        ] {
            #expect(throws: ShapeError.self) { try AxisSelection([(axis: 1, rule: rule)]).plan(for: [[4]]) }
        }
        #expect(throws: ShapeError.self) { try AxisSelection([(axis: 2, rule: .tiled(2))]).plan(for: [[4]]) }
        #expect(throws: ShapeError.self) { try AxisMove(.swap(0, 1)).plan(for: [[4, 2]]) }
        #expect(throws: ShapeError.self) { try Constant([1, 2], shape: [1, 2]).plan(for: [[2]]) }
    }

    @Test func logSumExpIsFiniteWhereExpIsNot() throws {
        #expect(abs(try output(Reduction(.logSumExp, axes: [1]), [([2], [1000, 1000])])[0] - 1000.6931) < 1e-3)
    }
}

/// Numbers of words that a table does not have.
@Suite struct WordTableTests {
    private func graph(_ change: (any Layer)? = nil) throws -> LayerGraph {
        var graph = LayerGraph()
        var value = graph.addInput([3])
        if let change { value = try graph.add("change", change, to: [value]) }
        value = try graph.add("table", Embedding(count: 10, units: 2), to: [value])
        graph.finish(outputs: [value], logits: value, head: .none)
        return graph
    }

    @Test(arguments: [99, 10, -1, 2.5, .nan, .infinity] as [Float])
    func refusesNumbersThatHaveNoRow(number: Float) throws {
        let graph = try graph(), workers = Workers(2)
        defer { workers.close() }
        let weights = ParameterVector(zeros: graph.layout)
        let predictor = Predictor(graph, weights: weights.tensor, workers: workers, shardSize: 2)
        // The eighth example of many, and later ones: the first one counts.
        var fault: ValueFault?
        do throws(ValueFault) {
            try predictor.run(20) { range, inputs in
                for (place, example) in range.enumerated() {
                    inputs[0].slice(at: place * 3, count: 3).copy(from: example < 7 ? [0, 9, 3] : [1, number, -5])
                }
            } take: { range, _ in
                #expect(range.upperBound <= 7)
            }
        } catch {
            fault = error
        }
        #expect(fault?.layer == "table" && fault?.example == 7 && fault?.rowCount == 10)
        #expect(fault.map { $0.value == number || number.isNaN && $0.value.isNaN } == true)
        #expect(Network(graph, weights: weights).predict([[0, number, 1]])[0][2].isNaN)
    }

    /// As Keras 3.15 (on JAX and TensorFlow) and tf_keras 2.21 do it: Keras 2 refuses numbers without a place, in Keras 3 those
    /// from the count on leave no trace. What its two backends make differently is refused, too.
    @Test(
        arguments: [
            (.multiHot, false, [0, 2, 5], [1, 0, 1, 0]), (.count, false, [0, 2, 4], [1, 0, 1, 0]),
            (.oneHot, false, [4], [0, 0, 0, 0]), (.oneHot, false, [-1], [0, 0, 0, 0]),
            (.multiHot, false, [0, 1.5, 2], [1, 1, 1, 0]), (.multiHot, true, [0, 1.5, 2], [1, 1, 1, 0]),
            (.count, true, [3, 3, 0], [1, 0, 0, 2]),
            (.multiHot, false, [0, -1, 2], nil), (.count, false, [0, -1, 2], nil), (.count, false, [0, 1.5, 2], nil),
            (.oneHot, false, [1.5], nil), (.multiHot, false, [.nan], nil),
            (.multiHot, true, [0, 2, 4], nil), (.multiHot, true, [0, -1, 2], nil), (.count, true, [5], nil),
            (.oneHot, true, [4], nil), (.oneHot, true, [-1], nil),
        ] as [(CategoryEncoding.Mode, Bool, [Float], [Float]?)])
    func categoriesHaveTheirPlaces(mode: CategoryEncoding.Mode, isStrict: Bool, x: [Float], y: [Float]?) throws {
        var graph = LayerGraph()
        let input = graph.addInput([x.count])
        let value = try graph.add("encoding", CategoryEncoding(count: 4, mode: mode, isStrict: isStrict), to: [input])
        graph.finish(outputs: [value], logits: value, head: .none)
        let workers = Workers(1), weights = ParameterVector(zeros: graph.layout)
        defer { workers.close() }
        var fault: ValueFault?
        do throws(ValueFault) {
            try Predictor(graph, weights: weights.tensor, workers: workers, shardSize: 1).run(1) { _, inputs in
                inputs[0].copy(from: x)
            } take: { _, _ in
            }
        } catch {
            fault = error
        }
        guard let y else {
            #expect(fault?.layer == "encoding" && fault?.rowCount == 4)
            return
        }
        #expect(fault == nil)
        #expect(Network(graph, weights: weights).predict([x])[0] == y)
    }

    @Test func knowsWhichInputsAreLookedUp() throws {
        let plain = [LayerGraph.WordTable(input: 0, layer: "table", rowCount: 10)]
        #expect(try graph().wordTables == plain)
        #expect(try graph(Reshape(to: [3, 1])).wordTables == plain)
        // What is computed first may become anything.
        #expect(try graph(Rescaling(scale: 2, offset: 0)).wordTables.isEmpty)
    }

    @Test func saysWhatAndWhich() {
        #expect(
            "\(ValueFault(layer: "table", example: 3, value: 99, rowCount: 10))"
                == "99 is no word of layer 'table', whose table has the rows 0 to 9")
    }
}
