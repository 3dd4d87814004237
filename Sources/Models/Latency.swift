public import Networks
public import Tensors

/// How long a network takes to predict: single examples, and batches.
///
/// The examples are ones everywhere, which a network takes as long for as for any others, and of which each is a word.
public struct Latency: Hashable, Sendable {
    /// Times of predictions of so many examples at once.
    public struct Times: Hashable, Sendable {
        public let examples: Int
        /// How many predictions were measured.
        public let runs: Int
        /// Seconds of a prediction: half of them are no longer, and 99 of 100.
        public let median: Double
        public let p99: Double

        /// - Parameter seconds: Of each prediction, in any order; one at least.
        init(_ seconds: [Double], examples: Int) {
            let sorted = seconds.sorted(), count = sorted.count
            (self.examples, runs) = (examples, count)
            median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
            // The nearest rank.
            p99 = sorted[(99 * count + 99) / 100 - 1]
        }

        public var examplesPerSecond: Double { median > 0 ? Double(examples) / median : 0 }
    }

    public let threads: Int
    public let single: Times
    public let batch: Times

    /// Examples of a batch.
    public static let batchSize = 128
    /// As many predictions as fit a second, after a few that warm up; of slow networks at least some.
    private static let limits = (seconds: 1.0, fewest: 10, most: 1000, warmUp: 3)

    /// Measures a network.
    ///
    /// - Parameter weights: A run of floats with the graph's layout.
    /// - Throws: `ValueFault` where it cannot compute with ones.
    public init(_ graph: LayerGraph, weights: Tensor, workers: Workers) throws {
        threads = workers.count
        single = try Self.measure(
            Predictor(graph, weights: weights, workers: workers, shardSize: 1), examples: 1)
        batch = try Self.measure(Predictor(graph, weights: weights, workers: workers), examples: Self.batchSize)
    }

    /// About the most memory that it takes beside the weights.
    public static func memory(_ graph: LayerGraph, threads: Int) -> Int {
        Predictor.memory(graph, threads: threads).bytes
            + MemoryPlan(graph, batchSize: 1, mode: .inference).byteCount.bytes * threads
    }

    private static func measure(_ predictor: Predictor, examples: Int) throws(ValueFault) -> Times {
        let clock = ContinuousClock(), began = clock.now
        var seconds: [Double] = []
        func passed(_ from: ContinuousClock.Instant) -> Double {
            let time = (clock.now - from).components
            return Double(time.seconds) + Double(time.attoseconds) / 1e18
        }
        var run = 0
        while run < limits.warmUp + limits.fewest
            || (run < limits.warmUp + limits.most && passed(began) < limits.seconds)
        {
            let start = clock.now
            try predictor.run(examples) { _, inputs in
                for input in inputs { input.withMutableSpan { $0.update(repeating: 1) } }
            } take: { _, _ in
            }
            if run >= limits.warmUp { seconds.append(passed(start)) }
            run += 1
        }
        return Times(seconds, examples: examples)
    }
}

extension Latency {
    /// Measures a model.
    ///
    /// - Throws: What reading its weights throws.
    public init(_ model: ModelTeacher, _ workers: Workers) throws {
        let network = try model.network()
        try self.init(network.graph, weights: network.weights.tensor, workers: workers)
    }
}
