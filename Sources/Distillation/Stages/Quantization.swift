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
        // The statistics of the file's weights follow once more.
        cost.samplePasses = samplePasses(plan) + 1
        return cost
    }

    /// How often a solution goes through the examples: for each measurement, for the predictions of the student's own weights,
    /// and for its statistics.
    func samplePasses(_ plan: StudentPlan) -> Int { plan.export.measurements + 2 }

    /// What the progress calls it.
    private static let phase = "measuring encodings"

    func run(_ student: Student, _ context: StageContext) throws -> Student {
        guard let network = student.network else { preconditionFailure("nothing was trained") }
        let examples = context.train.sample(measuring: network.graph)
        let statistics = BatchStatistics(
            network.graph, weights: network.weights, on: examples, workers: context.workers)
        let plan = try fitted(network.weights, examples, context, isShown: true)
        // The numbers that the file will have decide the statistics; the others stay as they are for what may follow.
        let rounded = Buffer(zeros: network.weights.elementCount).tensor
        rounded.copy(from: try plan.rounded(network.weights, for: context.request.output))
        try statistics.follow(rounded)
        let weights = Buffer(zeros: rounded.elementCount).tensor
        weights.copy(from: network.weights)
        for entry in network.graph.layout.entries where entry.spec.role != .trainable {
            weights.copy(
                entry.offset..<(entry.offset + entry.spec.shape.elementCount), of: rounded, to: entry.offset)
        }
        var result = student
        result.network = TrainedNetwork(graph: network.graph, weights: weights)
        result.encodings = plan.encodings
        return result
    }

    /// The encodings that cost least, for weights that are still trained: they leave a little room, since the bytes of coded
    /// levels change with the weights.
    func encodings(whileTraining weights: Tensor, _ context: StageContext) throws -> WeightEncodings {
        let examples = context.train.sample(measuring: context.plan.built.graph)
        return try fitted(
            weights, examples, context, slack: context.plan.export.format.kinds(kinds).contains(.shared) ? 0.005 : 0,
            isShown: false
        ).encodings
    }

    /// The plan of the file whose encodings cost least.
    ///
    /// - Parameters:
    ///   - weights: They have the layout of the plan's network.
    ///   - slack: The share of the bytes planned for it that is left free.
    ///   - isShown: Whether the progress has a phase for it.
    private func fitted(
        _ weights: Tensor, _ examples: ExampleSplit, _ context: StageContext, slack: Double = 0, isShown: Bool
    ) throws -> ExportPlan {
        let graph = context.plan.built.graph
        let divergence = try PredictionDivergence(graph, weights, on: examples, workers: context.workers)
        let phase = context.title(Self.phase), planned = context.plan.export
        let solved = graph.layout.entries.reduce(0) { sum, entry in
            guard planned.encodings[entry].plannedBits != nil else { return sum }
            return sum + planned.encodings[entry].byteCount(of: entry.spec.shape)
        }
        let free = Int((slack * Double(solved)).rounded())
        defer { if isShown { context.tell(.ended) } }
        return try planned.fitting(
            weights, limit: ByteCount(planned.size.file.bytes - free),
            WeightDivergence { weights, layer, number, count in
                try context.workers.checkAgreement()
                if isShown, number == 1 { context.tell(.began(phase, total: count * examples.count)) }
                defer { if isShown { context.tell(.advanced(examples.count, note: nil)) } }
                return try divergence(weights, changing: layer)
            }, kinds: kinds, as: context.request.output)
    }
}
