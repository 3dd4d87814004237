import Models
import Training

/// The steps of a run in their order, for those who watch: each teacher's predictions, each training, and the test.
final class RunSteps {
    /// What a phase of work is called.
    enum Phase {
        static func predicting(_ teacher: String) -> String { "predicting with \(teacher)" }
        static func training(_ title: String) -> String { "training \(title)" }
        static func testing(_ teacher: String) -> String { "testing \(teacher)" }
    }

    /// The phases of each step; those of one step may come in any number.
    private var steps: [[String]] = []
    private var next = 0

    var count: Int { steps.count }

    /// Sets the steps of a run that begins.
    func begin(_ steps: [[String]]) { (self.steps, next) = (steps, 0) }

    /// Which step a phase that begins belongs to, counted from 1; nil for one that is no step. Steps with nothing to do are
    /// passed over.
    func number(of phase: String) -> Int? {
        guard let step = steps.indices.dropFirst(next).first(where: { steps[$0].contains(phase) }) else { return nil }
        next = steps[step].count == 1 ? step + 1 : step
        return step + 1
    }
}

extension Compressor {
    /// The phases of each step of this run, and the epochs of each of those: 0 where nothing learns.
    var steps: [(phases: [String], epochs: Int)] {
        let (request, plan) = (request, plan), names = teachers.map(\.name), recipe = request.hyperparameters
        let students = (0..<max(request.seeds, 1)).flatMap { run -> [(phases: [String], epochs: Int)] in
            func titled(_ name: String) -> String { request.title(name, run: run) }
            let stages = request.stages.flatMap { stage in
                let epochs = stage.cost(plan, recipe).epochs
                return stage.steps(plan, recipe, titled: titled).map { (phases: $0, epochs: epochs) }
            }
            guard baseline.isWanted else { return stages }
            return stages
                + plan.steps(ofTraining: titled(StageContext.baseline), recipe).map { ($0, recipe.epochs) }
        }
        return names.map { ([RunSteps.Phase.predicting($0)], 0) } + students + [(names.map(RunSteps.Phase.testing), 0)]
    }
}
