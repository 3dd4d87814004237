import Tensors

/// Mean and biased variance of each channel of what a layer of batch normalization gets, over so many positions.
public struct BatchMoments: Sendable {
    public private(set) var mean: [Double]
    public private(set) var variance: [Double]
    private var count: Double

    /// Of nothing.
    public init(channels: Int) {
        mean = [Double](repeating: 0, count: channels)
        variance = mean
        count = 0
    }

    fileprivate init(mean: Tensor, variance: Tensor, count: Double) {
        self.mean = mean.values.map(Double.init)
        self.variance = variance.values.map(Double.init)
        self.count = count
    }

    /// All of it in words that `init(text:)` reads, for other processes.
    public var text: String {
        ([count] + mean + variance).map { String($0.bitPattern) }.joined(separator: " ")
    }

    public init(text: some StringProtocol) {
        let numbers = text.split(separator: " ").map { Double(bitPattern: UInt64($0) ?? 0) }
        let channels = numbers.count / 2
        precondition(numbers.count == 2 * channels + 1, "moments are a count, means and variances")
        (count, mean, variance) = (numbers[0], Array(numbers[1...channels]), Array(numbers[(channels + 1)...]))
    }

    /// Adds other positions (Chan, Golub and LeVeque, 1979).
    public mutating func merge(_ other: BatchMoments) {
        let all = count + other.count
        guard other.count > 0 else { return }
        for channel in mean.indices {
            let difference = other.mean[channel] - mean[channel], share = other.count / all
            variance[channel] +=
                share * (other.variance[channel] - variance[channel]) + share * (1 - share) * difference * difference
            mean[channel] += share * difference
        }
        count = all
    }
}

extension LayerGraph {
    /// A layer of batch normalization that one node uses.
    public struct BatchNormalizationUse: Hashable, Sendable {
        public let layer: String
        let node: Int
    }

    /// Layers of batch normalization, each behind those that its input depends on. One that is used several times has
    /// statistics of all its uses, and is not among them.
    public var batchNormalizations: [BatchNormalizationUse] {
        nodes.indices.filter { node in
            entries[nodes[node].entry].layer is BatchNormalization
                && nodes.count { $0.entry == nodes[node].entry } == 1
        }.map { BatchNormalizationUse(layer: entries[nodes[$0].entry].name, node: $0) }
    }

    /// Those that a layer's output reaches with no other between.
    public func batchNormalizations(behind layer: String) -> [BatchNormalizationUse] {
        let uses = Dictionary(uniqueKeysWithValues: batchNormalizations.map { ($0.node, $0) })
        var reached: Set<Value> = [], found: [BatchNormalizationUse] = []
        for (index, node) in nodes.enumerated() {
            guard entries[node.entry].name == layer || !reached.isDisjoint(with: node.inputs) else { continue }
            if let use = uses[index], use.layer != layer { found.append(use) } else { reached.insert(node.output) }
        }
        return found
    }

    /// The graph up to a layer, which keeps what that gets; with the same parameters in the same places.
    public func ending(at use: BatchNormalizationUse) -> LayerGraph {
        var graph = untapped
        graph.cut(behind: use.node)
        return graph
    }
}

extension Workspace {
    /// The moments of what the last layer got in the last `forward`.
    public func batchMoments(count: Int) -> BatchMoments? {
        guard let last = lastPass(count: count), let layer = last.layer as? BatchNormalization else { return nil }
        let channels = last.pass.input().shape.channels
        let memory = Buffer(zeros: 2 * channels).tensor
        let mean = memory.slice(at: 0, count: channels), variance = memory.slice(at: channels, count: channels)
        let positions = layer.moments(last.pass, mean: mean, variance: variance)
        return BatchMoments(mean: mean, variance: variance, count: positions)
    }
}
