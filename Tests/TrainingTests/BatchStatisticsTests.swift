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
            // Statistics that are not quite what the examples have, as after training.
            for (layer, mean, variance) in [("near", Float(0.3), Float(2)), ("far", -0.2, 0.7)] {
                let (means, variances) = try (
                    weights[#require(graph.layout.entry(layer, "moving_mean"))],
                    weights[#require(graph.layout.entry(layer, "moving_variance"))]
                )
                for channel in 0..<means.elementCount { (means[channel], variances[channel]) = (mean, variance) }
            }
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

    /// A kernel times f makes means f times and variances f² times what they were, and what follows stays (but for epsilon).
    @Test(arguments: [Float(0.5), 0.25, 3]) func followKernelsThatShrinkOrGrow(factor: Float) throws {
        try followed(factor) { layout, before, after in
            func pairs(_ layer: String, _ name: String) -> Zip2Sequence<[Float], [Float]> {
                zip(values(layout, layer, name, before), values(layout, layer, name, after))
            }
            #expect(pairs("near", "moving_mean").allSatisfy { abs($1 - factor * $0) < 1e-5 })
            #expect(pairs("near", "moving_variance").allSatisfy { abs($1 / $0 - factor * factor) < 1e-4 })
            #expect(pairs("far", "moving_mean").allSatisfy { abs($1 - $0) < 0.03 })
            #expect(pairs("far", "moving_variance").allSatisfy { abs($1 / $0 - 1) < 0.03 })
        }
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
