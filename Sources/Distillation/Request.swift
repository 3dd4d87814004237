public import ModelFiles
public import Models
import Students
public import Tensors
public import Training

/// What a user wants compressed, and how: plain values, nothing opened yet.
public struct CompressionRequest: Sendable {
    /// Where the student's architecture comes from.
    public enum Student: Hashable, Sendable {
        /// The student of the program that suits the data, as wide as the budget allows.
        case automatic
        /// A student of the program by its name, such as `mlp`, made to take the data.
        case named(String)
        /// An architecture (`.yaml`) or a Keras model whose architecture is taken (`.h5`).
        case file(String)

        /// The names of the program's own students.
        public static let names = Students.names

        /// A student of the program by its name, or a path.
        public init(named text: String) { self = Students.text(text) == nil ? .file(text) : .named(text) }

        /// The value of `--student`: `auto`, the name of a student of the program, or a path.
        public init(_ text: String) {
            self = text == "auto" ? .automatic : Self(named: text)
        }
    }

    /// What `TeacherSource` reads: files of models and of predictions.
    public var teachers: [String]
    /// Settings of some of them, by these texts.
    public var teacherRules: [String: TeacherRules] = [:]
    public var data: String
    /// Which share of the training examples is for testing, in data without test examples; nil where it has some.
    public var testShare: Double?
    public var budget: ByteCount
    public var output: String
    public var student = Student.automatic
    /// The multiplier of the architecture's width; nil fits it to the budget.
    public var width: Double?
    /// How the student's weights are stored; `automatic` is settled once the data is known, see `AutomaticPrecision`.
    public var precision = Precision.automatic
    /// The most multiply-adds of the student's prediction for one example; nil for any number.
    public var mostMultiplyAdds: Int?
    public var hyperparameters: Hyperparameters
    /// What of the recipe is chosen once data and student are known.
    public var automatic: AutomaticHyperparameters = []
    /// Where the loss is from, all of which is in `loss` as well; nil for none.
    public var preset: Preset?
    public var loss: LossSettings
    public var firstStage: FirstStage?
    /// What makes its file smaller; nil for what the precision needs.
    public var byteStages: Set<ByteStage>?
    /// By how much the written student may be worse on held-out examples than its trainings have made it, in points; nil for one
    /// standard error of the difference. More is tried to be taken back, but never at the cost of the budget.
    public var allowedLoss: Double?
    /// What of the student the budget limits.
    public var budgetCounts = Budget.Counted.file
    /// What is done to the trained student before it is written, in this order.
    var endStages: [any Stage] = []
    public var combination = Combination.mean
    public var teacherWeights = TeacherWeights.uniform
    /// How examples are changed while the student learns from them; nil for not at all.
    public var augmentation: Augmentation?
    /// How many changed versions of each example the teachers see beforehand; nil lets them run beside the student, on
    /// the very examples that it sees.
    public var views: Int?
    /// Examples without labels, on which the student trains with the teachers' predictions.
    public var unlabeled: String?
    /// How the teachers' predictions are stored in the run directory.
    public var softTargets = SoftTargetForm.float32
    /// How many students are trained one after another, each distilled from the one before.
    public var generations = 1
    /// How many students are trained that differ in nothing but their seeds, which count from the recipe's; the one that is
    /// best on held-out rows is written. One where there are generations.
    public var seeds = 1
    /// Whether the same student is trained on labels alone as well; nil where its training is short (`BaselineRule`).
    public var baseline: Bool? = false
    public var runDirectory: String
    /// What was read for this request beside it, such as a configuration file: a run never replaces it.
    public var otherInputs: [String] = []
    /// A checkpoint is written where the last one is older; nil for the usual time.
    public var checkpointInterval: Duration?
    /// Whether the data is read for its digest, even where the run directory has that of a file of its size and time of change.
    public var verifiesData = false
    /// Whether to go on from the run directory's checkpoint; where no run has begun there, one does.
    public var isResuming = false
    /// Whether an earlier run in the run directory may be replaced.
    public var replacesRun = false
    public var threads: Int?

    public init(
        teachers: [String], data: String, budget: ByteCount, output: String, hyperparameters: Hyperparameters,
        loss: LossSettings,
        runDirectory: String
    ) {
        (self.teachers, self.data, self.budget, self.output) = (teachers, data, budget, output)
        (self.hyperparameters, self.loss, self.runDirectory) = (hyperparameters, loss, runDirectory)
    }
}

extension CompressionRequest {
    /// What a training is called: the first run's has the plain name, the others their seed's.
    func title(_ training: String, run: Int) -> String {
        run == 0 ? training : "\(training) seed \(hyperparameters.seed &+ run)"
    }

    /// What of the student is limited, and to how much.
    var limit: Budget { Budget(budget, budgetCounts) }

    var teacherSources: [TeacherSource] { teachers.map { TeacherSource($0) } }

    /// The terms of all losses.
    var allTerms: [LossTerm] { loss.terms + (firstStage?.terms ?? []) }

    /// The files that are read while it is done.
    public var inputs: [String] {
        let rules = teachers.compactMap { teacherRules[$0] }
        let student: [String] = if case .file(let path) = student { [path] } else { [] }
        return teacherSources.map(\.file) + rules.compactMap(\.architecture?.path) + rules.compactMap(\.classes?.path)
            + [data]
            + (unlabeled.map { [$0] } ?? []) + student
    }
}
