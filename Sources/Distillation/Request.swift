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

        /// What `--student` says: `auto`, the name of a student of the program, or a path.
        public init(_ text: String) {
            self = text == "auto" ? .automatic : Self(named: text)
        }
    }

    public var teachers: [String]
    /// What the user says of some of them, by path.
    public var teacherRules: [String: TeacherRules] = [:]
    public var data: String
    public var budget: ByteCount
    public var output: String
    public var student = Student.automatic
    /// The multiplier of the architecture's width; nil fits it to the budget.
    public var width: Double?
    /// How the student's weights are stored.
    public var precision = Precision.float32
    /// The most multiply-adds of the student's prediction for one example; nil for any number.
    public var mostMultiplyAdds: Int?
    public var recipe: Recipe
    /// What of the recipe is chosen once data and student are known.
    public var automatic: AutomaticRecipe = []
    /// Where the loss is from, all of which is in `loss` as well; nil for none.
    public var preset: Preset?
    public var loss: LossSettings
    public var firstStage: FirstStage?
    /// What is done to the trained student before it is written, in this order.
    var endStages: [any Stage] = []
    public var combination = Combination.mean
    public var teacherWeights = TeacherWeights.uniform
    /// How examples are changed while the student learns from them; nil for not at all.
    public var augmentation: Augmentation?
    /// How many changed versions of each example the teachers see beforehand; nil lets them run beside the student, on
    /// the very examples that it sees.
    public var views: Int?
    /// Examples without labels, from which the student learns what the teachers say of them.
    public var unlabeled: String?
    /// How what the teachers say is kept in the run directory.
    public var softTargets = SoftTargetForm.float32
    /// How many students are trained one after another, each taught by the one before.
    public var generations = 1
    /// How many students are trained that differ in nothing but their seeds, which count from the recipe's; the one that is
    /// best on held-out rows is written. One where there are generations.
    public var seeds = 1
    /// Whether the same student is trained on labels alone as well; nil where its training is short (`BaselineRule`).
    public var baseline: Bool? = false
    public var runDirectory: String
    /// What was read for this request beside it, such as a configuration file: a run never replaces it.
    public var otherInputs: [String] = []
    /// Whether to go on from the run directory's checkpoint.
    public var isResuming = false
    /// Whether an earlier run in the run directory may be replaced.
    public var replacesRun = false
    public var threads: Int?

    public init(
        teachers: [String], data: String, budget: ByteCount, output: String, recipe: Recipe, loss: LossSettings,
        runDirectory: String
    ) {
        (self.teachers, self.data, self.budget, self.output) = (teachers, data, budget, output)
        (self.recipe, self.loss, self.runDirectory) = (recipe, loss, runDirectory)
    }
}

extension CompressionRequest {
    /// What a training is called: the first run's has the plain name, the others their seed's.
    func title(_ training: String, run: Int) -> String {
        run == 0 ? training : "\(training) seed \(recipe.seed &+ run)"
    }

    /// The terms of all losses.
    var allTerms: [LossTerm] { loss.terms + (firstStage?.terms ?? []) }

    /// The files that are read while it is done.
    public var inputs: [String] {
        let rules = teachers.compactMap { teacherRules[$0] }
        let student: [String] = if case .file(let path) = student { [path] } else { [] }
        return teachers + rules.compactMap(\.architecture?.path) + rules.compactMap(\.classes?.path) + [data]
            + (unlabeled.map { [$0] } ?? []) + student
    }
}

/// What a compression is doing, for those who watch.
public enum CompressionEvent: Sendable {
    /// The teachers, how they are asked and how their answers are read: before any of them runs.
    case plan([TeacherPlan])
    /// A sentence to be told as it is.
    case message(String)
    /// Something the user should know before trusting the result.
    case warning(String)
    /// The part of the work that begins next is this step of so many, counted from 1.
    case step(Int, of: Int)
    /// A part of the work begins; `total` counts examples.
    case began(String, total: Int)
    /// More examples are done. `note` is the latest figure worth seeing.
    case advanced(Int, note: String?)
    case ended
}

/// What a compression came to.
public struct CompressionReport: Sendable {
    /// Metrics by the names of `--json`: `accuracy`, or `gap_at_20`, `map`, `hit_at_1` and `perr`.
    public typealias Metrics = [(name: String, value: Double)]

    public struct Teacher: Sendable {
        public let path: String
        /// Nil for one that is no model.
        public let size: TeacherSize?
        public let weight: Double
        /// On held-out rows, and on the test split.
        public let validation: Metrics
        public let test: Metrics
        public let testSpread: Spread
    }

    /// What chance may have done to figures of the test split.
    public struct Spread: Sendable {
        /// How many examples' first class is wrong.
        public let errors: Int
        /// Half of each metric's interval of 95 %, in the order of the metrics; infinite for a single example.
        public let margins: [Double]

        public init(errors: Int, margins: [Double]) { (self.errors, self.margins) = (errors, margins) }
    }

    /// The student on labels alone.
    public struct Baseline: Sendable {
        /// With the student's recipe.
        public let validation: Metrics
        public let test: Metrics
        public let testSpread: Spread
        /// At its best epoch on held-out rows; nil where there are none.
        public let best: Best?

        public struct Best: Sendable {
            /// Counted from 1, of each part that learns by itself.
            public let epochs: [Int]
            /// Whether training had gone on since.
            public let isEarlier: Bool
            public let validation: Metrics
            public let test: Metrics
            public let testSpread: Spread
        }
    }

    /// How much better the student is than something else, metric by metric and on the same examples.
    public struct Difference: Sendable {
        public enum Other: String, Sendable {
            case ensemble, baseline
            /// Labels alone at the best epoch.
            case bestBaseline = "baseline_best"
        }

        public let other: Other
        /// On held-out rows, empty where that is not known, and on the test split.
        public let validation: [MetricDifference]
        public let test: [MetricDifference]
    }

    /// Models that are neither teacher nor student.
    public struct Comparison: Sendable {
        public let name: String
        public let validation: Metrics
        public let test: Metrics
    }

    public struct Student: Sendable {
        public let path: String
        public let name: String
        public let parameters: Int
        public let bytes: ByteCount
        public let predictedBytes: ByteCount
        /// What its weights take, without the rest of its file.
        public let weightBytes: ByteCount
        public let validation: Metrics
        public let test: Metrics
        public let testSpread: Spread
        /// How often its first class is the ensemble's, on the test split.
        public let agreement: Double
        /// How its weights are stored.
        public var precision = Precision.float32

        /// What a weight takes in the file, on average.
        public var bitsPerWeight: Double { Double(8 * weightBytes.bytes) / Double(max(parameters, 1)) }
        /// What the weights take once the file is loaded: Keras computes with float32.
        public var loadedBytes: ByteCount { ByteCount(parameters * MemoryLayout<Float>.size) }
    }

    public struct Seconds: Sendable {
        public var load = 0.0, teach = 0.0, train = 0.0, evaluate = 0.0, export = 0.0, total = 0.0
        public init() {}
    }

    public let teachers: [Teacher]
    public let ensembleBytes: ByteCount
    /// What the teachers' weights take, without what else is in their files, such as the state of an optimizer.
    public let ensembleWeightBytes: ByteCount
    public let ensembleValidation: Metrics
    public let ensembleTest: Metrics
    public let ensembleTestSpread: Spread
    public let testCount: Int
    /// How the teachers' weights were chosen, in a sentence; nil if the user chose them.
    public let weightChoice: String?
    /// Other ways to put models together, to compare with: teachers with equal shares, generations.
    public let comparisons: [Comparison]
    public let student: Student
    public let baseline: Baseline?
    /// The same job with other seeds; nil for one.
    public let seeds: SeedReport?
    /// From the ensemble, and from labels alone where there is a baseline.
    public let differences: [Difference]
    /// What should be known before anyone trusts the result, in sentences.
    public let warnings: [String]
    /// What to try for a better student, in sentences.
    public var advice: [String] = []
    public let budget: ByteCount
    public let seconds: Seconds
    public let peakMemory: ByteCount

    /// The first metric decides: accuracy, or GAP.
    private func first(_ metrics: Metrics) -> Double { metrics.first?.value ?? 0 }

    /// What of labels alone the student is compared with: the better one on the test split, which is the stricter judge.
    public var betterBaseline: Difference.Other? {
        guard let baseline else { return nil }
        return baseline.best.map { first($0.test) > first(baseline.test) } == true ? .bestBaseline : .baseline
    }

    /// The share of the ensemble's gain over the better of labels alone that the student keeps (Buciluă et al., 2006); nil
    /// where the ensemble has none.
    public var gainKept: Double? {
        guard let baseline else { return nil }
        let labels = max(first(baseline.test), baseline.best.map { first($0.test) } ?? 0)
        guard first(ensembleTest) > labels else { return nil }
        return (first(student.test) - labels) / (first(ensembleTest) - labels)
    }

    /// By how much the student is worse than labels alone on held-out rows, the better of the two there, in the deciding
    /// metric; nil where it is not, beyond what may be chance.
    public var lossToLabelsAlone: MetricDifference? {
        let found = differences.filter { $0.other != .ensemble }.compactMap(\.validation.first)
        return found.filter { $0.value < 0 && !$0.isNoise }.min { $0.value < $1.value }
    }
}
