import ArgumentParser
import Distillation
import ModelFiles
import Tensors
import Training

/// How a network is trained, in the field's words.
struct TrainingOptions: ParsableArguments {
    @Option(
        help: .init(
            "Passes over the training examples, or auto: 40, or as many as make 4,000 steps. (default: auto)",
            valueName: "n|auto"), transform: { try switchable($0, off: "auto", wholeNumber) })
    var epochs: Switchable<Int>?

    @Option(
        help: .init(
            "Examples in a step, or auto: 32 for fewer than 5,000 training examples, 64 for fewer than 20,000, else 128. "
                + "(default: auto)", valueName: "n|auto"), transform: { try switchable($0, off: "auto", wholeNumber) })
    var batchSize: Switchable<Int>?

    @Option(
        help: .init(
            "Add the gradients of a batch as a tree of so many parts, a power of two: as many processes of MPI can share them, those "
                + "of kernels of more than 4 million weights, too. It decides the last bits. (default: 1)",
            valueName: "n"), transform: laneCount)
    var lanes: Int?

    @Option(
        help: .init(
            "The type that gradients are exchanged in: bfloat16 rounds the sums of --lanes, with any number of processes, and halves "
                + "what these send of them. (default: float32)", valueName: "float32|bfloat16"),
        completion: .words("float32", "bfloat16"), transform: gradientExchange)
    var exchange: GradientExchange?

    @Option(
        help: .init("(default: \(Defaults.optimizer.rawValue))", valueName: "adam|adamw|sgd"),
        completion: .words("adam", "adamw", "sgd"), transform: optimizerKind)
    var optimizer: Optimizer.Kind?

    @Option(
        help: .init(
            "The highest learning rate, or auto: 0.01, and less for more than 131,072 parameters. (default: auto)",
            valueName: "x|auto"), transform: { try switchable($0, off: "auto", positiveNumber) })
    var learningRate: Switchable<Double>?

    @Option(
        help: .init(
            "How it changes over training: constant, linear or cosine, and the share of training that is warm-up, such as "
                + "cosine:0.05. (default: \(Defaults.learningRateSchedule))", valueName: "schedule"),
        completion: .words("constant", "linear", "cosine", "cosine:0.05"),
        transform: learningRateCurve)
    var learningRateSchedule: LearningRateSchedule?

    @Option(
        help: .init(
            "The largest norm of the gradient of all weights together, or none; a longer one is scaled down to it. "
                + "(default: none)", valueName: "x|none"), transform: { try switchable($0, positiveNumber) })
    var globalClipnorm: Switchable<Double>?

    @Option(
        help: .init(
            "Keep an exponential moving average of the weights, such as 0.999 of it in each step, which is then what is "
                + "measured and written, or none. (default: none)", valueName: "x|none"),
        transform: { try switchable($0, momentum) })
    var emaMomentum: Switchable<Double>?

    @Option(
        help: .init("Decides first weights, order and dropout. (default: 0)", valueName: "n"), transform: seedNumber)
    var seed: Int?

    @Option(
        help: .init(
            "How examples are changed each time that they are seen, such as crop:4,flip, or none. (default: none)",
            valueName: "steps"), transform: { try switchable($0) { text in try Augmentation(text) } })
    var augment: Switchable<Augmentation>?

    @Option(
        help: .init(
            "Stop after so many epochs without a better score on held-out examples, or none. (default: none)",
            valueName: "n|none"), transform: { try switchable($0, wholeNumber) })
    var earlyStopping: Switchable<Int>?

    @Flag(
        inversion: .prefixedNo,
        help: .init(
            "Keep the weights of the epoch with the best score on held-out examples, or of the last one. (default: the best "
                + "one's if it is better than the last one beyond the noise)"))
    var keepBest: Bool?

    /// The same as plain values, with the program's choices where the user made none.
    struct Values {
        var hyperparameters: Hyperparameters
        /// What of the recipe is chosen once the data is known.
        var automatic: AutomaticHyperparameters
        var augmentation: Augmentation?
    }

    /// - Throws: `ValidationError` for options that do not go together.
    func check() throws {
        if exchange == .bfloat16, lanes ?? 1 == 1 {
            throw ValidationError(
                "--exchange bfloat16 rounds the sums of lanes, and there is one: give --lanes 2 or more")
        }
    }

    var values: Values {
        var hyperparameters = Hyperparameters(epochs: epochs?.value ?? 1, batchSize: batchSize?.value ?? 1)
        (hyperparameters.lanes, hyperparameters.exchange) = (lanes ?? 1, exchange ?? .float32)
        hyperparameters.optimizer = Optimizer(optimizer ?? Defaults.optimizer)
        hyperparameters.learningRate = learningRate?.value ?? hyperparameters.learningRate
        hyperparameters.learningRateSchedule = learningRateSchedule ?? Defaults.learningRateSchedule
        hyperparameters.globalClipnorm = globalClipnorm?.value
        hyperparameters.emaMomentum = emaMomentum?.value
        hyperparameters.seed = seed ?? 0
        hyperparameters.patience = earlyStopping?.value
        hyperparameters.keepsBest = keepBest ?? true
        hyperparameters.prefersLast = keepBest == nil
        var automatic: AutomaticHyperparameters = []
        if epochs?.value == nil { automatic.insert(.epochs) }
        if batchSize?.value == nil { automatic.insert(.batchSize) }
        if learningRate?.value == nil { automatic.insert(.learningRate) }
        return Values(hyperparameters: hyperparameters, automatic: automatic, augmentation: augment?.value)
    }

    mutating func fill(from other: TrainingOptions) {
        epochs = epochs ?? other.epochs
        batchSize = batchSize ?? other.batchSize
        lanes = lanes ?? other.lanes
        exchange = exchange ?? other.exchange
        optimizer = optimizer ?? other.optimizer
        learningRate = learningRate ?? other.learningRate
        learningRateSchedule = learningRateSchedule ?? other.learningRateSchedule
        globalClipnorm = globalClipnorm ?? other.globalClipnorm
        emaMomentum = emaMomentum ?? other.emaMomentum
        seed = seed ?? other.seed
        augment = augment ?? other.augment
        earlyStopping = earlyStopping ?? other.earlyStopping
        keepBest = keepBest ?? other.keepBest
    }
}

/// The setting of something that a configuration file may switch on, and the command line off again.
enum Switchable<Value: Sendable>: Sendable {
    case off, on(Value)

    var value: Value? { if case .on(let value) = self { value } else { nil } }
}

/// Reads `none`, or another word for it, or what `read` makes of other words.
func switchable<Value>(
    _ text: String, off: String = "none", _ read: (String) throws -> Value
) rethrows -> Switchable<Value> {
    text == off ? .off : .on(try read(text))
}

@Sendable func momentum(_ text: String) throws -> Double {
    guard let number = Double(text), number > 0, number < 1 else {
        throw ValidationError("expected a number above 0 and below 1, found '\(text)'")
    }
    return number
}

@Sendable func laneCount(_ text: String) throws -> Int {
    guard let number = Int(text), number > 0, number <= 1024, number.nonzeroBitCount == 1 else {
        throw ValidationError("expected a power of two from 1 to 1024, found '\(text)'")
    }
    return number
}

@Sendable func gradientExchange(_ text: String) throws -> GradientExchange {
    guard let exchange = GradientExchange(rawValue: text) else {
        throw ValidationError("expected float32 or bfloat16, found '\(text)'")
    }
    return exchange
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
