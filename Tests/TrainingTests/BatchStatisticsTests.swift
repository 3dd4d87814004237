import Datasets
import Networks
import Tensors
import TestSupport
import Testing
import Training

@Suite struct BatchStatisticsTests {
    private let text = """
        input: [6, 5, 2]
        layers:
          - Conv2D: {filters: 4, kernel_size: 3, use_bias: false, name: first}
          - BatchNormalization: {name: near}
          - ReLU
          - Conv2D: {filters: 3, kernel_size: 2, use_bias: false, name: second}
          - BatchNormalization: {name: far}
          - Flatten
          - Dense: {units: classes, activation: softmax}
        """

    /// Lends weights whose first kernel is multiplied by a number and whose statistics followed.
    private func followed(
        _ factor: Float, changing layer: String? = nil, threads: Int = 2,
        _ body: (ParameterLayout, _ before: Tensor, _ after: Tensor) -> Void
    ) throws {
        try withData { data, _ in
            let graph = try build(text, classes: 3).graph
            let weights = ParameterVector(initializing: graph.layout, key: RandomKey(seed: 3))
            let altered = ParameterVector(zeros: graph.layout)
            altered.tensor.copy(from: weights.tensor)
            let kernel = try altered[#require(graph.layout.entry("first", "kernel"))]
            for index in 0..<kernel.elementCount { kernel[index] *= factor }
            let workers = Workers(threads)
            defer { workers.close() }
            try BatchStatistics(graph, weights: weights.tensor, on: data.train, workers: workers)
                .follow(altered.tensor, changing: layer)
            body(graph.layout, weights.tensor, altered.tensor)
        }
    }

    private func values(_ layout: ParameterLayout, _ layer: String, _ name: String, _ weights: Tensor) -> [Float] {
        layout.entry(layer, name).map { weights.slice(at: $0.offset, count: $0.spec.shape.elementCount).values } ?? []
    }

    @Test func followKernelsThatShrink() throws {
        // Of half the kernel the mean is half, and the variance a quarter.
        var shifts: [[Float]] = []
        for factor in [Float(0.5), 0.25] {
            try followed(factor) { layout, before, after in
                let variances = zip(
                    values(layout, "near", "moving_variance", before), values(layout, "near", "moving_variance", after))
                #expect(variances.allSatisfy { abs($1 / $0 - factor * factor) < 1e-5 })
                shifts.append(
                    zip(values(layout, "near", "moving_mean", before), values(layout, "near", "moving_mean", after))
                        .map { $1 - $0 })
                // What the layer says is then nearly what it was (epsilon is not scaled), and so are statistics behind it.
                let far = zip(
                    values(layout, "far", "moving_variance", before), values(layout, "far", "moving_variance", after))
                #expect(far.allSatisfy { abs($1 / $0 - 1) < 0.02 })
            }
        }
        #expect(zip(shifts[0], shifts[1]).allSatisfy { abs($1 - 1.5 * $0) < 1e-5 && abs($0) > 1e-4 })
    }

    @Test func followOneLayerAlone() throws {
        try followed(0.5, changing: "first") { layout, before, after in
            #expect(values(layout, "far", "moving_mean", before) == values(layout, "far", "moving_mean", after))
            #expect(values(layout, "near", "moving_mean", before) != values(layout, "near", "moving_mean", after))
        }
        try followed(0.5, changing: "second") { layout, before, after in
            #expect(values(layout, "near", "moving_mean", before) == values(layout, "near", "moving_mean", after))
        }
    }

    @Test func leaveWhatDidNotChange() throws {
        try followed(1) { _, before, after in #expect(bits(before) == bits(after)) }
    }

    @Test func haveTheSameBitsOnAnyNumberOfThreads() throws {
        var found: [[UInt32]] = []
        for threads in 1...3 { try followed(0.3, threads: threads) { _, _, after in found.append(bits(after)) } }
        #expect(Set(found).count == 1)
    }
}
