import Datasets
import ModelFiles
public import Models
import Networks
import Training

/// A student, and labels alone where they are tried, of one seed.
struct SeedRun {
    let seed: Int
    /// As its file has it, and that file.
    let student: TrainedNetwork
    let export: ExportPlan
    /// The generations before it.
    let predecessors: [TrainedNetwork]
    /// What stages have made of its file.
    let outcomes: [StageOutcome]
    let labelsAlone: LabelsAlone?
}

/// What several runs came to that differ in their seeds alone.
public struct SeedReport: Sendable {
    public struct Run: Sendable {
        public let seed: Int
        /// On held-out rows, and on the test split.
        public let validation: NamedMetrics
        public let test: NamedMetrics
        /// Labels alone on the test split, and at their best epoch on held-out rows; nil where they were not tried.
        public let baseline: NamedMetrics?
        public let bestBaseline: NamedMetrics?
    }

    public let runs: [Run]
    /// The seed of the student that is written: the one that is best on held-out rows, or the first.
    public let written: Int

    /// The mean of each metric over seeds, and its standard error: √(Σ (x − x̄)² / (N − 1) / N).
    ///
    /// - Parameter metrics: Those of a run; nil where it has none.
    public func means(
        _ metrics: (Run) -> NamedMetrics?
    ) -> [(name: String, mean: Double, standardError: Double)]? {
        let all = runs.compactMap(metrics), count = Double(runs.count)
        guard all.count == runs.count, let first = all.first else { return nil }
        return first.indices.map { index in
            let values = all.map { $0[index].value }, mean = values.reduce(0, +) / count
            let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            return (first[index].name, mean, (squares / max(count - 1, 1) / count).squareRoot())
        }
    }
}

extension Compressor {
    /// The place of the run whose student is best on held-out rows; the first one where none are held out.
    func best(of runs: [SeedRun], on validation: ExampleSplit, _ workers: Workers) throws -> Int {
        guard runs.count > 1, validation.count > 0 else { return 0 }
        let scores = try runs.map { try metrics($0.student, validation, workers).first?.value ?? 0 }
        return scores.indices.max { scores[$0] < scores[$1] } ?? 0
    }

    func report(
        _ runs: [SeedRun], written: Int, _ validation: ExampleSplit, _ test: ExampleSplit, _ workers: Workers
    ) throws -> SeedReport? {
        guard runs.count > 1 else { return nil }
        return SeedReport(
            runs: try runs.map { run in
                SeedReport.Run(
                    seed: run.seed, validation: try metrics(run.student, validation, workers),
                    test: try metrics(run.student, test, workers),
                    baseline: try run.labelsAlone.map { try metrics($0.last, test, workers) },
                    bestBaseline: try run.labelsAlone?.best.map { try metrics($0, test, workers) })
            }, written: runs[written].seed)
    }

    private func metrics(
        _ network: TrainedNetwork, _ split: ExampleSplit, _ workers: Workers
    ) throws -> NamedMetrics {
        split.count == 0 ? [] : try evaluate(network.graph, weights: network.weights, on: split, workers: workers)
    }
}
