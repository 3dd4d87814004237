import Training

/// The student on labels alone: with the student's recipe, and as it was after its best epoch on held-out rows.
struct LabelsAlone {
    let last: TrainedNetwork
    /// Nil where no rows are held out.
    let best: TrainedNetwork?
    /// The best epoch of each part, counted from 1.
    let bestEpochs: [Int]
    /// Whether one of these was not the last.
    let isEarlier: Bool

    /// What learns by itself: all of it, or a member.
    struct Part {
        let last: TrainedNetwork
        let best: TrainedNetwork
        let bestEpoch: Int?
        /// Whether the best epoch was the last one, or is what the recipe keeps.
        let isLastBest: Bool
    }

    init(_ parts: [Part], _ plan: StudentPlan) {
        last = plan.together(parts.map(\.last))
        bestEpochs = parts.compactMap(\.bestEpoch)
        best = bestEpochs.count == parts.count ? plan.together(parts.map(\.best)) : nil
        isEarlier = !parts.allSatisfy(\.isLastBest)
    }

    /// Both, as far as there are two.
    var networks: [TrainedNetwork] { [last] + (best.map { [$0] } ?? []) }
}

extension StageContext {
    static let baseline = "baseline"

    /// The student on labels alone: the same recipe, and the same changes of its examples.
    func trainBaseline() throws -> LabelsAlone {
        var hyperparameters = hyperparameters
        (hyperparameters.keepsBest, hyperparameters.prefersLast) = (true, false)
        let trained = try plan.parts(hyperparameters).map { part -> LabelsAlone.Part in
            let loader = BatchLoader(train, views: views, hyperparameters: part.hyperparameters, workers: workers)
            let trainer = try session(Self.baseline, part).train(
                part.graph, part.hyperparameters, minimizing: LabelLoss(labelKind), on: loader, train, validation)
            return LabelsAlone.Part(
                last: TrainedNetwork(graph: part.graph, weights: trainer.result(by: request.hyperparameters)),
                best: TrainedNetwork(trainer),
                bestEpoch: trainer.bestScore?.epoch,
                isLastBest: trainer.keepsBestScore(by: request.hyperparameters)
                    || trainer.bestScore.map { $0.epoch * loader.stepsPerEpoch } == trainer.step)
        }
        return LabelsAlone(trained, plan)
    }
}
