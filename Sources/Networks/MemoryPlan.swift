public import Tensors

/// Whether a network runs to predict or to learn.
public enum Mode: Sendable { case inference, training }

/// Where every value of a batch lives while a network runs. A pure function of graph, batch size and mode.
///
/// Time runs over the nodes forward (0 ..< n) and, in training, back again (n ..< 2n). Every block has a first and a
/// last moment, and blocks whose moments do not meet may share memory: the largest blocks are placed first, each at
/// the lowest place where nothing alive is in the way.
public struct MemoryPlan: Sendable {
    struct Block: Sendable {
        var count: Int
        var first: Int, last: Int
        var offset = 0
    }

    public let batchSize: Int
    public let mode: Mode
    /// All floats together.
    public let extent: Int
    let blocks: [Block]
    /// Block numbers: of each value, of its gradient, of its mask, and of each node's saved numbers.
    let values: [Int]
    let gradients: [Int?]
    let masks: [Int?]
    let saved: [[Int]]
    /// Nodes whose output is the same memory as their input, and nodes whose output gradient is too.
    let isShared: [Bool]
    let sharesGradient: [Bool]
    /// Nodes between a trainable parameter and the logits: those with something to do on the way back.
    let isLearning: [Bool]
    /// Values whose gradient somebody needs.
    let needsGradient: [Bool]

    public init(_ graph: LayerGraph, batchSize: Int, mode: Mode) {
        self.batchSize = batchSize
        self.mode = mode
        let nodes = graph.nodes, end = mode == .training ? 2 * nodes.count : nodes.count
        func backwardTime(_ node: Int) -> Int { 2 * nodes.count - 1 - node }

        // Who learns.
        var trains = [Bool](repeating: false, count: graph.shapes.count)
        for node in nodes {
            trains[node.output.index] =
                node.inputs.contains { trains[$0.index] } || node.plan.parameters.contains { $0.role == .trainable }
        }
        var reaches = [Bool](repeating: false, count: graph.shapes.count)
        reaches[graph.logits.index] = true
        for node in nodes.reversed() where reaches[node.output.index] {
            for input in node.inputs { reaches[input.index] = true }
        }
        let isTraining = mode == .training
        needsGradient = zip(trains, reaches).map { isTraining && $0 && $1 }
        let needs = needsGradient
        isLearning = nodes.map { needs[$0.output.index] }

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
            extend(values[node.output.index], to: last)
            if isAlive { for input in node.inputs { extend(values[input.index], to: last) } }
            saved.append(node.plan.saved.map { place(batchSize * node.steps * $0.elementCount, index, last) })
        }
        for output in graph.outputs + [graph.logits] { extend(values[output.index], to: end) }

        // A mask is small: it stays.
        masks = nodes.enumerated().map { index, node in
            graph.masks[node.output.index] == .node(index)
                ? place(batchSize * (graph.shapes[node.output.index].axes.first ?? 1), 0, end) : nil
        }

        var gradients = [Int?](repeating: nil, count: graph.shapes.count)
        if isTraining {
            for (index, node) in nodes.enumerated().reversed() where isLearning[index] {
                let output = node.output.index
                if gradients[output] == nil {
                    gradients[output] = place(batchSize * graph.shapes[output].elementCount, nodes.count, nodes.count)
                }
                if let block = gradients[output] { extend(block, to: backwardTime(index)) }
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
        (self.blocks, extent) = Self.arrange(blocks)
    }

    /// Gives every block an offset, multiples of 16 floats, such that no two blocks alive together overlap.
    static func arrange(_ blocks: [Block]) -> ([Block], extent: Int) {
        var blocks = blocks
        var placed: [Int] = []
        var extent = 0
        for index in blocks.indices.sorted(by: { (blocks[$1].count, $0) < (blocks[$0].count, $1) }) {
            let block = blocks[index]
            let rivals = placed.filter { blocks[$0].first <= block.last && block.first <= blocks[$0].last }
                .sorted { blocks[$0].offset < blocks[$1].offset }
            var offset = 0
            for rival in rivals {
                if offset + block.count <= blocks[rival].offset { break }
                offset = max(offset, (blocks[rival].offset + blocks[rival].count + 15) / 16 * 16)
            }
            blocks[index].offset = offset
            placed.append(index)
            extent = max(extent, offset + block.count)
        }
        return (blocks, extent)
    }

    public var byteCount: ByteCount { ByteCount(extent * MemoryLayout<Float>.stride) }
}
