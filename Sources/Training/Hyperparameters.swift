/// The type of numbers in which sums of gradients are exchanged.
public enum GradientExchange: String, Hashable, Sendable, CaseIterable {
    case float32
    /// The upper half of a float32. Sums are rounded on one process, too: the weights are those of any number of processes.
    case bfloat16
}

/// How a network is trained: everything that its final weights depend on besides data, objective and first weights.
public struct Hyperparameters: Hashable, Sendable {
    public var epochs: Int
    public var batchSize: Int
    /// Examples that one worker computes at a time. A batch is cut into shards of this size on every machine, so that the
    /// number of threads changes nothing; batch normalisation sees one shard.
    public var shardSize = 64
    /// How many sums of shards a batch's gradient is added from, a power of two: each is a chain, and they are added as a binary
    /// tree. More processes than lanes do not help, but for one lane.
    public var lanes = 1
    /// What the sums of lanes and of branches of their tree are rounded to, and sent as to other processes.
    public var exchange = GradientExchange.float32
    public var optimizer = Optimizer(.adam)
    public var learningRate = 1e-3
    public var learningRateSchedule = LearningRateSchedule(.cosine)
    /// The largest norm of the whole gradient; longer ones are shortened to it.
    public var globalClipnorm: Double?
    /// The decay of an exponential moving average of the weights, which is then what training returns.
    public var emaMomentum: Double?
    public var seed = 0
    /// Training ends when the score on validation examples has not risen for so many epochs; nil goes on to the end.
    public var patience: Int?
    /// Whether training returns the weights of the epoch with the best score on validation examples, not the last ones.
    public var keepsBest = false
    /// Whether `keepsBest` returns the last epoch's weights all the same, unless the best ones are better than these on the same
    /// validation examples beyond the noise (`MetricDifference`): with few examples the best of many epochs is a matter of luck.
    public var prefersLast = false

    public init(epochs: Int, batchSize: Int = 128) {
        self.epochs = epochs
        self.batchSize = batchSize
    }
}
