import Foundation
import Kernels
import Networks
import Tensors
import TestSupport
import Testing

/// What happens between layers: values and layers with several users, branches without any, steps and masks.
@Suite struct GraphTests {
    private static let key = RandomKey(seed: 21)

    /// Numbers from −1 to 1.
    private func numbers(_ count: Int, _ branch: Int) -> [Float] {
        (0..<count).map { Float(Self.key[branch].uniform($0) * 2 - 1) }
    }

    /// Runs a graph on examples and back again, with the gradient r of its logits.
    private func run(
        _ graph: LayerGraph, _ weights: borrowing ParameterVector, _ inputs: [[Float]], count: Int, r: [Float]
    ) throws -> (logits: [Float], gradient: [Float]) {
        let workspace = Workspace(graph, batchSize: count, mode: .training)
        for (index, values) in inputs.enumerated() { workspace.input(index, count: count).copy(from: values) }
        workspace.forward(weights: weights.tensor, count: count)
        let logits = workspace.value(graph.logits, count: count).values
        try #require(workspace.gradient(graph.logits, count: count)).copy(from: r)
        let gradient = ParameterVector(zeros: graph.layout)
        for entry in graph.layout.entries { gradient[entry].fill(with: .nan) }
        workspace.backward(weights: weights.tensor, gradient: gradient.tensor, count: count)
        return (logits, gradient.tensor.values)
    }

    private func finish(_ graph: inout LayerGraph, _ logits: LayerGraph.Value) {
        graph.finish(outputs: [logits], logits: logits, head: .none)
    }

    private func expectClose(
        _ found: [Float], _ expected: [Float], tolerance: Float = 1e-5,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(found.count == expected.count, sourceLocation: sourceLocation)
        for (index, (found, expected)) in zip(found, expected).enumerated() {
            #expect(
                abs(found - expected) <= tolerance * max(1, abs(expected)), "element \(index)",
                sourceLocation: sourceLocation)
        }
    }

    // MARK: - Several users

    @Test func aSharedLayerHasTheSumOfItsGradients() throws {
        let first = numbers(6, 1), second = numbers(6, 2), r = numbers(8, 3)
        var both = LayerGraph()
        let (a, b) = (both.addInput([3]), both.addInput([3]))
        let dense = both.define("dense", Dense(units: 4, activation: Activation(.tanh)))
        let (left, right) = (try both.call(dense, [a]), try both.call(dense, [b]))
        finish(&both, try both.add("sum", Merge(.add), to: [left, right]))
        let weights = ParameterVector(initializing: both.layout, key: Self.key)

        var alone = LayerGraph()
        let input = alone.addInput([3])
        finish(&alone, try alone.add("dense", Dense(units: 4, activation: Activation(.tanh)), to: [input]))
        let together = try run(both, weights, [first, second], count: 2, r: r)
        let parts = try [first, second].map { try run(alone, weights, [$0], count: 2, r: r) }
        expectClose(together.logits, zip(parts[0].logits, parts[1].logits).map { $0 + $1 })
        expectClose(together.gradient, zip(parts[0].gradient, parts[1].gradient).map { $0 + $1 })
    }

    @Test func aLayerMayFollowItself() throws {
        var graph = LayerGraph()
        let input = graph.addInput([2])
        let dense = graph.define("dense", Dense(units: 2, useBias: false))
        let once = try graph.call(dense, [input])
        finish(&graph, try graph.call(dense, [once]))
        let weights = ParameterVector(zeros: graph.layout), w: [Float] = [1, 2, -0.5, 3]
        weights[graph.layout.entries[0]].copy(from: w)
        let (logits, gradient) = try run(graph, weights, [[0.5, -2]], count: 1, r: [1, 0])
        // h = x W = (1.5, −5), y = h W = (4, −12).
        expectClose(logits, [4, -12])
        // dW = hᵀ r + xᵀ (r Wᵀ), with r Wᵀ = (1, −0.5).
        expectClose(Array(gradient[..<4]), [1.5 + 0.5, 0 - 0.25, -5 - 2, 0 + 1])
    }

    /// y = v·v + tanh v + v, where v = x + p: dy/dp = 2v + (1 − tanh² v) + 1.
    @Test func aValueMayHaveSeveralReadersAndBeReadTwiceByOne() throws {
        var graph = LayerGraph()
        let input = graph.addInput([5])
        let v = try graph.add("offset", Offset(), to: [input])
        let square = try graph.add("square", Merge(.multiply), to: [v, v])
        let bent = try graph.add("tanh", ElementwiseActivation(Activation(.tanh)), to: [v])
        finish(&graph, try graph.add("sum", Merge(.add), to: [square, bent, v]))
        let weights = ParameterVector(zeros: graph.layout), p = numbers(5, 4), x = numbers(5, 5), r = numbers(5, 6)
        weights[graph.layout.entries[0]].copy(from: p)
        let (logits, gradient) = try run(graph, weights, [x], count: 1, r: r)
        let values = zip(x, p).map { $0 + $1 }
        expectClose(logits, values.map { $0 * $0 + tanh($0) + $0 })
        expectClose(Array(gradient[..<5]), zip(values, r).map { $1 * (2 * $0 + 2 - tanh($0) * tanh($0)) })
    }

    @Test(arguments: [Merge.Operation.add, .subtract, .multiply, .average, .maximum])
    func anInputMayBeReadTwiceByOneMerge(operation: Merge.Operation) throws {
        var graph = LayerGraph()
        let input = graph.addInput([4])
        let v = try graph.add("offset", Offset(), to: [input])
        finish(&graph, try graph.add("merge", Merge(operation), to: [v, v]))
        let weights = ParameterVector(zeros: graph.layout), x = numbers(4, 7), r = numbers(4, 8)
        let (_, gradient) = try run(graph, weights, [x], count: 1, r: r)
        let expected = zip(x, r).map { x, r in
            switch operation {
            case .add: 2 * r
            case .subtract: 0 * r
            case .multiply: 2 * x * r
            case .average, .maximum, .minimum: r
            }
        }
        expectClose(Array(gradient[..<4]), expected)
    }

    /// Views of one memory, Flatten and Reshape, with readers before and after.
    @Test func aViewMayHaveReadersBesideItsSource() throws {
        var graph = LayerGraph()
        let input = graph.addInput([2, 3])
        let v = try graph.add("offset", Offset(), to: [input])
        let flat = try graph.add("flatten", Reshape(to: [6]), to: [v])
        let back = try graph.add("back", Reshape(to: [2, 3]), to: [flat])
        let bent = try graph.add("tanh", ElementwiseActivation(Activation(.tanh)), to: [flat])
        let shaped = try graph.add("shaped", Reshape(to: [2, 3]), to: [bent])
        finish(&graph, try graph.add("product", Merge(.multiply), to: [v, back, shaped]))
        let weights = ParameterVector(zeros: graph.layout), x = numbers(6, 9), r = numbers(6, 10)
        let (logits, gradient) = try run(graph, weights, [x], count: 1, r: r)
        expectClose(logits, x.map { $0 * $0 * tanh($0) })
        expectClose(
            Array(gradient[..<6]), zip(x, r).map { $1 * (2 * $0 * tanh($0) + $0 * $0 * (1 - tanh($0) * tanh($0))) })
    }

    // MARK: - Branches that lead nowhere

    @Test func anUnusedBranchChangesNothingAndHasNoGradient() throws {
        func graph(withBranch: Bool) throws -> LayerGraph {
            var graph = LayerGraph()
            let input = graph.addInput([3])
            let dense = try graph.add("dense", Dense(units: 4, activation: Activation(.tanh)), to: [input])
            let logits = try graph.add("logits", Dense(units: 2), to: [dense])
            if withBranch {
                let aside = try graph.add("aside", Dense(units: 5), to: [dense])
                try graph.add("further", BatchNormalization(), to: [aside])
            }
            finish(&graph, logits)
            return graph
        }
        let (plain, branched) = (try graph(withBranch: false), try graph(withBranch: true))
        let weights = ParameterVector(initializing: plain.layout, key: Self.key)
        let more = ParameterVector(initializing: branched.layout, key: Self.key)
        func copy(_ from: borrowing ParameterVector, to: borrowing ParameterVector) {
            for entry in plain.layout.entries {
                if let other = branched.layout.entry(entry.layer, entry.spec.name) { to[other].copy(from: from[entry]) }
            }
        }
        copy(weights, to: more)
        let x = numbers(6, 11), r = numbers(4, 12)
        let expected = try run(plain, weights, [x], count: 2, r: r),
            found = try run(branched, more, [x], count: 2, r: r)
        #expect(found.logits == expected.logits)
        for entry in branched.layout.entries {
            let range = entry.offset..<(entry.offset + entry.spec.shape.elementCount)
            if let other = plain.layout.entry(entry.layer, entry.spec.name) {
                #expect(
                    Array(found.gradient[range])
                        == Array(expected.gradient[other.offset..<(other.offset + range.count)]))
            } else {
                #expect(found.gradient[range].allSatisfy { $0 == 0 }, "\(entry.layer)/\(entry.spec.name)")
            }
        }
    }

    // MARK: - Statistics

    /// A layer that has statistics only, before anything that learns, still measures them.
    @Test func statisticsAreMeasuredWithoutTrainableParameters() throws {
        var graph = LayerGraph()
        let input = graph.addInput([2])
        let normalized = try graph.add("normalization", BatchNormalization(center: false, scale: false), to: [input])
        finish(&graph, try graph.add("dense", Dense(units: 3), to: [normalized]))
        let weights = ParameterVector(initializing: graph.layout, key: Self.key)
        let (_, gradient) = try run(graph, weights, [[1, 10, 3, 10, 5, 40]], count: 3, r: numbers(9, 13))
        let mean = try #require(graph.layout.entry("normalization", "moving_mean"))
        let variance = try #require(graph.layout.entry("normalization", "moving_variance"))
        expectClose(Array(gradient[mean.offset..<(mean.offset + 2)]), [3, 20])
        expectClose(Array(gradient[variance.offset..<(variance.offset + 2)]), [8.0 / 3, 200])
    }

    /// Means over uses: a sum would let the moving averages grow with the number of uses.
    @Test func statisticsOfASharedLayerAreMeansOverItsUses() throws {
        var graph = LayerGraph()
        let (a, b) = (graph.addInput([1]), graph.addInput([1]))
        let normalization = graph.define("normalization", BatchNormalization())
        let (left, right) = (try graph.call(normalization, [a]), try graph.call(normalization, [b]))
        finish(&graph, try graph.add("sum", Merge(.add), to: [left, right]))
        let weights = ParameterVector(initializing: graph.layout, key: Self.key)
        let (_, gradient) = try run(graph, weights, [[1, 3], [10, 30]], count: 2, r: [1, -1])
        let mean = try #require(graph.layout.entry("normalization", "moving_mean"))
        let variance = try #require(graph.layout.entry("normalization", "moving_variance"))
        expectClose([gradient[mean.offset]], [(2 + 20) / 2])
        expectClose([gradient[variance.offset]], [(1 + 100) / 2])
        // What is trained is added up: beta's gradient is Σ r for each use.
        let beta = try #require(graph.layout.entry("normalization", "beta"))
        expectClose([gradient[beta.offset]], [0])
    }

    // MARK: - Steps

    @Test func aLayerOverStepsTreatsEachStepAsAnExample() throws {
        let (count, steps) = (2, 3), x = numbers(2 * 3 * 16, 14), r = numbers(2 * 3 * 27, 15)
        func layer() -> any Layer { Convolution2D(filters: 3, kernelSize: (2, 2), activation: Activation(.tanh)) }
        var distributed = LayerGraph(), plain = LayerGraph()
        let sequence = distributed.addInput([steps, 4, 4, 1]), image = plain.addInput([4, 4, 1])
        let id = distributed.define("conv", layer())
        let output = try distributed.call(id, [sequence], stepAxes: 1)
        #expect(distributed.shape(of: output) == [steps, 3, 3, 3])
        finish(&distributed, output)
        finish(&plain, try plain.add("conv", layer(), to: [image]))
        let weights = ParameterVector(initializing: plain.layout, key: Self.key)
        let found = try run(distributed, weights, [x], count: count, r: r)
        let expected = try run(plain, weights, [x], count: count * steps, r: r)
        #expect(found.logits == expected.logits)
        #expect(found.gradient == expected.gradient)
    }

    @Test func aLayerOverStepsRefusesWhatHasNoSteps() throws {
        var graph = LayerGraph()
        let input = graph.addInput([4])
        let id = graph.define("dense", Dense(units: 2))
        #expect(
            message { _ = try graph.call(id, [input], stepAxes: 1) }
                == "needs one input with a time axis, found (4)")
    }

    @Test func aSharedLayerRefusesUsesOfOtherShapes() throws {
        var graph = LayerGraph()
        let (a, b) = (graph.addInput([4]), graph.addInput([5]))
        let id = graph.define("dense", Dense(units: 2))
        _ = try graph.call(id, [a])
        #expect(
            message { _ = try graph.call(id, [b]) } == "is shared, but its uses need parameters of different shapes")
    }

    // MARK: - Masks

    /// Two sequences of four frames; 0 is padding. The first has frames 0 and 1, the second frames 1 and 2.
    @Test(
        arguments: [
            (keras2: false, masked: [true, true], expected: [1, 1, 1, 0]),
            (true, [true, true], [0, 1, 0, 0]),
            (false, [true, false], [1, 1, 1, 1]),
            (true, [true, false], [1, 1, 0, 0]),
            (false, [false, false], [1, 1, 1, 1]),
            (true, [false, false], [1, 1, 1, 1]),
        ] as [(keras2: Bool, masked: [Bool], expected: [Float])])
    func masksMeet(keras2: Bool, masked: [Bool], expected: [Float]) throws {
        for layer in [Merge(.add, mask: keras2 ? .all : .any), Concatenate(mask: keras2 ? .all : .any)] as [any Layer] {
            var graph = LayerGraph()
            let inputs = [graph.addInput([4, 1]), graph.addInput([4, 1])]
            let sources = try inputs.enumerated().map { index, input in
                masked[index] ? try graph.add("masking\(index)", Masking(), to: [input]) : input
            }
            let merged = try graph.add("merge", layer, to: sources)
            finish(&graph, try graph.add("mask", MaskReader(), to: [merged]))
            #expect(try mask(graph, [[5, 6, 0, 0], [0, 7, 8, 0]]) == expected)
        }
    }

    @Test(arguments: [(true, [0, 1, 1, 0]), (false, [1, 1, 1, 0])] as [(Bool, [Float])])
    func masksAreJoinedInTime(first: Bool, expected: [Float]) throws {
        var graph = LayerGraph()
        let inputs = [graph.addInput([2, 1]), graph.addInput([2, 1])]
        let a = first ? try graph.add("masking0", Masking(), to: [inputs[0]]) : inputs[0]
        let b = try graph.add("masking1", Masking(), to: [inputs[1]])
        let joined = try graph.add("joined", Concatenate(axis: 1), to: [a, b])
        finish(&graph, try graph.add("mask", MaskReader(), to: [joined]))
        #expect(try mask(graph, [[0, 3], [4, 0]]) == expected)
    }

    /// Sentences of words: behind a layer over sentences, one is real if any of its words is.
    @Test(arguments: [LayerGraph.MaskPassing.byLayer, .kept, .dropped])
    func masksOfStepsAreReduced(passing: LayerGraph.MaskPassing) throws {
        var graph = LayerGraph()
        let input = graph.addInput([3, 2, 1])
        let words = try graph.add("masking", Masking(), to: [input])
        let id = graph.define("sentences", GlobalPooling(.max))
        let sentences = try graph.call(id, [words], stepAxes: 1, masks: passing)
        finish(&graph, try graph.add("mask", MaskReader(), to: [sentences]))
        let expected: [Float] = passing == .byLayer ? [1, 0, 1] : [1, 1, 1]
        #expect(try mask(graph, [[0, 3, 0, 0, 5, 6]]) == expected)
    }

    @Test func aMaskOfOneSourceNeedsNoMerging() throws {
        for keras2 in [false, true] {
            var graph = LayerGraph()
            let input = graph.addInput([4, 1])
            let source = try graph.add("masking", Masking(), to: [input])
            let bent = try graph.add("tanh", ElementwiseActivation(Activation(.tanh)), to: [source])
            let merged = try graph.add("sum", Merge(.add, mask: keras2 ? .all : .any), to: [source, bent])
            finish(&graph, try graph.add("mask", MaskReader(), to: [merged]))
            #expect(try mask(graph, [[0, 3, 0, 4]]) == [0, 1, 0, 1])
        }
    }

    private func mask(_ graph: LayerGraph, _ inputs: [[Float]]) throws -> [Float] {
        let weights = ParameterVector(zeros: graph.layout)
        let workspace = Workspace(graph, batchSize: 1, mode: .inference)
        for (index, values) in inputs.enumerated() { workspace.input(index, count: 1).copy(from: values) }
        workspace.forward(weights: weights.tensor, count: 1)
        return workspace.value(graph.logits, count: 1).values
    }
}

/// The mask of a sequence (T, C) as its output (T): 1 everywhere if there is none.
private struct MaskReader: Layer {
    func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan { LayerPlan(output: [inputs[0][0]]) }

    func forward(_ pass: ForwardPass) {
        if let mask = pass.inputMask() { pass.output.copy(from: mask) } else { pass.output.fill(with: 1) }
    }

    func backward(_ pass: BackwardPass) {}
}
