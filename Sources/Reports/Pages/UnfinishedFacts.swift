public import Distillation
public import ModelFiles
import Tensors

/// What the page of an unfinished run is made of: the same keys as `report.json` has, as far as they are known.
extension UnfinishedRun {
    /// - Parameters:
    ///   - program: The name and version of this program.
    ///   - advice: How the run goes on.
    public func facts(program: String, advice: String) -> JSON {
        let trainings = TrainingCurve.all(lines)
        let scores = trainings.first?.epochs.keys.filter { $0.hasPrefix("validation_") } ?? []
        let metrics = scores.map { String($0.dropFirst("validation_".count)) }
        var facts: JSON.Object = [
            "program": .string(program), "state": .string("\(state)\(advice)"),
            "result": ["student": plan["student"] ?? .null, "teachers": plan["teachers"] ?? .null],
            "metrics": .array(metrics.map { ["name": .string($0), "title": .string(title($0))] }),
            "trainings": .array(trainings.map(\.json)),
        ]
        for key in ["run", "architecture", "data", "loss", "settings"] { facts[key] = plan[key] }
        facts["remarks"] = [.string(planned)]
        return .object(facts)
    }

    /// The size of the student's file, which is known beforehand.
    private var planned: String {
        let bytes = plan["student"]?["predicted_bytes"]?.integer ?? 0, limit = plan["budget"]?["limit"]?.integer ?? 0
        let parameters = plan["student"]?["parameters"]?.integer ?? 0
        let isOfFile = plan["budget"]?["counts"]?.string == Budget.Counted.file.rawValue
        return
            "the student will have \(grouped(parameters)) parameters in at most \(grouped(bytes)) bytes; the budget is "
            + "\(grouped(limit)) bytes\(isOfFile ? "" : " of parameters as float32")"
    }
}
