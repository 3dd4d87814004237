import Kernels
import ModelFiles
import Tensors
import Training

/// Everything that the bits of a run's result depend on, by name, as `run.json` has it.
///
/// A stopped run goes on only where all of it is the same, which is found out before any teacher runs.
struct RunFingerprint: Equatable {
    private(set) var members: [(name: String, value: String)] = [
        ("program", "compress \(Provenance.version)"), ("instruction set", instructionSet()),
    ]

    static func == (one: Self, other: Self) -> Bool { one.digest == other.digest }

    /// - Parameters:
    ///   - inputs: The SHA-256 of what is read, by name.
    ///   - teachers: What each teacher's answers are kept under.
    ///   - student: What the student's layers and their options are.
    init(_ request: CompressionRequest, inputs: [(name: String, digest: String)], teachers: [String], student: String) {
        for input in inputs { add(input.name, input.digest) }
        add("teachers", teachers.joined(separator: ", "))
        add("student", student)
        add("budget", "\(request.budget.bytes)")
        add("width", request.width.map { "\($0)" } ?? "auto")
        add("precision", request.precision.rawValue)
        add("max-multiply-adds", request.mostMultiplyAdds.map { "\($0)" } ?? "none")
        add(request.recipe)
        add("augment", request.augmentation.map { "\($0)" } ?? "none")
        add("views", request.views.map(String.init) ?? "none")
        add("preset", request.preset?.rawValue ?? "none")
        add("temperature", "\(request.loss.temperature)")
        add("losses", "\(JSON.array(request.loss.terms.map(\.json)))")
        add("first-stage", request.firstStage.map { "\($0.json)" } ?? "none")
        add("lambda", "\(request.loss.lambda)")
        add("soft-weight", "\(request.loss.softWeight)")
        add("combine", request.combination.rawValue)
        add("teacher-weights", "\(request.teacherWeights)")
        add("soft-targets", "\(request.softTargets)")
        add("generations", "\(request.generations)")
        add("seeds", "\(request.seeds)")
    }

    /// The same of one model that learns from labels.
    init(_ request: TrainingRequest, data: String, model: String) {
        add("data", data)
        add("model", model)
        add("width", request.width.map { "\($0)" } ?? "1")
        add("precision", request.precision.rawValue)
        add(request.recipe)
        add("augment", request.augmentation.map { "\($0)" } ?? "none")
    }

    private mutating func add(_ recipe: Recipe) {
        add("epochs", "\(recipe.epochs)")
        add("batch-size", "\(recipe.batchSize)")
        add("examples of a worker", "\(recipe.shardSize)")
        add("optimizer", "\(recipe.optimizer)")
        add("learning-rate", "\(recipe.learningRate)")
        add("learning-rate-schedule", "\(recipe.learningRateSchedule)")
        add("global-clipnorm", recipe.clipNorm.map { "\($0)" } ?? "none")
        add("ema-momentum", recipe.averageDecay.map { "\($0)" } ?? "none")
        add("seed", "\(recipe.seed)")
        add("early-stopping", recipe.patience.map(String.init) ?? "none")
        add("keep-best", recipe.prefersLast ? "auto" : "\(recipe.keepsBest)")
    }

    private mutating func add(_ name: String, _ value: String) { members.append((name, value)) }

    var json: JSON { .object(JSON.Object(members.map { .init($0.name, .string($0.value)) })) }

    /// The same in few letters.
    var digest: String { sha256(of: json.compact) }

    /// What another run had otherwise, in words: `learning-rate is 0.5, was 0.003`.
    ///
    /// - Parameter saved: What `json` was of that run.
    func differences(from saved: JSON) -> [String] {
        let known = Set(members.map(\.name))
        let lost = saved.object?.keys.filter { !known.contains($0) } ?? []
        return members.compactMap { name, value in
            guard let before = saved[name]?.string else { return "\(name) is new" }
            guard before != value else { return nil }
            // Digests and long texts say nothing to people.
            return max(before.count, value.count) > 40 ? "\(name) changed" : "\(name) is \(value), was \(before)"
        } + lost.map { "\($0) is gone" }
    }
}
