import ArgumentParser
import Tensors
import Training

/// How a network is trained, in the field's words.
struct TrainingOptions: ParsableArguments {
    @Option(
        help: .init("Passes over the training examples. (default: \(Defaults.epochs))", valueName: "n"),
        transform: wholeNumber)
    var epochs: Int?

    @Option(
        help: .init("Examples in a step. (default: \(Defaults.batchSize))", valueName: "n"), transform: wholeNumber)
    var batchSize: Int?

    @Option(
        help: .init("(default: \(Defaults.optimizer.rawValue))", valueName: "adam|adamw|sgd"), transform: optimizerKind)
    var optimizer: Optimizer.Kind?

    @Option(
        help: .init("The highest learning rate. (default: \(Defaults.learningRate))", valueName: "x"),
        transform: positiveNumber)
    var learningRate: Double?

    @Option(
        help: .init(
            "How it changes over training: constant, linear or cosine, and the share of training that is warm-up, such as "
                + "cosine:0.05. (default: \(Defaults.learningRateSchedule))", valueName: "schedule"),
        transform: learningRateCurve)
    var learningRateSchedule: LearningRateSchedule?

    @Option(
        help: .init("Decides first weights, order and dropout. (default: 0)", valueName: "n"), transform: seedNumber)
    var seed: Int?

    /// The same as plain values.
    struct Values {
        var epochs: Int?
        var batchSize: Int?
        var optimizer: Optimizer.Kind?
        var learningRate: Double?
        var learningRateSchedule: LearningRateSchedule?
        var seed: Int
    }

    var values: Values {
        Values(
            epochs: epochs, batchSize: batchSize, optimizer: optimizer, learningRate: learningRate,
            learningRateSchedule: learningRateSchedule, seed: seed ?? 0)
    }

    mutating func fill(from other: TrainingOptions) {
        epochs = epochs ?? other.epochs
        batchSize = batchSize ?? other.batchSize
        optimizer = optimizer ?? other.optimizer
        learningRate = learningRate ?? other.learningRate
        learningRateSchedule = learningRateSchedule ?? other.learningRateSchedule
        seed = seed ?? other.seed
    }
}

extension TrainingOptions.Values {
    /// As words of a command line.
    var words: [String] {
        let all: [(String, String?)] = [
            ("epochs", epochs.map(String.init)), ("batch-size", batchSize.map(String.init)),
            ("optimizer", optimizer?.rawValue), ("learning-rate", learningRate.map { "\($0)" }),
            ("learning-rate-schedule", learningRateSchedule?.description), ("seed", String(seed)),
        ]
        return all.flatMap { name, value in value.map { ["--\(name)", $0] } ?? [] }
    }

    /// The recipe, with the program's choices where the user made none.
    var recipe: Recipe {
        var recipe = Recipe(epochs: epochs ?? Defaults.epochs, batchSize: batchSize ?? Defaults.batchSize)
        recipe.optimizer = Optimizer(optimizer ?? Defaults.optimizer)
        recipe.learningRate = learningRate ?? Defaults.learningRate
        recipe.learningRateSchedule = learningRateSchedule ?? Defaults.learningRateSchedule
        recipe.seed = seed
        return recipe
    }
}

@Sendable func optimizerKind(_ text: String) throws -> Optimizer.Kind {
    guard let kind = Optimizer.Kind(rawValue: text) else {
        throw ValidationError("expected adam, adamw or sgd, found '\(text)'")
    }
    return kind
}

@Sendable func learningRateCurve(_ text: String) throws -> LearningRateSchedule {
    guard let schedule = LearningRateSchedule(text) else {
        throw ValidationError(
            "expected constant, linear or cosine, perhaps with the share of warm-up as in cosine:0.05, found '\(text)'")
    }
    return schedule
}

@Sendable func seedNumber(_ text: String) throws -> Int {
    guard let seed = Int(text), seed >= 0 else {
        throw ValidationError("expected a whole number of at least 0, found '\(text)'")
    }
    return seed
}
