import Distillation
import ModelFiles
import Models
import Tensors

extension SeedReport {
    /// Mean and standard error of the deciding metric, in a sentence.
    var sentence: String {
        func figure(_ metrics: (Run) -> NamedMetrics?) -> String? {
            means(metrics)?.first.map { "\(fixed($0.mean, digits: 4)) ± \(fixed($0.standardError, digits: 4))" }
        }
        let parts = [
            figure(\.test).map { "student \($0)" }, figure(\.baseline).map { "labels alone \($0)" },
            figure(\.bestBaseline).map { "labels alone at its best epoch \($0)" },
        ].compactMap(\.self)
        return
            "\(runs.count) seeds, mean ± standard error on the test split: \(parts.joined(separator: ", ")); that of seed "
            + "\(written) is written"
    }

    /// The key `seeds` of the main job.
    var json: JSON {
        func means(_ metrics: (Run) -> NamedMetrics?) -> JSON? {
            self.means(metrics).map { means in
                .object(
                    JSON.Object(
                        means.map { metric in
                            let facts: JSON = [
                                "mean": .number(metric.mean), "standard_error": .number(metric.standardError),
                            ]
                            return .init(metric.name, facts)
                        }))
            }
        }
        func object(_ metrics: NamedMetrics) -> JSON { .object(JSON.Object(members(metrics))) }
        var all: JSON.Object = ["written": .integer(written)]
        all["student"] = means(\.test)
        all["baseline"] = means(\.baseline)
        all["baseline_best"] = means(\.bestBaseline)
        all["runs"] = .array(
            runs.map { run in
                var one = JSON.Object([.init("seed", .integer(run.seed))] + members(run.test))
                if !run.validation.isEmpty { one["validation"] = object(run.validation) }
                one["baseline"] = run.baseline.map(object)
                one["baseline_best"] = run.bestBaseline.map(object)
                return .object(one)
            })
        return .object(all)
    }
}
