public import ModelFiles
public import Models
public import Tensors
public import Training

/// What a compression came to.
public struct CompressionReport: Sendable {
    /// NamedMetrics by the names of `--json`: `accuracy`, or `gap_at_20`, `map`, `hit_at_1` and `perr`.
    public typealias NamedMetrics = [(name: String, value: Double)]

    public struct Teacher: Sendable {
        public let path: String
        /// What the user calls it; nil for its path.
        public var name: String?
        /// Nil for one that is no model.
        public let size: TeacherSize?
        public let weight: Double
        /// On held-out rows, and on the test split.
        public let validation: NamedMetrics
        public let test: NamedMetrics
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
        public let validation: NamedMetrics
        public let test: NamedMetrics
        public let testSpread: Spread
        /// At its best epoch on held-out rows; nil where there are none.
        public let best: Best?

        public struct Best: Sendable {
            /// Counted from 1, of each part that learns by itself.
            public let epochs: [Int]
            /// Whether training had gone on since.
            public let isEarlier: Bool
            public let validation: NamedMetrics
            public let test: NamedMetrics
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
        public let validation: NamedMetrics
        public let test: NamedMetrics
    }

    public struct Student: Sendable {
        public let path: String
        public let name: String
        public let parameters: Int
        public let bytes: ByteCount
        public let predictedBytes: ByteCount
        /// What its weights take, without the rest of its file.
        public let weightBytes: ByteCount
        public let validation: NamedMetrics
        public let test: NamedMetrics
        public let testSpread: Spread
        /// How often its first class is the ensemble's, on the test split; nil where that is not known.
        public let agreement: Double?
        /// How its weights are stored.
        public var precision = Precision.float32
        /// What stages have made of its file, in their order; empty where its weights were only rounded.
        public var stages: [StageOutcome] = []

        /// What they have come to.
        public var stage: StageOutcome? { stages.last(where: \.isKept) }

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
    /// Nil where the size of a teacher is not known, of predictions for one.
    public let ensembleBytes: ByteCount?
    /// What the teachers' weights take, without what else is in their files, such as the state of an optimizer.
    public let ensembleWeightBytes: ByteCount?
    public let ensembleValidation: NamedMetrics
    /// Empty where a teacher has not predicted the test split.
    public let ensembleTest: NamedMetrics
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
    public let budget: Budget
    public let seconds: Seconds
    public let peakMemory: ByteCount
    /// What the pages of a run show beside all that; nil where none are wanted.
    public var details: RunDetails?

    /// The first metric decides: accuracy, or GAP.
    private func first(_ metrics: NamedMetrics) -> Double { metrics.first?.value ?? 0 }

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
