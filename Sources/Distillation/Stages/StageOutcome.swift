import ModelFiles
public import Models
import Networks
public import Tensors
public import Training

/// What a stage has made of a student's file, and what it costs.
public struct StageOutcome: Sendable {
    /// As the progress calls the stage.
    public let name: String
    /// Whether it was kept; else the student went on as it had been.
    public private(set) var isKept = true
    public let size: Size
    /// The student as its file would have it on held-out examples; empty where none are held out.
    public let validation: NamedMetrics
    /// How much better it is there in the first metric than its trainings had made it; nil where none are held out.
    public let difference: MetricDifference?

    /// What the file takes.
    public struct Size: Sendable {
        public let file: ByteCount
        /// On average, statistics among them.
        public let bitsPerWeight: Double
        /// The share of the weights that are 0.
        public let zeros: Double
        /// The most different values that weights of one parameter share; nil where every weight has its own.
        public let sharedValues: Int?

        /// - Parameter network: With the weights that the file has.
        init(_ export: ExportPlan, _ network: TrainedNetwork) {
            var zeros = 0, count = 0, shared: Int?
            for entry in network.graph.layout.entries where entry.spec.role == .trainable {
                let numbers = network.weights.slice(at: entry.offset, count: entry.spec.shape.elementCount)
                zeros += numbers.withSpan { span in span.indices.count { span[$0] == 0 } }
                count += numbers.elementCount
                if case .coded(let levels) = export.encodings[entry] { shared = max(shared ?? 0, levels.count) }
            }
            (file, bitsPerWeight) = (export.size.file, export.size.bitsPerWeight)
            (self.zeros, sharedValues) = (Double(zeros) / Double(max(count, 1)), shared)
        }
    }

    init(_ name: String, _ size: Size, _ validation: NamedMetrics = [], _ difference: MetricDifference? = nil) {
        (self.name, self.size, self.validation, self.difference) = (name, size, validation, difference)
    }

    /// The same of a stage that was not kept.
    var takenBack: StageOutcome {
        var outcome = self
        outcome.isKept = false
        return outcome
    }

    /// Whether no more is lost than may be.
    ///
    /// - Parameter points: Hundredths, or nil for one standard error of the difference.
    func passes(allowing points: Double?) -> Bool {
        guard let difference else { return true }
        return -difference.value <= points.map { $0 / 100 } ?? (difference.margin / MetricDifference.deviations)
    }
}

extension StageOutcome: CustomStringConvertible {
    /// `pruned 41 %, 19 shared values, 3.06 bits a weight, 62,884 bytes; held-out accuracy 0.9256, 0.12 ± 0.15 points below float32`.
    public var description: String { "\(size)\(figures.map { "; \($0)" } ?? "")" }

    private var figures: String? {
        guard let first = validation.first, let cost else { return nil }
        return "held-out \(first.name.replacing("_", with: " ")) \(fixed(first.value, digits: 4)), \(cost)"
    }

    /// What it costs: `0.12 ± 0.15 points below float32`.
    public var cost: String? {
        difference.map { difference in
            guard difference.value != 0 else {
                return "the same as float32 (± \(fixed(100 * difference.margin, digits: 2)) points)"
            }
            return
                "\(fixed(abs(100 * difference.value), digits: 2)) ± \(fixed(100 * difference.margin, digits: 2)) points "
                + "\(difference.value < 0 ? "below" : "above") float32"
        }
    }
}

extension StageOutcome.Size: CustomStringConvertible {
    public var description: String {
        [
            zeros < 0.005 ? nil : "pruned \(fixed(100 * zeros, digits: 0)) %",
            sharedValues.map { "\($0) shared values" }, "\(fixed(bitsPerWeight, digits: 2)) bits a weight", "\(file)",
        ].compactMap(\.self).joined(separator: ", ")
    }
}

extension CompressionRequest {
    /// That a student has lost more than the user allowed; nil where it has not.
    func warning(of outcome: StageOutcome?) -> String? {
        guard let allowedLoss, let outcome, !outcome.passes(allowing: allowedLoss), let cost = outcome.cost else {
            return nil
        }
        return
            "\(cost) on held-out examples, more than --allow-loss \(fixed(allowedLoss, digits: 2)): the budget was kept; "
            + "a larger --budget loses less, or a narrower student with more bits (--dry-run lists them)"
    }
}
