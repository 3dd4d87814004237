import Distillation
import Training

/// What is chosen where the user chooses nothing.
enum Defaults {
    static let epochs = 40
    static let batchSize = 128
    static let optimizer = Optimizer.Kind.adam
    static let learningRate = 3e-3
    static let learningRateSchedule = LearningRateSchedule(.cosine, warmup: 0.05)
    static let temperature = Schedule.constant(4)
    static let lambda = Schedule.linear(from: 0, to: 1)
    static let softWeight = Schedule.constant(1)
}
