import Kernels
import Networks
import Tensors
import TestSupport
import Testing

/// Layers for the frames of a video against finite differences, and cases worked by hand.
@Suite struct FrameTests {
    @Test(arguments: FramePooling.Kind.allCases)
    func poolingKeepsTheContract(kind: FramePooling.Kind) throws {
        try expectLayerContract(FramePooling(kind), inputs: [[5, 3]], step: 1e-3)
        try expectLayerContract(FramePooling(kind), inputs: [[5, 3]], padding: [4, 1, 3], step: 1e-3)
    }

    @Test func layersOfFramesKeepTheContract() throws {
        try expectLayerContract(FrameSampling(), inputs: [[5, 3]])
        try expectLayerContract(FrameSampling(), inputs: [[5, 3]], padding: [4, 1, 3])
        try expectLayerContract(FeatureSlice(start: 1, count: 2), inputs: [[3, 4]])
        try expectLayerContract(PaddingToZero(), inputs: [[5, 3]])
        try expectLayerContract(PaddingToZero(), inputs: [[5, 3]], padding: [4, 1, 3])
        try expectLayerContract(ChannelGroups(2), inputs: [[3, 4]])
        try expectLayerContract(SquareProduct(), inputs: [[4]])
        try expectLayerContract(SquareProduct(), inputs: [[3, 4]])
    }

    @Test func columnScalingKeepsTheLayerContract() throws {
        try expectLayerContract(ColumnScaling(epsilon: 1e-12), inputs: [[5, 3]])
        // Columns that are shorter than the limit are all divided by the same.
        try expectLayerContract(ColumnScaling(epsilon: 100), inputs: [[5, 3]])
    }

    @Test func columnsGetTheLengthOne() throws {
        let y = try run(ColumnScaling(epsilon: 1e-12), [[2, 3]], [[3, 0, -2, 4, 0, 0]])
        #expect(y == [0.6, 0, -1, 0.8, 0, 0])
    }

    @Test func clustersKeepTheContract() throws {
        try expectLayerContract(ClusterResiduals(), inputs: [[5, 3], [5, 4]])
        try expectLayerContract(ClusterResiduals(useCenters: false), inputs: [[5, 3], [5, 4]])
        try expectLayerContract(ClusterResiduals(), inputs: [[5, 3], [5, 4]], padding: [4, 1, 3], maskedInputs: 1)
        // Near 1 the covariances are far from where the sums are divided by nothing.
        try expectLayerContract(FisherVectors(), inputs: [[4, 3], [4, 2]], step: 1e-3)
        try expectLayerContract(
            FisherVectors(), inputs: [[4, 3], [4, 2]], padding: [3, 1, 2], maskedInputs: 1, step: 1e-3)
    }

    @Test func expertsKeepTheContract() throws {
        try expectLayerContract(ExpertMixture(experts: 2), inputs: [[3, 3], [6]])
    }

    private func run(
        _ layer: any Layer, _ inputs: [Shape], _ values: [[Float]], weights: [Float] = [], mode: Mode = .inference
    ) throws -> [Float] {
        var graph = LayerGraph()
        let heads = inputs.map { graph.addInput($0) }
        // Frames of zeros are padding.
        let masked = try graph.add("mask", Masking(), to: [heads[0]])
        let output = try graph.add("layer", layer, to: [masked] + heads.dropFirst())
        graph.finish(outputs: [output], logits: output, head: .none)
        let parameters = ParameterVector(zeros: graph.layout)
        var rest = weights[...]
        for entry in graph.layout.entries {
            parameters[entry].copy(from: rest.prefix(entry.spec.shape.elementCount))
            rest = rest.dropFirst(entry.spec.shape.elementCount)
        }
        let workspace = Workspace(graph, batchSize: 1, mode: mode)
        for (position, numbers) in values.enumerated() { workspace.input(position, count: 1).copy(from: numbers) }
        workspace.forward(weights: parameters.tensor, count: 1, key: RandomKey(seed: 4))
        return workspace.value(output, count: 1).values
    }

    @Test(arguments: [
        (FramePooling.Kind.mean, [-2, 3] as [Float]), (.max, [-1, 5]), (.sum, [-4, 6]),
    ])
    func poolsTheFramesThatAreReal(kind: FramePooling.Kind, expected: [Float]) throws {
        #expect(try run(FramePooling(kind), [[3, 2]], [[-3, 1, -1, 5, 0, 0]]) == expected)
        #expect(try run(FramePooling(kind), [[2, 2]], [[0, 0, 0, 0]]) == [0, 0])
    }

    /// Two frames, one of them padding: ((3 − 1) ¼, (3 − 2) ¾; (5 − 3) ¼, (5 − 4) ¾).
    @Test func sumsResidualsOfTheFramesThatAreReal() throws {
        let found = try run(
            ClusterResiduals(), [[2, 2], [2, 2]], [[3, 5, 0, 0], [0.25, 0.75, 0.5, 0.5]], weights: [1, 2, 3, 4])
        let expected: [Float] = [0.5, 0.75, 0.5, 0.75]
        #expect(found == expected)
    }

    /// One frame, of one cluster, at x = 3 with c = 1 and v = 2² (the floor aside): (x − c) / v and (x − c)² / v² − 1.
    @Test func fisherVectorsAreDifferencesOfMomentsFromTheClusters() throws {
        let found = try run(FisherVectors(), [[1, 1], [1, 1]], [[3], [1]], weights: [2, 1])
        #expect(abs(found[0] - 0.5) < 1e-5)
        #expect(abs(found[1] - (0.25 - 1)) < 1e-5)
    }

    @Test func theLastExpertOfAClassSaysZero() throws {
        let gates: [Float] = [0.5, 0.25, 0.25, 0, 0, 1]
        var graph = LayerGraph()
        let inputs = [graph.addInput([2, 3]), graph.addInput([4])]
        let output = try graph.add("mixture", ExpertMixture(experts: 2), to: inputs)
        graph.finish(outputs: [output], logits: output, head: .none)
        let network = Network(graph, weights: ParameterVector(zeros: graph.layout))
        #expect(network.predict([gates, [1, 0.5, 1, 1]]) == [[0.625, 0]])
    }

    @Test func samplingDrawsFromTheRealFramesInTrainingAlone() throws {
        let frames: [Float] = [1, 2, 3, 4, 5, 6, 0, 0]
        #expect(try run(FrameSampling(), [[8, 1]], [frames]) == frames)
        let drawn = try run(FrameSampling(), [[8, 1]], [frames], mode: .training)
        #expect(drawn != frames)
        #expect(drawn.prefix(6).allSatisfy { (1...6).contains($0) })
        #expect(drawn.suffix(2) == [0, 0])
    }

    @Test func oddsAreTheInverseOfSigmoid() throws {
        var graph = LayerGraph()
        let input = graph.addInput([5])
        let odds = try graph.add("odds", LogOdds(), to: [input])
        let output = try graph.add("sigmoid", ElementwiseActivation(Activation(.sigmoid)), to: [odds])
        graph.finish(outputs: [odds, output], logits: odds, head: .sigmoid)
        let probabilities: [Float] = [0, 1e-4, 0.3, 0.999, 1]
        let found = Network(graph, weights: ParameterVector(zeros: graph.layout)).predict([probabilities])
        for (found, expected) in zip(found[1], probabilities) { #expect(abs(found - expected) < 1e-6) }
        #expect(abs(found[0][2] - -0.84729785) < 1e-6)
    }

    /// d log(p / (1 − p)) = 1 / (p (1 − p))
    @Test func theSlopeOfOddsIsOneOverTheVariance() throws {
        var graph = LayerGraph()
        let input = graph.addInput([3])
        let moved = try graph.add("offset", Offset(), to: [input])
        let odds = try graph.add("odds", LogOdds(), to: [moved])
        graph.finish(outputs: [odds], logits: odds, head: .none)
        let workspace = Workspace(graph, batchSize: 1, mode: .training)
        workspace.input(0, count: 1).copy(from: [0.2, 0.5, 0.9] as [Float])
        let weights = ParameterVector(zeros: graph.layout), gradient = ParameterVector(zeros: graph.layout)
        workspace.forward(weights: weights.tensor, count: 1)
        let slope = try #require(workspace.gradient(odds, count: 1))
        slope.copy(from: [1, 1, 2] as [Float])
        workspace.backward(weights: weights.tensor, gradient: gradient.tensor, count: 1)
        for (found, expected) in zip(gradient.tensor.values, [1 / 0.16, 4, 2 / 0.09] as [Float]) {
            #expect(abs(found - expected) < 1e-4 * expected)
        }
    }
}
