import Models

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
    /// The phases of each step of this run.
    var phases: [[String]] {
        func trainings(_ name: String) -> [[String]] {
            plan.parts(request.recipe).map { [RunSteps.Phase.training($0.title(name))] }
        }
        func first(_ run: Int) -> [[String]] {
            request.firstStage == nil ? [] : [[RunSteps.Phase.training(request.title("first stage", run: run))]]
        }
        func alone(_ run: Int) -> [[String]] {
            baseline.isWanted ? trainings(request.title("baseline", run: run)) : []
        }
        let names = teachers.map(\.name)
        var phases = names.map { [RunSteps.Phase.predicting($0)] }
        phases += first(0) + trainings(request.generations == 1 ? "student" : "generation 1")
        for generation in 2..<(request.generations + 1) {
            phases.append([RunSteps.Phase.predicting("generation-\(generation - 1)")])
            phases += trainings("generation \(generation)")
        }
        phases += alone(0)
        for run in 1..<max(request.seeds, 1) {
            phases += first(run) + trainings(request.title("student", run: run)) + alone(run)
        }
        return phases + [names.map(RunSteps.Phase.testing)]
    }
}
