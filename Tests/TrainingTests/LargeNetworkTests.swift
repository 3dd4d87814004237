import Foundation
import ModelFiles
import Networks
import Tensors
import Testing
import Training

/// What networks of a gigabyte take, which is known before there is any weight.
@Suite struct LargeNetworkTests {
    private func graph(_ name: String) throws -> LayerGraph {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Architectures/youtube8m")
        return try ArchitectureFile(reading: folder.appending(path: name + ".yaml").path)
            .architecture(classes: 3862, input: [300, 1152]).graph().graph
    }

    private func weights(_ graph: LayerGraph) -> Int { graph.layout.extent * 4 }

    /// The program, and three windows of the examples' file.
    private static let rest = (56 + 3 * 64) << 20

    /// A student at the limit is trained in six times its weights and 1 GB, with every vector that a recipe can ask for
    /// but one.
    @Test(arguments: ["netvlad", "netvlad1", "netvlad2", "fvnet"]) func trainsInSixTimesTheWeights(_ name: String)
        throws
    {
        let graph = try graph(name)
        var hyperparameters = Hyperparameters(epochs: 1)
        #expect(hyperparameters.batchSize == 128 && hyperparameters.optimizer.momentCount == 2)
        hyperparameters.keepsBest = true
        #expect(
            Trainer.memory(graph, hyperparameters, threads: 2).bytes + Self.rest <= 6 * weights(graph) + 1_000_000_000)
    }

    /// The gradient of the large kernel is there once, and not once more for each worker.
    @Test func oneGradientServesAllWorkers() throws {
        let graph = try graph("netvlad2"), hyperparameters = Hyperparameters(epochs: 1)
        let one = Trainer.memory(graph, hyperparameters, threads: 1).bytes,
            two = Trainer.memory(graph, hyperparameters, threads: 2).bytes
        #expect(two - one < weights(graph))
        #expect(one < 4 * weights(graph) + 1_000_000_000)
    }

    @Test(
        arguments: [
            "netvlad", "netvlad1", "netvlad2", "fvnet", "dbof", "dbof1", "dbof2", "dbof3", "rnn1", "rnn3", "lstm",
            "nextvlad",
        ])
    func teachesInLittleMoreThanTheWeights(_ name: String) throws {
        let graph = try graph(name)
        let bytes = Predictor.memory(graph, threads: 2).bytes + Self.rest + weights(graph)
        #expect(Double(bytes) <= 1.2 * Double(weights(graph)) + 500e6)
    }
}
