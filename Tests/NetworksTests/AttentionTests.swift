import Kernels
import Networks
import Tensors
import TestSupport
import Testing

/// Layers with several inputs against finite differences, on every kernel library.
@Suite struct AttentionTests {
    @Test(arguments: [Merge.Operation.add, .subtract, .multiply, .average, .maximum, .minimum])
    func mergingRepeatsAxesOfOne(operation: Merge.Operation) throws {
        let layer = Merge(operation)
        try expectLayerContract(layer, inputs: [[2, 3, 4], [1, 1, 4]], step: 1e-3)
        try expectLayerContract(layer, inputs: [[2, 1, 4], [3, 1]], step: 1e-3)
        try expectLayerContract(layer, inputs: [[1, 3], [2, 1]], step: 1e-3)
        guard operation != .subtract else { return }
        try expectLayerContract(layer, inputs: [[4], [2, 3, 1], [3, 4], [2, 1, 1]], step: 1e-3)
    }

    @Test func dotKeepsTheContract() throws {
        try expectLayerContract(Dot(axes: (1, 1)), inputs: [[4], [4]])
        try expectLayerContract(Dot(axes: (2, 2)), inputs: [[3, 4], [2, 4]])
        try expectLayerContract(Dot(axes: (1, 2)), inputs: [[4, 3], [2, 4]])
        try expectLayerContract(Dot(axes: (1, 1), normalizationFloor: 1e-12), inputs: [[4, 3], [4, 2]])
        try expectLayerContract(Dot(axes: (2, -1), normalizationFloor: 1e-12), inputs: [[2, 4, 3], [4]])
        try expectLayerContract(Dot(axes: (2, 1)), inputs: [[2, 4, 3], [4, 2, 2]])
    }

    @Test(arguments: [false, true], [false, true])
    func matrixProductsKeepTheContract(first: Bool, second: Bool) throws {
        try expectLayerContract(
            MatrixProduct(transposesFirst: first, transposesSecond: second),
            inputs: [first ? [2, 4, 3] : [2, 3, 4], second ? [2, 5, 4] : [2, 4, 5]])
    }

    @Test func einsumDenseKeepsTheContract() throws {
        try expectLayerContract(
            EinsumDense(equation: "ab,bc->ac", outputShape: [3], biasAxes: "c"), inputs: [[4]])
        try expectLayerContract(
            EinsumDense(equation: "abc,cde->abde", outputShape: [nil, 2, 3], biasAxes: "de"), inputs: [[3, 4]])
        try expectLayerContract(
            EinsumDense(equation: "abc,cde->aebd", outputShape: [3, nil, 2], biasAxes: "e"), inputs: [[3, 4]])
        try expectLayerContract(
            EinsumDense(
                equation: "...x,xy->...y", outputShape: [3], biasAxes: "y", activation: Activation(.tanh)),
            inputs: [[2, 3, 4]])
        try expectLayerContract(EinsumDense(equation: "ab...,bc->ac...", outputShape: [3]), inputs: [[4, 2, 2]])
        try expectLayerContract(
            EinsumDense(equation: "abc,bcd->abd", outputShape: [nil, 5], biasAxes: "bd"), inputs: [[3, 4]])
        try expectLayerContract(
            EinsumDense(equation: "abcd,dbe->acbe", outputShape: [nil, nil, 2]), inputs: [[2, 3, 4]])
    }

    private func attention(_ change: (inout MultiHeadAttention) -> Void = { _ in }) -> MultiHeadAttention {
        var layer = MultiHeadAttention(heads: 2, keyDimension: 3)
        change(&layer)
        return layer
    }

    @Test(arguments: [nil, [4, 5, 0]] as [[Int]?], [false, true])
    func multiHeadAttentionKeepsTheContract(padding: [Int]?, isCausal: Bool) throws {
        let pattern = AttentionPattern(isCausal: isCausal)
        let layers = [
            attention { $0.pattern = pattern },
            attention {
                $0.pattern = AttentionPattern(isCausal: isCausal, window: 2)
                $0.useBias = false
                $0.valueDimension = 4
                $0.outputShape = [2, 3]
            },
            attention {
                $0.pattern = pattern
                $0.useGate = true
                $0.dropout = 0.3
                $0.zeroesHidden = true
            },
            attention {
                $0.pattern = pattern
                $0.returnsScores = true
            },
        ]
        for layer in layers { try expectLayerContract(layer, inputs: [[5, 4], [5, 2]], padding: padding) }
        var layer = MultiHeadAttention(heads: 4, keyDimension: 3, keyValueHeads: 2)
        layer.pattern = pattern
        layer.inputs.key = 2
        try expectLayerContract(layer, inputs: [[5, 4], [5, 2], [5, 3]], padding: padding)
    }

    @Test func attentionLooksAlongAnyAxes() throws {
        try expectLayerContract(attention(), inputs: [[2, 3, 4], [3, 2, 2]])
        try expectLayerContract(attention { $0.attentionAxes = [1] }, inputs: [[2, 3, 4], [3, 3, 2]])
        try expectLayerContract(attention { $0.attentionAxes = [-2] }, inputs: [[2, 3, 4], [2, 4, 2]])
        try expectLayerContract(attention { $0.attentionAxes = [3, 2] }, inputs: [[2, 2, 2, 3], [2, 3, 1, 3]])
        #expect(throws: ShapeError.self) {
            try attention { $0.attentionAxes = [1, 3] }.plan(for: [[2, 2, 2, 3], [2, 2, 2, 3]])
        }
    }

    @Test func denseAttentionKeepsTheContract() throws {
        for padding in [nil, [4, 5, 0]] as [[Int]?] {
            for score in [SequenceAttention.Score.dot, .concat, .additive] {
                for useScale in [false, true] {
                    let plain = SequenceAttention(score, useScale: useScale)
                    try expectLayerContract(plain, inputs: [[5, 3], [5, 3]], padding: padding)
                    let full = SequenceAttention(
                        score, useScale: useScale, dropout: 0.3, isCausal: true, returnsScores: true)
                    try expectLayerContract(full, inputs: [[5, 3], [5, 2], [5, 3]], padding: padding)
                }
            }
        }
    }

    @Test func resultsOfAttentionKeepTheContract() throws {
        let layer = SequenceAttention(.dot, useScale: false, returnsScores: true)
        for result in [AttentionResult.Result.output, .scores] {
            try expectLayerContract(AttentionResult(result, of: layer), inputs: [[3 * 2 + 3 * 4], [3, 2], [4, 2]])
        }
    }

    @Test func functionsKeepTheContract() throws {
        for function in [ElementwiseFunction.Function.absolute, .square, .exponential(base: 2), .clip(-0.5, 0.7)] {
            try expectLayerContract(ElementwiseFunction(function), inputs: [[7]], step: 1e-3)
        }
        try expectLayerContract(ElementwiseFunction(.power(3)), inputs: [[7]])
        for kind in [Reduction.Kind.sum, .mean, .maximum, .minimum] {
            try expectLayerContract(Reduction(kind, axes: [1]), inputs: [[3, 4]], step: 1e-3)
            try expectLayerContract(Reduction(kind, axes: [-1], keepDimensions: true), inputs: [[3, 4]], step: 1e-3)
            try expectLayerContract(Reduction(kind, axes: [1, 3]), inputs: [[3, 2, 2]], step: 1e-3)
        }
        try expectLayerContract(UnitAxes(.insert(-1)), inputs: [[3, 4]])
        try expectLayerContract(UnitAxes(.remove([2])), inputs: [[3, 1, 4]])
        try expectLayerContract(Unmasked(Rescaling(scale: 2)), inputs: [[3, 4]], padding: [2, 0, 1])
    }
}
