import Datasets
import ModelFiles
import Models
import Networks
import Tensors
import Training

/// Gives each parameter of a trained student as many bits as they are worth, so that its file fits.
///
/// What bits are worth is measured on training examples: by how much the student's predictions diverge when one parameter is
/// stored with fewer. Statistics of batch normalization follow the rounded weights. Nothing is trained.
struct Quantization: Stage {
    /// What the solver may choose.
    var kinds = WeightEncoding.Kinds.all

    var name: String { "quantization" }

    func steps(_ plan: StudentPlan, _ hyperparameters: Hyperparameters, titled: (String) -> String) -> [[String]] {
        plan.export.encodings.areExact ? [] : [[titled(Self.phase)]]
    }

    func cost(_ plan: StudentPlan, _ hyperparameters: Hyperparameters) -> StageCost {
        var cost = StageCost()
        // The predictions of the student's own weights, and its statistics with these and with those of the file.
        cost.samplePasses = plan.export.measurements + 3
        return cost
    }

    /// What the progress calls it.
    private static let phase = "measuring encodings"
    static let phaseAgain = "measuring encodings together"

    func run(_ student: Student, _ context: StageContext) throws -> Student {
        guard let network = student.network else { preconditionFailure("nothing was trained") }
        let layout = network.graph.layout, divergence = try divergence(network, context)
        let costs = try context.plan.export.costs(
            of: network.weights, measuring(divergence, Self.phase, context), kinds: kinds)
        var result = try rounded(student, network, costs, divergence, context)
        result.statistics = layout.statistics(of: network.weights)
        return result
    }

    /// The same for a student that was quantized before, and not trained since, by what errors cost in its file.
    func run(again student: Student, _ context: StageContext) throws -> Student {
        guard let network = student.network, let alone = student.costs, let statistics = student.statistics,
            let (_, written) = try student.written(context.plan, to: context.request.output)
        else { return student }
        let weights = Buffer(zeros: network.weights.elementCount).tensor
        weights.copy(from: network.weights)
        network.graph.layout.set(statistics, in: weights)
        let exact = TrainedNetwork(graph: network.graph, weights: weights)
        let divergence = try divergence(exact, context)
        let costs = try context.plan.export.costs(
            alone, of: weights, rounded: written.weights, measuring(divergence, Self.phaseAgain, context))
        return try rounded(student, exact, costs, divergence, context)
    }

    /// A student with the encodings that cost least, and the statistics that belong to them.
    ///
    /// - Parameters:
    ///   - network: The student's, with the statistics of its own weights.
    private func rounded(
        _ student: Student, _ network: TrainedNetwork, _ costs: EncodingCosts, _ divergence: PredictionDivergence,
        _ context: StageContext
    ) throws -> Student {
        let layout = network.graph.layout, plan = try fitted(network.weights, costs, context)
        // The numbers that the file will have decide the statistics; the others stay as they are for what may follow.
        let rounded = Buffer(zeros: network.weights.elementCount).tensor
        rounded.copy(from: try plan.rounded(network.weights, for: context.request.output))
        try divergence.statistics.follow(rounded)
        let statistics = layout.statistics(of: rounded)
        rounded.copy(from: network.weights)
        layout.set(statistics, in: rounded)
        var result = student
        result.network = TrainedNetwork(graph: network.graph, weights: rounded)
        (result.encodings, result.costs) = (plan.encodings, costs)
        return result
    }

    /// The encodings that cost least, for weights that are still trained, by what errors cost before: they leave a little
    /// room, since the bytes of coded levels change with the weights.
    func encodings(
        whileTraining weights: Tensor, _ student: Student, _ context: StageContext
    ) throws -> WeightEncodings {
        try fitted(
            weights, student.costs, context,
            slack: context.plan.export.format.kinds(kinds).contains(.shared) ? 0.005 : 0
        ).encodings
    }

    private func divergence(_ network: TrainedNetwork, _ context: StageContext) throws -> PredictionDivergence {
        try PredictionDivergence(
            network.graph, network.weights, on: context.train.sample(measuring: network.graph), workers: context.workers
        )
    }

    /// Measures with a phase of the progress.
    private func measuring(
        _ divergence: PredictionDivergence, _ phase: String, _ context: StageContext
    ) -> WeightDivergence {
        WeightDivergence { weights, layer, number, count in
            try context.workers.checkAgreement()
            if number == 1 { context.tell(.began(context.title(phase), total: count * divergence.exampleCount)) }
            let cost = try divergence(weights, changing: layer)
            context.tell(.advanced(divergence.exampleCount, note: nil))
            if number == count { context.tell(.ended) }
            return cost
        }
    }

    /// The plan of the file whose encodings cost least.
    ///
    /// - Parameters:
    ///   - weights: They have the layout of the plan's network.
    ///   - slack: The share of the bytes planned for it that is left free.
    private func fitted(
        _ weights: Tensor, _ costs: EncodingCosts?, _ context: StageContext, slack: Double = 0
    ) throws -> ExportPlan {
        let planned = context.plan.export
        let solved = context.plan.built.graph.layout.entries.reduce(0) { sum, entry in
            guard planned.encodings[entry].plannedBits != nil else { return sum }
            return sum + planned.encodings[entry].byteCount(of: entry.spec.shape)
        }
        let free = Int((slack * Double(solved)).rounded())
        return try planned.fitting(
            weights, limit: ByteCount(planned.size.file.bytes - free), costs: costs, kinds: kinds,
            as: context.request.output)
    }
}

/// Gives finer steps to the parameters whose rounding costs most among all the others', and coarser ones to the others, for a
/// student that has lost more than it may. Nothing is trained.
struct FinerSteps: Stage {
    let quantization: Quantization

    var name: String { "finer steps" }

    func steps(_ plan: StudentPlan, _ hyperparameters: Hyperparameters, titled: (String) -> String) -> [[String]] {
        [[titled(Quantization.phaseAgain)]]
    }

    func cost(_ plan: StudentPlan, _ hyperparameters: Hyperparameters) -> StageCost {
        var cost = StageCost()
        // Every parameter once, and the four passes that all of them need.
        cost.samplePasses = plan.export.measuredParameters + 4
        return cost
    }

    func run(_ student: Student, _ context: StageContext) throws -> Student {
        try quantization.run(again: student, context)
    }
}

extension ParameterLayout {
    /// The numbers that are not learned, such as moving variances.
    fileprivate func statistics(of weights: Tensor) -> [Float] {
        entries.filter { $0.spec.role != .trainable }.flatMap { entry in
            weights.slice(at: entry.offset, count: entry.spec.shape.elementCount).values
        }
    }

    /// Puts them into weights of the layout.
    fileprivate func set(_ statistics: [Float], in weights: Tensor) {
        var rest = statistics[...]
        for entry in entries where entry.spec.role != .trainable {
            let count = entry.spec.shape.elementCount
            weights.slice(at: entry.offset, count: count).copy(from: rest.prefix(count))
            rest = rest.dropFirst(count)
        }
    }
}
