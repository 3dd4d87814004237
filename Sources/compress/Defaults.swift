import Distillation
import Training

/// What is chosen where the user chooses nothing.
enum Defaults {
    static let optimizer = Optimizer.Kind.adam
    static let learningRateSchedule = LearningRateSchedule(.cosine, warmup: 0.05)
    static let loss = LossSettings(
        temperature: .linear(from: 1, to: 4), softWeight: .constant(1), lambda: .linear(from: 0, to: 1))
}
