public import Tensors

/// Whether a network runs to predict or to learn.
public enum Mode: Sendable { case inference, training }

/// Where every value of a batch lives while a network runs. A pure function of graph, batch size and mode.
///
/// Time runs over the nodes forward (0 ..< n) and, in training, back again (n ..< 2n). Every block has a first and a
/// last moment, and blocks whose moments do not meet may share memory.
public struct MemoryPlan: Sendable {
    package struct Block: Sendable {
        package var count: Int
        /// The moments between which it is alive, both included.
        package var first: Int, last: Int
        package var offset = 0

        package init(count: Int, first: Int, last: Int) { (self.count, self.first, self.last) = (count, first, last) }
    }

    public let batchSize: Int
    public let mode: Mode
    /// All floats together.
    public let extent: Int
    package let blocks: [Block]
    /// Block numbers: of each value, of its gradient, of its mask, and of each node's saved numbers.
    let values: [Int]
    let gradients: [Int?]
    let masks: [Int?]
    let saved: [[Int]]
    /// Nodes whose output is the same memory as their input, and nodes whose output gradient is too.
    let isShared: [Bool]
    let sharesGradient: [Bool]
    /// Nodes between a parameter and the logits or a tap: those with something to do on the way back.
    let isLearning: [Bool]
    /// Values whose gradient somebody needs.
    let needsGradient: [Bool]
    /// Nodes whose kernel's gradient is computed after the way back: what it is made of stays until then.
    let isDeferred: [Bool]
    /// The most floats that gradients take for a while before they are added to others.
    let spareCount: Int

    /// Kernels of so many numbers, 16 MiB, may have their gradient computed later.
    static let deferredCount = 1 << 22

    /// - Parameter defersKernels: Whether gradients of large kernels are computed after the way back, if that takes less
    ///   memory: they then need no place for each worker.
    public init(_ graph: LayerGraph, batchSize: Int, mode: Mode, defersKernels: Bool = false) {
        self.batchSize = batchSize
        self.mode = mode
        let nodes = graph.nodes, end = mode == .training ? 2 * nodes.count : nodes.count
        func backwardTime(_ node: Int) -> Int { 2 * nodes.count - 1 - node }

        // Who learns. Statistics count as well: a layer that has nothing else still measures them on the way back.
        var trains = [Bool](repeating: false, count: graph.shapes.count)
        for node in nodes {
            trains[node.output.index] =
                node.inputs.contains { trains[$0.index] } || !node.plan.parameters.isEmpty
        }
        var reaches = [Bool](repeating: false, count: graph.shapes.count)
        for value in graph.taps + [graph.logits] { reaches[value.index] = true }
        for node in nodes.reversed() where reaches[node.output.index] {
            for input in node.inputs { reaches[input.index] = true }
        }
        let isTraining = mode == .training
        needsGradient = zip(trains, reaches).map { isTraining && $0 && $1 }
        let needs = needsGradient
        let isLearning = nodes.map { needs[$0.output.index] }
        self.isLearning = isLearning
        var uses = [Int](repeating: 0, count: graph.entries.count)
        for (index, node) in nodes.enumerated() where isLearning[index] { uses[node.entry] += 1 }
        let isDeferred = nodes.enumerated().map { index, node in
            guard defersKernels, isLearning[index], node.plan.mayDeferKernel, uses[node.entry] == 1,
                let kernel = node.plan.parameters.first?.shape.elementCount
            else { return false }
            let parts = [node.inputs[0], node.output].reduce(0) { $0 + graph.shapes[$1.index].elementCount }
            return kernel >= Self.deferredCount && 2 * batchSize * parts <= kernel
        }
        self.isDeferred = isDeferred

        var readers = [[Int]](repeating: [], count: graph.shapes.count)
        for (index, node) in nodes.enumerated() {
            for input in node.inputs { readers[input.index].append(index) }
        }
        isShared = nodes.map { $0.plan.sharing == .always || ($0.plan.sharing == .atInference && mode == .inference) }
        sharesGradient = zip(nodes, isShared).map { node, isShared in
            isShared && readers[node.inputs[0].index].count == 1 && node.inputs[0] != graph.logits
        }

        var blocks: [Block] = []
        func place(_ count: Int, _ first: Int, _ last: Int) -> Int {
            blocks.append(Block(count: count, first: first, last: last))
            return blocks.count - 1
        }
        func extend(_ block: Int, to moment: Int) {
            blocks[block].first = min(blocks[block].first, moment)
            blocks[block].last = max(blocks[block].last, moment)
        }

        var values = graph.inputs.map { place(batchSize * graph.shape(of: $0).elementCount, 0, 0) }
        var saved: [[Int]] = []
        for (index, node) in nodes.enumerated() {
            for input in node.inputs { extend(values[input.index], to: index) }
            let isAlive = isTraining && isLearning[index]
            if isShared[index] {
                values.append(values[node.inputs[0].index])
            } else {
                values.append(place(batchSize * graph.shapes[node.output.index].elementCount, index, index))
            }
            let last = isAlive ? backwardTime(index) : index
            if isAlive, !isShared[index] {
                let reads = node.plan.backwardReads
                if reads.contains(.output) { extend(values[node.output.index], to: last) }
                for input in node.inputs where reads.contains(.inputs) { extend(values[input.index], to: last) }
                if isDeferred[index] { extend(values[node.inputs[0].index], to: end) }
            }
            extend(values[node.output.index], to: index)
            saved.append(node.plan.saved.map { place(batchSize * node.steps * $0.elementCount, index, last) })
        }
        for output in graph.outputs + graph.taps + [graph.logits] { extend(values[output.index], to: end) }

        // A mask is small: it stays.
        masks = nodes.enumerated().map { index, node in
            graph.masks[node.output.index] == .node(index)
                ? place(
                    batchSize * graph.shapes[node.output.index].axes.prefix(node.maskAxes).reduce(1, *), 0, end) : nil
        }

        var gradients = [Int?](repeating: nil, count: graph.shapes.count)
        if isTraining {
            for (index, node) in nodes.enumerated().reversed() where isLearning[index] {
                let output = node.output.index
                if gradients[output] == nil {
                    gradients[output] = place(batchSize * graph.shapes[output].elementCount, nodes.count, nodes.count)
                }
                if let block = gradients[output] { extend(block, to: isDeferred[index] ? end : backwardTime(index)) }
                for input in node.inputs where needs[input.index] {
                    if sharesGradient[index] {
                        gradients[input.index] = gradients[output]
                    } else if gradients[input.index] == nil {
                        gradients[input.index] = place(
                            batchSize * graph.shapes[input.index].elementCount, backwardTime(index),
                            backwardTime(index))
                    }
                }
            }
        }
        self.gradients = gradients
        self.values = values
        self.saved = saved
        deferredElementCount = nodes.indices.reduce(0) {
            isDeferred[$1] ? $0 + nodes[$1].plan.parameters[0].shape.elementCount : $0
        }
        spareCount = Self.spareCount(graph, batchSize: batchSize, isLearning, needs)
        (self.blocks, extent) = Self.arrange(blocks)
    }

    /// Gives every block an offset, multiples of 16 floats, such that no two blocks alive together overlap.
    ///
    /// Of two arrangements the smaller one. The largest first, each as low as it can be, is good for most networks. In
    /// the order of their first moments, by turns as low and as high as they can be, is exact for a chain, where two
    /// neighbours are alive at a time.
    package static func arrange(_ blocks: [Block]) -> ([Block], extent: Int) {
        let bySize = place(blocks, blocks.indices.sorted { (blocks[$1].count, $0) < (blocks[$0].count, $1) })
        let peak =
            blocks.map(\.first).map { moment in
                blocks.reduce(0) { $1.first <= moment && moment <= $1.last ? $0 + roundedUp($1.count) : $0 }
            }.max() ?? 0
        guard bySize.extent > peak else { return bySize }
        let byTime = place(
            blocks, blocks.indices.sorted { (blocks[$0].first, $0) < (blocks[$1].first, $1) }, alternatingBelow: peak)
        return byTime.extent < bySize.extent ? byTime : bySize
    }

    /// Places blocks one after another, each as low as it can be; every second one just below `peak`, if it fits there.
    private static func place(
        _ blocks: [Block], _ order: [Int], alternatingBelow peak: Int? = nil
    ) -> ([Block], extent: Int) {
        var blocks = blocks
        var placed: [Int] = []
        var extent = 0
        for (turn, index) in order.enumerated() {
            let block = blocks[index]
            let rivals = placed.filter { blocks[$0].first <= block.last && block.first <= blocks[$0].last }
                .sorted { blocks[$0].offset < blocks[$1].offset }
            var lowest: Int?, highest: Int?, free = 0
            for (start, end) in rivals.map({ (blocks[$0].offset, blocks[$0].offset + blocks[$0].count) })
                + (peak.map { [($0, $0)] } ?? [])
            {
                if free + block.count <= start {
                    lowest = lowest ?? free
                    highest = (start - block.count) / 16 * 16
                }
                free = max(free, roundedUp(end))
            }
            let top = turn % 2 == 1 && peak != nil ? highest : nil
            blocks[index].offset = top ?? lowest ?? free
            placed.append(index)
            extent = max(extent, blocks[index].offset + block.count)
        }
        return (blocks, extent)
    }

    /// The most that the parts of a sum of gradients take which have no place of their own: values that several nodes
    /// read, and parameters that several nodes use.
    private static func spareCount(
        _ graph: LayerGraph, batchSize: Int, _ isLearning: [Bool], _ needsGradient: [Bool]
    ) -> Int {
        var written = Set((graph.taps + [graph.logits]).map(\.index)), entries = Set<Int>(), most = 0
        for (index, node) in graph.nodes.enumerated().reversed() where isLearning[index] {
            var count = entries.contains(node.entry) ? node.plan.parameters.reduce(0) { $0 + $1.shape.elementCount } : 0
            for input in node.inputs {
                let isFirst = written.insert(input.index).inserted
                if needsGradient[input.index], !isFirst {
                    count += batchSize * graph.shapes[input.index].elementCount
                }
            }
            entries.insert(node.entry)
            most = max(most, count)
        }
        return most
    }

    private static func roundedUp(_ count: Int) -> Int { (count + 15) / 16 * 16 }

    /// The numbers of the kernels whose gradient is computed later.
    public let deferredElementCount: Int

    /// What a workspace takes.
    public var byteCount: ByteCount { ByteCount((extent + spareCount) * MemoryLayout<Float>.stride) }
}
