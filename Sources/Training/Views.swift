public import Datasets
public import Tensors

/// How examples are changed while a network learns from them: each view of an example is another version of it.
public struct Views: Hashable, Sendable {
    public let augmentation: Augmentation
    /// How many views of each example there are, one after another in the epochs; nil for a new one in every epoch.
    public let count: Int?
    public let seed: Int

    public init(_ augmentation: Augmentation, count: Int? = nil, seed: Int) {
        (self.augmentation, self.count, self.seed) = (augmentation, count, seed)
    }

    /// The view that an epoch sees.
    public func view(ofEpoch epoch: Int) -> Int { count.map { epoch % $0 } ?? epoch }

    /// What makes views of the examples that were read from a batch, in place: what becomes of one is a function of seed,
    /// view and row.
    public func change(_ view: Int) -> ExampleChange {
        { batch, examples, inputs in
            let key = RandomKey(seed: seed)[batch.split.isUnlabeled ? -3 : -2][view]
            var lengths = self.lengths(batch, examples)
            augmentation.apply(
                to: inputs, into: inputs, lengths: &lengths, keys: examples.map { key[batch.row($0)] },
                zero: batch.split.zero)
        }
    }

    /// Mixes the examples of a step with each other.
    func mix(_ batch: ExampleBatch, _ inputs: Tensor, labels: Tensor, epoch: Int, step: Int) {
        guard augmentation.mixes else { return }
        var lengths = self.lengths(batch, 0..<batch.count)
        augmentation.mix(
            inputs, labels: labels, lengths: &lengths, key: RandomKey(seed: seed)[-4][epoch][step],
            zero: batch.split.zero)
    }

    private func lengths(_ batch: ExampleBatch, _ examples: Range<Int>) -> [Int]? {
        guard batch.split.hasFrameCounts else { return nil }
        var counts = [Int32](repeating: 0, count: examples.count)
        var span = counts.mutableSpan
        batch.readFrameCounts(examples, into: &span)
        return counts.map { Int($0) }
    }
}

/// Changes inputs that were read from some examples of a batch.
public typealias ExampleChange = @Sendable (_ batch: ExampleBatch, _ examples: Range<Int>, _ inputs: Tensor) -> Void
