import Kernels
import Networks
import Tensors
import TestSupport
import Testing

/// Memory that several values share at different times.
@Suite struct MemoryPlanTests {
    private static let seeds = Array(0..<60)

    /// A random network of up to 20 layers on two inputs, many of whose values have several readers or none.
    private func randomGraph(_ seed: Int, keepsEverything: Bool = false) throws -> LayerGraph {
        let key = RandomKey(seed: seed)
        var graph = LayerGraph(), values = [graph.addInput([4, 2]), graph.addInput([4, 2])]
        for index in values.indices { values.append(try graph.add("offset\(index)", Offset(), to: [values[index]])) }
        let shared = graph.define("shared", Dense(units: 2, activation: Activation(.tanh)))
        let count = 4 + key.integer(0, below: 16)
        for number in 0..<count {
            let key = key[number], name = "layer\(number)"
            // Mostly one of the last values, so that chains form.
            func pick(_ draw: Int) -> LayerGraph.Value {
                let reach = key.uniform(draw) < 0.7 ? min(3, values.count) : values.count
                return values[values.count - 1 - key.integer(draw + 1, below: reach)]
            }
            let x = pick(10), shape = graph.shape(of: x)
            let fellows = values.filter { graph.shape(of: $0) == shape }
            let other = fellows[key.integer(20, below: fellows.count)]
            let isSequence = shape.rank == 2
            switch key.integer(1, below: 9) {
            case 0 where isSequence && shape.channels == 2: values.append(try graph.call(shared, [x]))
            case 0, 1: values.append(try graph.add(name, Dense(units: 1 + key.integer(2, below: 9)), to: [x]))
            case 2: values.append(try graph.add(name, ElementwiseActivation(Activation(.tanh)), to: [x]))
            case 3: values.append(try graph.add(name, Merge(.add), to: [x, other]))
            case 4: values.append(try graph.add(name, Merge(.average), to: [x, other, x]))
            case 5: values.append(try graph.add(name, Dropout(rate: 0.25), to: [x]))
            case 6: values.append(try graph.add(name, Reshape(to: [shape.elementCount]), to: [x]))
            case 7 where !isSequence && shape.elementCount % 4 == 0:
                values.append(try graph.add(name, Reshape(to: [4, shape.elementCount / 4]), to: [x]))
            case 7: values.append(try graph.add(name, LayerNormalization(), to: [x]))
            default: values.append(try graph.add(name, Concatenate(), to: [x, other]))
            }
        }
        let last = values[values.count - 1]
        let flat = try graph.add("flat", Reshape(to: [graph.shape(of: last).elementCount]), to: [last])
        let logits = try graph.add("logits", Dense(units: 3), to: [flat])
        graph.finish(outputs: keepsEverything ? values + [logits] : [logits], logits: logits, head: .none)
        return graph
    }

    private func overlaps(_ blocks: [MemoryPlan.Block]) -> [(Int, Int)] {
        var found: [(Int, Int)] = []
        for (a, first) in blocks.enumerated() {
            for (b, second) in blocks.enumerated().dropFirst(a + 1) where first.count > 0 && second.count > 0 {
                let meet = first.first <= second.last && second.first <= first.last
                let overlap = first.offset < second.offset + second.count && second.offset < first.offset + first.count
                if meet && overlap { found.append((a, b)) }
            }
        }
        return found
    }

    /// The most that is alive at any moment: no arrangement is smaller.
    private func peak(_ blocks: [MemoryPlan.Block]) -> Int {
        blocks.map(\.first).map { moment in
            blocks.reduce(0) { $1.first <= moment && moment <= $1.last ? $0 + $1.count : $0 }
        }.max() ?? 0
    }

    @Test(arguments: seeds)
    func blocksThatMeetDoNotOverlap(seed: Int) {
        let key = RandomKey(seed: seed), count = 1 + key.integer(0, below: 40)
        let blocks = (0..<count).map { index in
            let moments = [key[index].integer(0, below: 30), key[index].integer(1, below: 30)].sorted()
            return MemoryPlan.Block(count: key[index].integer(2, below: 900), first: moments[0], last: moments[1])
        }
        let (placed, extent) = MemoryPlan.arrange(blocks)
        #expect(overlaps(placed).isEmpty)
        #expect(placed.allSatisfy { $0.offset >= 0 && $0.offset % 16 == 0 && $0.offset + $0.count <= extent })
        #expect(zip(placed, blocks).allSatisfy { $0.count == $1.count && $0.first == $1.first && $0.last == $1.last })
        #expect(extent >= peak(blocks))
        #expect(Double(extent) <= 1.5 * Double(peak(blocks)) + Double(16 * count))
    }

    @Test(arguments: seeds)
    func networksHaveNoOverlap(seed: Int) throws {
        let graph = try randomGraph(seed)
        for mode in [Mode.inference, .training] {
            for count in [1, 3] {
                let plan = MemoryPlan(graph, batchSize: count, mode: mode)
                #expect(overlaps(plan.blocks).isEmpty, "\(mode), \(count) examples")
                #expect(plan.blocks.allSatisfy { $0.offset + $0.count <= plan.extent })
            }
        }
    }

    /// Every value alive to the end is a plan without reuse: reuse must not change a bit.
    @Test(arguments: seeds)
    func reuseChangesNothing(seed: Int) throws {
        let graph = try randomGraph(seed), whole = try randomGraph(seed, keepsEverything: true)
        let weights = ParameterVector(initializing: graph.layout, key: RandomKey(seed: seed))
        let expected = logits(whole, weights, count: 3, mode: .inference)
        #expect(logits(graph, weights, count: 3, mode: .inference) == expected)
        #expect(
            MemoryPlan(graph, batchSize: 3, mode: .inference).extent
                <= MemoryPlan(whole, batchSize: 3, mode: .inference).extent)
        #expect(logits(graph, weights, count: 3, mode: .training) == logits(whole, weights, count: 3, mode: .training))
        #expect(
            gradient(graph, weights, count: 3).map(\.bitPattern) == gradient(whole, weights, count: 3).map(\.bitPattern)
        )
    }

    /// The gradient along a random direction against central differences.
    @Test(arguments: seeds)
    func gradientsSurviveReuse(seed: Int) throws {
        let graph = try randomGraph(seed)
        let weights = ParameterVector(initializing: graph.layout, key: RandomKey(seed: seed))
        let direction = graph.layout.entries.map { entry in
            (0..<entry.spec.shape.elementCount).map { Float(RandomKey(seed: seed)[entry.offset].uniform($0) * 2 - 1) }
        }
        func objective(at distance: Float) -> Double {
            let moved = ParameterVector(zeros: graph.layout)
            moved.copy(from: weights)
            for (entry, direction) in zip(graph.layout.entries, direction) {
                for (index, value) in direction.enumerated() { moved[entry][index] += distance * value }
            }
            let y = logits(graph, moved, count: 3, mode: .training)
            return zip(y, logitsGradient).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        func slope(_ step: Float) -> Double { (objective(at: step) - objective(at: -step)) / Double(2 * step) }
        // Richardson's: without the error that goes with the square of the step.
        let expected = (4 * slope(2.5e-4) - slope(5e-4)) / 3
        let gradient = gradient(graph, weights, count: 3)
        var along = 0.0
        for (entry, direction) in zip(graph.layout.entries, direction) {
            for (index, value) in direction.enumerated() {
                along += Double(gradient[entry.offset + index]) * Double(value)
            }
        }
        #expect(abs(along - expected) <= 2e-2 * max(1, abs(expected)))
    }

    @Test(arguments: seeds)
    func aBatchIsItsExamples(seed: Int) throws {
        let graph = try randomGraph(seed)
        let weights = ParameterVector(initializing: graph.layout, key: RandomKey(seed: seed))
        let together = logits(graph, weights, count: 3, mode: .inference)
        for example in 0..<3 {
            let alone = logits(graph, weights, count: 1, first: example, mode: .inference)
            for (found, expected) in zip(together[(example * 3)...], alone) {
                #expect(abs(found - expected) <= 1e-5 * max(1, abs(expected)), "example \(example)")
            }
        }
    }

    /// In a chain two neighbours are alive at a time, and nothing else.
    @Test(arguments: seeds)
    func aChainTakesItsTwoWidestNeighbours(seed: Int) throws {
        let key = RandomKey(seed: seed)
        let widths = (0..<(2 + key.integer(0, below: 10))).map { 1 + key[$0].integer(0, below: 600) }
        var graph = LayerGraph(), value = graph.addInput([widths[0]])
        for (index, width) in widths.enumerated().dropFirst() {
            value = try graph.add("dense\(index)", Dense(units: width), to: [value])
        }
        graph.finish(outputs: [value], logits: value, head: .none)
        for count in [1, 7] {
            let plan = MemoryPlan(graph, batchSize: count, mode: .inference)
            let sizes = widths.map { ($0 * count + 15) / 16 * 16 }
            #expect(plan.extent <= zip(sizes, sizes.dropFirst()).map(+).max() ?? 0, "\(widths), \(count) examples")
        }
    }

    /// A kernel of 2,048 × 2,048 numbers: its gradient, left out on the way back and computed in parts, is the one that
    /// is computed on the way.
    @Test(arguments: KernelLibrary.available) func aDeferredKernelHasItsGradient(library: KernelLibrary) throws {
        var graph = LayerGraph()
        let input = graph.addInput([8])
        let wide = try graph.add("wide", Dense(units: 2048), to: [input])
        let large = try graph.add("large", Dense(units: 2048, activation: Activation(.tanh)), to: [wide])
        let logits = try graph.add("logits", Dense(units: 3), to: [large])
        graph.finish(outputs: [logits], logits: logits, head: .none)
        let weights = ParameterVector(initializing: graph.layout, key: RandomKey(seed: 1))
        func gradient(defersKernels: Bool) -> (Tensor, Workspace) {
            let gradient = ParameterVector(zeros: graph.layout)
            let workspace = Workspace(
                graph, batchSize: 4, mode: .training, defersKernels: defersKernels,
                kernels: KernelContext(library: library))
            gradient.tensor.fill(with: .nan)
            fill(workspace, graph, count: 3, first: 0)
            workspace.forward(weights: weights.tensor, count: 3)
            workspace.gradient(graph.logits, count: 3)?.copy(from: logitsGradient)
            workspace.backward(weights: weights.tensor, gradient: gradient.tensor, count: 3)
            return (gradient.tensor, workspace)
        }
        let expected = gradient(defersKernels: false).0.values
        let (found, workspace) = gradient(defersKernels: true)
        let kernel = try #require(workspace.deferredKernels.first)
        #expect(workspace.deferredKernels.count == 1)
        #expect(kernel.elements.count == 2048 * 2048)
        #expect(found.values[kernel.elements].allSatisfy { $0.isNaN })
        for isSecond in [false, true] {
            for part in kernel.parts {
                workspace.computeGradient(
                    of: kernel, part, count: 3, into: found, adding: isSecond, KernelContext(library: library))
            }
            let values = found.values, factor: Float = isSecond ? 2 : 1
            #expect(
                kernel.elements.allSatisfy {
                    abs(values[$0] - factor * expected[$0]) <= 1e-5 * max(1, abs(expected[$0]))
                })
        }
        let values = found.values
        #expect(
            graph.layout.entries.filter { $0.offset != kernel.offset }.allSatisfy { entry in
                (entry.offset..<(entry.offset + entry.spec.shape.elementCount)).allSatisfy {
                    values[$0] == expected[$0]
                }
            })
    }

    /// What nobody reads again gives its memory to others: of a normalisation and an activation behind one another, the
    /// value between them.
    @Test func keepsOnlyWhatIsReadAgain() throws {
        func extent(_ layers: [any Layer]) throws -> Int {
            var graph = LayerGraph(), value = graph.addInput([64])
            for (index, layer) in layers.enumerated() { value = try graph.add("\(index)", layer, to: [value]) }
            graph.finish(outputs: [value], logits: value, head: .none)
            return MemoryPlan(graph, batchSize: 8, mode: .training).extent
        }
        let block = 8 * 1024, end = 8 * 64
        let dense = Dense(units: 1024), relu = ElementwiseActivation(Activation(.relu))
        // The values of Dense and of the activation, and two gradients; then input, logits and their gradient.
        #expect(try extent([dense, BatchNormalization(), relu, Dense(units: 64)]) <= 4 * block + 3 * end)
    }

    // MARK: - Help

    private let logitsGradient: [Float] = (0..<9).map { Float(RandomKey(seed: 99).uniform($0) * 2 - 1) }

    private func fill(_ workspace: Workspace, _ graph: LayerGraph, count: Int, first: Int) {
        for input in graph.inputs.indices {
            workspace.input(input, count: count).copy(
                from: (0..<(count * 8)).map { Float(RandomKey(seed: 7)[input].uniform(first * 8 + $0) * 2 - 1) })
        }
    }

    private func logits(
        _ graph: LayerGraph, _ weights: borrowing ParameterVector, count: Int, first: Int = 0, mode: Mode
    ) -> [Float] {
        let workspace = Workspace(graph, batchSize: count, mode: mode)
        fill(workspace, graph, count: count, first: first)
        workspace.forward(weights: weights.tensor, count: count, key: RandomKey(seed: 5))
        return workspace.value(graph.logits, count: count).values
    }

    private func gradient(_ graph: LayerGraph, _ weights: borrowing ParameterVector, count: Int) -> [Float] {
        let workspace = Workspace(graph, batchSize: count, mode: .training)
        let gradient = ParameterVector(zeros: graph.layout)
        // The second pass finds what the first left behind.
        for _ in 0..<2 {
            for entry in graph.layout.entries { gradient[entry].fill(with: .nan) }
            fill(workspace, graph, count: count, first: 0)
            workspace.forward(weights: weights.tensor, count: count, key: RandomKey(seed: 5))
            workspace.gradient(graph.logits, count: count)?.copy(from: logitsGradient)
            workspace.backward(
                weights: weights.tensor, gradient: gradient.tensor, count: count, key: RandomKey(seed: 5))
        }
        return gradient.tensor.values
    }
}
