import ModelFiles
import Models
import Networks
import Tensors
import Training

/// What happens to a student on its way to its file: a training, or a change of its weights.
///
/// A student flows through the stages of its request (`CompressionRequest.stages`), is rounded to what its file can hold, is
/// measured, and written. A stage is a plain value; what it works with is in the context. It gives the same bits when a
/// resumed run does it again.
protocol Stage: Sendable {
    /// As the progress, the dry run and the files of a training call it: `generation 2`. No two stages of a run have the same.
    var name: String { get }

    /// What it does, beyond the request's own settings: all that its bits depend on.
    var settings: [Setting] { get }

    /// Whether it trains the whole student with rounded weights, on predictions that are kept: no teacher runs beside it for its
    /// layers, and members learn together.
    var trainsRounded: Bool { get }

    /// How the file stores the parameters of a student that has passed. The size of the file follows, before there are any
    /// weights; encodings that `run` finds for these take no more.
    func encodings(after given: WeightEncodings, of layout: ParameterLayout) -> WeightEncodings

    /// What it costs, before anything is paid.
    func cost(_ plan: StudentPlan, _ hyperparameters: Hyperparameters) -> StageCost

    /// The steps of the progress that it takes, each with the names of the phases (`CompressionEvent.began`) that belong to it.
    ///
    /// - Parameter titled: What a training is called in this run.
    func steps(_ plan: StudentPlan, _ hyperparameters: Hyperparameters, titled: (String) -> String) -> [[String]]

    /// Does it.
    ///
    /// - Returns: A student whose weights have the layout of the plan's network, unless a training follows.
    /// - Throws: `CancellationError` where the context says that the run is interrupted.
    func run(_ student: Student, _ context: StageContext) throws -> Student
}

extension Stage {
    var settings: [Setting] { [] }
    var trainsRounded: Bool { false }
    func encodings(after given: WeightEncodings, of layout: ParameterLayout) -> WeightEncodings { given }
    func cost(_ plan: StudentPlan, _ hyperparameters: Hyperparameters) -> StageCost { StageCost() }
    func steps(_ plan: StudentPlan, _ hyperparameters: Hyperparameters, titled: (String) -> String) -> [[String]] {
        [[titled(name)]]
    }
}

/// How often a stage goes through the data.
struct StageCost: Hashable, Sendable {
    /// The passes over the training examples in which the student learns, forward and backward.
    var epochs = 0
    /// How many networks learn so, each for as many steps: the members of a student that learn one after another.
    var networks = 1
    /// Whether teachers that predict live do so in these passes.
    var asksTeachers = false
    /// The passes over the held-out examples, forward alone.
    var heldOutPasses = 0
    /// Those over the examples on which bits are measured (`ExampleSplit.sample(measuring:)`).
    var samplePasses = 0

    /// A training as a recipe has it.
    init(training plan: StudentPlan, _ hyperparameters: Hyperparameters) {
        (epochs, networks, heldOutPasses) = (
            hyperparameters.epochs, plan.parts(hyperparameters).count, hyperparameters.epochs
        )
    }

    init() {}
}

/// A student on its way to its file.
struct Student {
    /// What its trainings have come to; nil before the first.
    var network: TrainedNetwork?
    /// How its file stores its parameters, where that follows from their numbers; nil for what its stages promised.
    var encodings: WeightEncodings?
    /// What errors in its parameters cost, where that was measured, and the statistics that it had then.
    var costs: EncodingCosts?
    var statistics: [Float]?
    /// The generations before it, each of which is the teacher of the next.
    var predecessors: [TrainedNetwork] = []
    /// What its trainings have made of it, on held-out examples, before anything made its file smaller; nil where nothing has.
    var exact: Evaluation.Scores?
    /// The same of it as its file would have it now, where the last stage has measured that.
    var scores: Evaluation.Scores?
    /// What stages have made of its file, in their order.
    var outcomes: [StageOutcome] = []

    /// What it has come to.
    var outcome: StageOutcome? { outcomes.last(where: \.isKept) }

    /// The plan of its file, and its network with the weights that the file will have; nil before the first training.
    ///
    /// - Parameter path: What errors call the file.
    /// - Throws: `ModelFileError` for numbers that their encoding does not hold.
    func written(_ plan: StudentPlan, to path: String) throws -> (export: ExportPlan, network: TrainedNetwork)? {
        guard let network else { return nil }
        let export = try encodings.map(plan.export.storing) ?? plan.export
        let weights = try export.rounded(network.weights, for: path)
        return (export, TrainedNetwork(graph: network.graph, weights: weights))
    }

    /// The same with what a function makes of the weights, which have the layout of its network.
    func mapWeights(_ change: (Tensor) throws -> Tensor) rethrows -> Student {
        var student = self
        student.network = try network.map { TrainedNetwork(graph: $0.graph, weights: try change($0.weights)) }
        return student
    }
}

extension CompressionRequest {
    /// What happens to the student, in this order.
    var stages: [any Stage] {
        let first: [any Stage] = firstStage.map { [$0] } ?? []
        return first + (1..<(generations + 1)).map { Generation(number: $0, of: generations) } + compression + endStages
    }
}
