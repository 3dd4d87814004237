import Testing
import Training

@testable import Distillation

/// `--epochs auto --batch-size auto --learning-rate auto`.
@Suite struct AutomaticRecipeTests {
    @Test(arguments: [
        (106, 32, 1000, 4_000), (1_069, 32, 118, 4_012), (4_999, 32, 40, 6_280), (5_000, 64, 51, 4_029),
        (19_999, 64, 40, 12_520), (20_000, 128, 40, 6_280), (55_000, 128, 40, 17_200),
        (5_600_000, 128, 40, 1_750_000),
    ])
    func smallDataHasStepsEnough(examples: Int, batchSize: Int, epochs: Int, steps: Int) {
        var hyperparameters = Hyperparameters(epochs: 7, batchSize: 9)
        hyperparameters.choose(.all, examples: examples, parameters: 1)
        #expect(hyperparameters.batchSize == batchSize)
        #expect(hyperparameters.epochs == epochs)
        #expect((examples + batchSize - 1) / batchSize * epochs == steps)
    }

    /// By hand: 0.01 · (131,072 / n)^⅓, in two digits.
    @Test(arguments: [(1, 0.01), (131_072, 0.01), (1_048_576, 0.005), (8_388_608, 0.0025), (250_000_000, 0.00081)])
    func largerNetworksLearnMoreSlowly(parameters: Int, rate: Double) {
        #expect(abs(AutomaticHyperparameters.learningRate(parameters: parameters) - rate) < 1e-12)
    }

    @Test func whatIsGivenStays() {
        var hyperparameters = Hyperparameters(epochs: 7, batchSize: 9)
        hyperparameters.learningRate = 0.5
        hyperparameters.choose([], examples: 100, parameters: 1)
        #expect(hyperparameters.epochs == 7 && hyperparameters.batchSize == 9 && hyperparameters.learningRate == 0.5)
        hyperparameters.choose(.epochs, examples: 90, parameters: 1)
        #expect(
            hyperparameters.epochs == 400 && hyperparameters.batchSize == 9,
            "4,000 steps of the batches that were asked for")
    }

    @Test func isSaidInThePlan() {
        var hyperparameters = Hyperparameters(epochs: 1, batchSize: 50)
        hyperparameters.choose([.epochs, .learningRate], examples: 1_000, parameters: 1)
        #expect(
            hyperparameters.sentence([.epochs, .learningRate], examples: 1_000)
                == "recipe: 200 epochs (auto) of batches of 50, 4,000 steps, learning rate 0.01 (auto)")
        #expect(hyperparameters.sentence([], examples: 1_000) == nil)
    }
}
