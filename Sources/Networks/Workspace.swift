public import Kernels
public import Synchronization
public import Tensors

/// The memory one worker needs to run a network on a batch, planned once and used for every batch.
///
/// One thread uses a workspace at a time.
public final class Workspace: @unchecked Sendable {
    let graph: LayerGraph
    let plan: MemoryPlan
    public let kernels: KernelContext
    private let memory: Buffer
    private let layout: ParameterLayout
    /// The offset of each parameter of each layer.
    private let offsets: [[Int]]
    /// Parameters that no learning node uses: their gradient is zero.
    private let idle: [ParameterLayout.Entry]
    /// How many learning nodes use each layer.
    private let uses: [Int]
    /// What was wrong with a value in the last `forward`, whose results are then of no use: of the first such example.
    public fileprivate(set) var fault: ValueFault?
    /// How many steps of `backward` are made, see `BackwardSteps`. Any thread may look; who does sets it to 0 before.
    public let passed = Atomic<Int>(0)

    /// - Parameter defersKernels: Whether `backward` leaves gradients of large kernels to `DeferredKernel`.
    public init(
        _ graph: LayerGraph, batchSize: Int, mode: Mode, defersKernels: Bool = false,
        kernels: KernelContext = KernelContext()
    ) {
        self.graph = graph
        self.kernels = kernels
        plan = MemoryPlan(graph, batchSize: batchSize, mode: mode, defersKernels: defersKernels)
        memory = Buffer(zeros: plan.extent)
        let layout = graph.layout
        self.layout = layout
        var byLayer: [String: [String: Int]] = [:]
        for entry in layout.entries { byLayer[entry.layer, default: [:]][entry.spec.name] = entry.offset }
        offsets = graph.entries.map { entry in (entry.specs ?? []).map { byLayer[entry.name]?[$0.name] ?? 0 } }
        var uses = [Int](repeating: 0, count: graph.entries.count)
        for (index, node) in graph.nodes.enumerated() where plan.isLearning[index] { uses[node.entry] += 1 }
        self.uses = uses
        let busy = Set(graph.entries.indices.filter { uses[$0] > 0 }.map { graph.entries[$0].name })
        idle = layout.entries.filter { !busy.contains($0.layer) }
    }

    public var batchSize: Int { plan.batchSize }

    /// Where the examples of input `index` go.
    public func input(_ index: Int, count: Int) -> Tensor { value(graph.inputs[index], count: count) }

    /// What a value is after `forward`: of outputs, logits and taps.
    public func value(_ value: LayerGraph.Value, count: Int) -> Tensor {
        block(plan.values[value.index], count: count, shape: graph.shapes[value.index])
    }

    /// The gradient of a value; those of logits and taps are written by the objective before `backward`.
    public func gradient(_ value: LayerGraph.Value, count: Int) -> Tensor? {
        plan.gradients[value.index].map { block($0, count: count, shape: graph.shapes[value.index]) }
    }

    private func block(_ index: Int, count: Int, shape: Shape) -> Tensor {
        memory.tensor(at: plan.blocks[index].offset, count: count, shape: shape)
    }

    /// Computes every value of a batch of `count` examples whose inputs are in place.
    ///
    /// - Parameter weights: A run of floats with this graph's parameter layout.
    public func forward(weights: Tensor, count: Int, key: RandomKey = RandomKey(seed: 0)) {
        precondition(count <= plan.batchSize && weights.elementCount == layout.extent)
        fault = nil
        for index in graph.nodes.indices where !plan.isShared[index] {
            let node = graph.nodes[index]
            let pass = ForwardPass(workspace: self, index: index, weights: weights, examples: count, key: key[index])
            graph.entries[node.entry].layer.forward(pass)
            if let action = node.maskAction { makeMask(of: node, action, count: count) }
        }
    }

    /// Computes the gradient of every parameter, given those of logits and taps. Everything in `gradient` is overwritten
    /// but the places of `deferredKernels`, which are not touched.
    public func backward(weights: Tensor, gradient: Tensor, count: Int, key: RandomKey = RandomKey(seed: 0)) {
        precondition(plan.mode == .training && gradient.elementCount == layout.extent)
        for entry in idle { gradient.slice(at: entry.offset, count: entry.spec.shape.elementCount).fill(with: 0) }
        var written = Set<Int>(), writtenLayers = Set<Int>()
        for value in graph.taps + [graph.logits] { written.insert(value.index) }
        for index in graph.nodes.indices.reversed() where plan.isLearning[index] {
            defer { passed.wrappingAdd(1, ordering: .releasing) }
            let node = graph.nodes[index]
            let targets = node.inputs.map { input in
                plan.needsGradient[input.index] ? self.gradient(input, count: count) : nil
            }
            if plan.isShared[index] {
                if !plan.sharesGradient[index], let from = self.gradient(node.output, count: count), let to = targets[0]
                {
                    if written.contains(node.inputs[0].index) {
                        addScaled(from, by: 1, to: to)
                    } else {
                        to.copy(from: from)
                    }
                }
                written.insert(node.inputs[0].index)
                continue
            }
            let isRepeated = writtenLayers.contains(node.entry)
            let first = node.inputs.indices.map { position in
                !written.contains(node.inputs[position].index)
                    && !node.inputs[..<position].contains(node.inputs[position])
            }
            let spare = node.inputs.indices.reduce(0) { first[$1] ? $0 : $0 + (targets[$1]?.elementCount ?? 0) }
            let specs = graph.entries[node.entry].specs ?? []
            let spareWeights = isRepeated ? specs.reduce(0) { $0 + $1.shape.elementCount } : 0
            kernels.withScratch(spare + spareWeights) { scratch in
                var offset = 0
                let inputGradients: [Tensor?] = node.inputs.indices.map { position in
                    guard let target = targets[position], !first[position] else { return targets[position] }
                    defer { offset += target.elementCount }
                    return scratch.slice(at: offset, count: target.elementCount)
                        .viewed(count: count, shape: target.shape)
                }
                let parameterGradients: [Tensor] = specs.indices.map { position in
                    let shape = specs[position].shape
                    let target = gradient.slice(at: offsets[node.entry][position], count: shape.elementCount)
                        .viewed(count: 1, shape: shape)
                    guard isRepeated else { return target }
                    defer { offset += shape.elementCount }
                    return scratch.slice(at: offset, count: shape.elementCount).viewed(count: 1, shape: shape)
                }
                let pass = BackwardPass(
                    forward: ForwardPass(
                        workspace: self, index: index, weights: weights, examples: count, key: key[index]),
                    inputGradients: inputGradients, parameterGradients: parameterGradients,
                    defersKernel: plan.isDeferred[index])
                graph.entries[node.entry].layer.backward(pass)
                // The statistics of a shared layer are the mean over its uses.
                for (position, part) in parameterGradients.enumerated()
                where uses[node.entry] > 1 && specs[position].role != .trainable {
                    scale(part, by: 1 / Float(uses[node.entry]), into: part)
                }
                for position in node.inputs.indices where !first[position] {
                    if let target = targets[position], let part = inputGradients[position] {
                        addScaled(part.viewed(count: target.count, shape: target.shape), by: 1, to: target)
                    }
                }
                if isRepeated {
                    for (position, part) in parameterGradients.enumerated() {
                        addScaled(
                            part, by: 1,
                            to: gradient.slice(at: offsets[node.entry][position], count: part.elementCount))
                    }
                }
            }
            for input in node.inputs { written.insert(input.index) }
            writtenLayers.insert(node.entry)
        }
    }

    private func makeMask(of node: LayerGraph.Node, _ action: LayerGraph.MaskAction, count: Int) {
        guard let output = mask(of: node.output, count: count) else { return }
        let masks = node.inputs.map { mask(of: $0, count: count) }, present = masks.compactMap(\.self)
        switch action {
        case .layer: break
        case .any, .all:
            output.copy(from: present[0])
            for mask in present.dropFirst() { extremum(isMaximum: action == .any, output, mask, into: output) }
        case .joined:
            var offset = 0
            for (input, mask) in zip(node.inputs, masks) {
                let size = graph.shapes[input.index].axes.prefix(node.maskAxes).reduce(1, *)
                for example in 0..<count {
                    let run = output.slice(at: example * output.shape.elementCount + offset, count: size)
                    run.fill(with: 1)
                    if let mask { run.copy(from: mask.slice(at: example * size, count: size)) }
                }
                offset += size
            }
        case .reduced:
            let size = present[0].elementCount / output.elementCount
            for step in 0..<output.elementCount {
                output[step] = present[0].slice(at: step * size, count: size).values.max() ?? 0
            }
        }
    }

    /// Where the parameter at `position` of a node's layer is among all parameters.
    func parameterOffset(_ node: Int, _ position: Int) -> Int { offsets[graph.nodes[node].entry][position] }

    /// The mask of a value, one number for every step of as many leading axes as it is about.
    fileprivate func mask(of value: LayerGraph.Value, count: Int) -> Tensor? {
        mask(graph.masks[value.index], count: count)
    }

    private func mask(_ source: LayerGraph.MaskSource?, count: Int) -> Tensor? {
        guard case .node(let node) = source, let index = plan.masks[node] else { return nil }
        return block(index, count: count, shape: [plan.blocks[index].count / plan.batchSize])
    }

    /// The mask that a node takes for an input, as its layer sees it: of the one axis behind its steps, if there is one.
    fileprivate func mask(takenBy node: LayerGraph.Node, _ position: Int, count: Int) -> Tensor? {
        guard let source = node.masks[position], graph.maskAxes(source) == node.stepAxes + 1,
            let mask = mask(source, count: count)
        else { return nil }
        let length = graph.shapes[node.inputs[position].index][node.stepAxes]
        return mask.viewed(count: mask.elementCount / length, shape: [length])
    }

    fileprivate func parameter(_ node: LayerGraph.Node, _ index: Int, in weights: Tensor) -> Tensor {
        guard let spec = graph.entries[node.entry].specs?[index] else { preconditionFailure("no parameter \(index)") }
        return weights.slice(at: offsets[node.entry][index], count: spec.shape.elementCount)
            .viewed(count: 1, shape: spec.shape)
    }

    fileprivate func saved(_ node: Int, _ index: Int, count: Int) -> Tensor {
        block(plan.saved[node][index], count: count, shape: graph.nodes[node].plan.saved[index])
    }
}

extension Workspace {
    /// The last layer, and what it reads after the last `forward`.
    func lastPass(count: Int) -> (layer: any Layer, pass: ForwardPass)? {
        guard let node = graph.nodes.last else { return nil }
        let index = graph.nodes.count - 1
        return (
            graph.entries[node.entry].layer,
            ForwardPass(
                workspace: self, index: index, weights: Buffer(zeros: 0).tensor, examples: count,
                key: RandomKey(seed: 0))
        )
    }
}

/// What a layer may read and write while it computes its output.
public struct ForwardPass {
    fileprivate let workspace: Workspace
    fileprivate let index: Int
    fileprivate let weights: Tensor
    fileprivate let examples: Int
    /// Randomness for this node in this step.
    public let key: RandomKey
    /// Whether shapes get an axis of 1 in front: how one-dimensional layers become two-dimensional ones.
    fileprivate var addsRow = false

    /// The same pass for a layer that sees (T, C) as (1, T, C).
    var asRows: ForwardPass {
        var pass = self
        pass.addsRow = true
        return pass
    }

    fileprivate var node: LayerGraph.Node { workspace.graph.nodes[index] }

    /// The number of examples, `B`; time-distributed layers see every step as one.
    public var count: Int { examples * node.steps }

    public var isTraining: Bool { workspace.plan.mode == .training }

    public var kernels: KernelContext { workspace.kernels }

    public var inputCount: Int { node.inputs.count }

    fileprivate func perStep(_ tensor: Tensor) -> Tensor {
        if node.stepAxes == 0 && !addsRow { return tensor }
        let axes = Array(tensor.shape.axes.dropFirst(node.stepAxes))
        return tensor.viewed(count: count, shape: Shape(addsRow ? [1] + axes : axes))
    }

    public func input(_ position: Int = 0) -> Tensor {
        perStep(workspace.value(node.inputs[position], count: examples))
    }

    public var output: Tensor { perStep(workspace.value(node.output, count: examples)) }

    /// The parameter at `position` of the layer's plan.
    public func parameter(_ position: Int) -> Tensor { workspace.parameter(node, position, in: weights) }

    /// The block at `position` of the plan's saved shapes, a part for each example.
    public func saved(_ position: Int) -> Tensor { workspace.saved(index, position, count: count) }

    /// Notes that an element of an input is the number of no row of the layer's table.
    ///
    /// What is then written to the output does not matter; whoever runs the network looks at `Workspace.fault`.
    public func refuse(_ element: Int, of input: Tensor, rowCount: Int) {
        let example = element / max(input.elementCount / max(examples, 1), 1)
        workspace.fault.note(
            ValueFault(
                layer: workspace.graph.entries[node.entry].name, example: example, value: input[element],
                rowCount: rowCount))
    }

    /// One number a frame (B, T), or nil where every frame is real.
    public func inputMask(_ position: Int = 0) -> Tensor? {
        workspace.mask(takenBy: node, position, count: examples)
    }

    /// Where the layer's own mask goes, one number a frame; nil if nobody asks for it.
    public var outputMask: Tensor? {
        node.maskAction == .layer ? workspace.mask(of: node.output, count: examples) : nil
    }
}

/// What a layer may read and write while it computes gradients.
public struct BackwardPass {
    fileprivate var forward: ForwardPass
    private let inputGradients: [Tensor?]
    private let parameterGradients: [Tensor]
    /// Whether the gradient of the first parameter is not to be written, see `LayerPlan.mayDeferKernel`.
    public let defersKernel: Bool

    fileprivate init(
        forward: ForwardPass, inputGradients: [Tensor?], parameterGradients: [Tensor], defersKernel: Bool
    ) {
        self.forward = forward
        self.inputGradients = inputGradients
        self.parameterGradients = parameterGradients
        self.defersKernel = defersKernel
    }

    /// The same pass for a layer that sees (T, C) as (1, T, C).
    var asRows: BackwardPass {
        var pass = self
        pass.forward.addsRow = true
        return pass
    }

    public var key: RandomKey { forward.key }
    public var count: Int { forward.count }
    public var kernels: KernelContext { forward.kernels }
    public var inputCount: Int { forward.inputCount }
    public func input(_ position: Int = 0) -> Tensor { forward.input(position) }
    public var output: Tensor { forward.output }
    public func parameter(_ position: Int) -> Tensor { forward.parameter(position) }
    public func saved(_ position: Int) -> Tensor { forward.saved(position) }
    public func inputMask(_ position: Int = 0) -> Tensor? { forward.inputMask(position) }
    public var outputMask: Tensor? { forward.outputMask }

    /// The gradient of the output; the layer may use its memory for what it computes on the way.
    public var outputGradient: Tensor {
        guard let gradient = forward.workspace.gradient(forward.node.output, count: forward.examples) else {
            preconditionFailure("a layer that does not learn was asked for gradients")
        }
        return forward.perStep(gradient)
    }

    /// Where the gradient of an input goes, to be overwritten; nil if nobody needs it.
    public func inputGradient(_ position: Int = 0) -> Tensor? { inputGradients[position].map(forward.perStep) }

    /// The number of the layer's parameters.
    var parameterCount: Int { parameterGradients.count }

    /// Where the gradient of a parameter goes, to be overwritten. A statistic's place takes its batch value.
    public func parameterGradient(_ position: Int) -> Tensor { parameterGradients[position] }
}
