public import Kernels
public import Networks
public import Tensors
import Testing

/// Adds a parameter to every example, so that the gradient at a layer's input can be seen as a parameter's.
public struct Offset: Layer {
    public init() {}

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        LayerPlan(output: inputs[0], parameters: [ParameterSpec("offset", inputs[0], .zeros)], mask: .first)
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), size = x.shape.elementCount
        for element in 0..<x.elementCount { pass.output[element] = x[element] + pass.parameter(0)[element % size] }
    }

    public func backward(_ pass: BackwardPass) {
        let dy = pass.outputGradient, size = dy.shape.elementCount
        pass.parameterGradient(0).fill(with: 0)
        for element in 0..<dy.elementCount { pass.parameterGradient(0)[element % size] += dy[element] }
        pass.inputGradient()?.copy(from: dy)
    }
}

/// A network around one layer: inputs, an offset each, the layer, and a made-up objective Σ y·r.
public final class LayerProbe {
    public let graph: LayerGraph
    public let weights: ParameterVector
    let libraries: [KernelLibrary]
    let maskedInputs: Int
    /// The inputs of the layer.
    private let heads: [LayerGraph.Value]
    private let reads: BackwardReads

    /// The inputs are whole numbers below it, as they are; nil for any numbers, to which an offset is added.
    private let words: Int?

    /// - Parameters:
    ///   - masked: How many of the inputs have a Masking layer in front.
    ///   - words: The inputs are to be whole numbers below it; nil for any numbers.
    public init(
        _ layer: any Layer, inputs: [Shape], masked: Int = 0, words: Int? = nil, seed: Int = 1, weightScale: Float = 1
    ) throws {
        self.words = words
        var graph = LayerGraph()
        let values = inputs.map { graph.addInput($0) }
        var heads: [LayerGraph.Value] = []
        for (index, value) in values.enumerated() {
            let source = index < masked ? try graph.add("mask\(index)", Masking(maskValue: -9), to: [value]) : value
            heads.append(words == nil ? try graph.add("offset\(index)", Offset(), to: [source]) : source)
        }
        let output = try graph.add("layer", layer, to: heads)
        graph.finish(outputs: [output], logits: output, head: .none)
        self.graph = graph
        self.heads = heads
        reads = try layer.plan(for: inputs).backwardReads
        maskedInputs = masked
        weights = ParameterVector(initializing: graph.layout, key: RandomKey(seed: seed))
        // No parameter at a special value: biases and scales move away from 0 and 1.
        for (index, entry) in graph.layout.entries.enumerated() where entry.layer == "layer" {
            let tensor = weights[entry], key = RandomKey(seed: seed)[100 + index]
            for element in 0..<tensor.elementCount {
                let value = tensor[element] + Float(key.uniform(element) - 0.5) * 0.6 * weightScale
                tensor[element] = entry.spec.name.contains("variance") ? abs(value) + 0.3 : value
            }
        }
        libraries = KernelLibrary.available
    }

    public func workspace(count: Int, mode: Mode, library: KernelLibrary? = nil) -> Workspace {
        Workspace(
            graph, batchSize: count, mode: mode, kernels: KernelContext(library: library ?? KernelLibrary.available[0]))
    }

    /// Random inputs without ties; frames from `padding` on are −9, what the probe's Masking hides.
    public func fillInputs(of workspace: Workspace, count: Int, seed: Int = 5, padding: [Int] = []) {
        for (index, value) in graph.inputs.enumerated() {
            let tensor = workspace.input(index, count: count), key = RandomKey(seed: seed)[index]
            for element in 0..<tensor.elementCount {
                let number = key.uniform(element)
                tensor[element] = words.map { Float(Int(number * Double($0))) } ?? Float(number * 2.4 - 1.2)
            }
            for (example, first) in padding.enumerated() where example < count && index < maskedInputs {
                let frames = graph.shape(of: value)[0], width = graph.shape(of: value).channels
                for frame in first..<frames {
                    tensor.slice(at: (example * frames + frame) * width, count: width).fill(with: -9)
                }
            }
        }
    }

    /// Σ y·r in double precision. Inputs are filled anew, since their memory may have been used for other values.
    public func objective(_ workspace: Workspace, count: Int, padding: [Int]) -> Double {
        fillInputs(of: workspace, count: count, padding: padding)
        workspace.forward(weights: weights.tensor, count: count, key: RandomKey(seed: 11))
        let y = workspace.value(graph.logits, count: count)
        return (0..<y.elementCount).reduce(0) { $0 + Double(y[$1]) * Self.weight($1) }
    }

    static func weight(_ element: Int) -> Double { RandomKey(seed: 77).uniform(element) * 2 - 1 }

    public func gradient(_ workspace: Workspace, count: Int, padding: [Int]) -> [Float] {
        _ = objective(workspace, count: count, padding: padding)
        let gradient = ParameterVector(zeros: graph.layout)
        gradient.tensor.fill(with: .nan)
        // What the layer does not read again is not there any more.
        if !reads.contains(.inputs) { for head in heads { workspace.value(head, count: count).fill(with: .nan) } }
        if !reads.contains(.output) { workspace.value(graph.logits, count: count).fill(with: .nan) }
        guard let dy = workspace.gradient(graph.logits, count: count) else { return [] }
        for element in 0..<dy.elementCount { dy[element] = Float(Self.weight(element)) }
        workspace.backward(weights: weights.tensor, gradient: gradient.tensor, count: count, key: RandomKey(seed: 11))
        return gradient.tensor.values
    }
}

/// Checks what every layer owes: gradients that match finite differences on every kernel library, everything written,
/// nothing read that was not or that the plan does not say, and a batch that is the sum of its examples.
///
/// - Parameters:
///   - padding: The first padding frame of each example; the layer is then given a mask.
///   - maskedInputs: How many inputs have padding, if not all.
///   - words: The inputs are whole numbers below it, where the layer takes no others.
///   - isExact: False for layers whose output depends on the batch (batch normalisation in training).
public func expectLayerContract(
    _ layer: any Layer, inputs: [Shape], padding: [Int]? = nil, maskedInputs: Int? = nil, words: Int? = nil,
    tolerance: Double = 2e-2, step: Float = 4e-3, isPerExample: Bool = true,
    sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let masked = padding == nil ? 0 : maskedInputs ?? inputs.count
    let probe = try LayerProbe(layer, inputs: inputs, masked: masked, words: words)
    for count in [1, 3] {
        var reference: [Float] = []
        for library in KernelLibrary.available {
            let workspace = probe.workspace(count: count, mode: .training, library: library)
            let gradient = probe.gradient(workspace, count: count, padding: padding ?? [])
            for entry in probe.graph.layout.entries where entry.spec.role == .trainable {
                let values = probe.weights[entry]
                for element in stride(from: 0, to: values.elementCount, by: max(1, values.elementCount / 40)) {
                    let old = values[element]
                    values[element] = old + step
                    let above = probe.objective(workspace, count: count, padding: padding ?? [])
                    values[element] = old - step
                    let below = probe.objective(workspace, count: count, padding: padding ?? [])
                    values[element] = old
                    let expected = (above - below) / Double(2 * step)
                    let found = Double(gradient[entry.offset + element])
                    #expect(
                        abs(found - expected) <= tolerance * max(1, abs(expected)),
                        "\(library), \(count) examples: gradient of \(entry.layer)/\(entry.spec.name)[\(element)] is \(found), finite differences say \(expected)",
                        sourceLocation: sourceLocation)
                }
                let everything = gradient[entry.offset..<(entry.offset + values.elementCount)]
                #expect(
                    everything.allSatisfy { $0.isFinite }, "\(entry.spec.name) was not fully written",
                    sourceLocation: sourceLocation)
            }
            if reference.isEmpty { reference = gradient }
            for (entry, index) in probe.graph.layout.entries.flatMap({ entry in
                (0..<entry.spec.shape.elementCount).map { (entry, entry.offset + $0) }
            }) {
                #expect(
                    abs(gradient[index] - reference[index]) <= 1e-4 * max(1, abs(reference[index])),
                    "\(library) and \(KernelLibrary.available[0]) differ at \(entry.spec.name)",
                    sourceLocation: sourceLocation)
            }
        }
    }
    // Inference: a batch of two is two batches of one.
    let pair = probe.workspace(count: 2, mode: .inference), single = probe.workspace(count: 1, mode: .inference)
    probe.fillInputs(of: pair, count: 2, padding: padding ?? [])
    let inputs = probe.graph.inputs.indices.map { pair.input($0, count: 2).values }
    pair.forward(weights: probe.weights.tensor, count: 2)
    let together = pair.value(probe.graph.logits, count: 2).values
    for example in 0..<2 {
        for (index, values) in inputs.enumerated() {
            let size = values.count / 2
            single.input(index, count: 1).copy(from: values[(example * size)..<((example + 1) * size)])
        }
        single.forward(weights: probe.weights.tensor, count: 1)
        let alone = single.value(probe.graph.logits, count: 1).values
        for (index, value) in alone.enumerated() {
            let other = together[example * alone.count + index]
            #expect(
                abs(value - other) <= 1e-5 * max(1, abs(value)), "example \(example), output \(index)",
                sourceLocation: sourceLocation)
        }
    }
}
