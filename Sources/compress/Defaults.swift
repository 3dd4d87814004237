import Distillation
import Training

/// What is chosen where the user chooses nothing.
enum Defaults {
    static let optimizer = Optimizer.Kind.adam
    static let learningRateSchedule = LearningRateSchedule(.cosine, warmup: 0.05)
    static let temperature = Schedule.linear(from: 1, to: 4)
    static let lambda = Schedule.linear(from: 0, to: 1)
    static let softWeight = Schedule.constant(1)
}
