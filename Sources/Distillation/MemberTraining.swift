import ModelFiles
import Networks
import Tensors
import Training

/// What of a student is trained at a time: all of it, or a member of several that learn one after another.
struct TrainingPart {
    /// The member's name; nil for a student that is trained as one.
    let member: String?
    let graph: LayerGraph
    let hyperparameters: Hyperparameters
    let isFirst: Bool

    /// A training as the progress shows it: `student, member frames`.
    func title(_ training: String) -> String { training + (member.map { ", member \($0)" } ?? "") }

    /// The same in the names of files and figures: `student frames`.
    func key(_ training: String) -> String { training + (member.map { " \($0)" } ?? "") }
}

extension StudentPlan {
    /// Seeds of members are so far apart that those of generations, which count by one, do not meet them.
    static let seedStride = 1000

    /// What is trained, one after another.
    ///
    /// Members of one architecture begin with weights of their own, and see the examples in an order of their own.
    func parts(_ hyperparameters: Hyperparameters) -> [TrainingPart] {
        guard !members.isEmpty else {
            return [TrainingPart(member: nil, graph: built.graph, hyperparameters: hyperparameters, isFirst: true)]
        }
        return members.enumerated().map { index, member in
            var hyperparameters = hyperparameters
            hyperparameters.seed &+= index * Self.seedStride
            return TrainingPart(
                member: member.name, graph: member.graph, hyperparameters: hyperparameters, isFirst: index == 0)
        }
    }

    /// The steps of a training: one for each part.
    func steps(ofTraining title: String, _ hyperparameters: Hyperparameters) -> [[String]] {
        parts(hyperparameters).map { [RunSteps.Phase.training($0.title(title))] }
    }

    /// Trains the student by its parts, and puts them side by side.
    ///
    /// - Parameter train: Trains one part; what it returns has the layers of the part's graph.
    func train(_ hyperparameters: Hyperparameters, _ train: (TrainingPart) throws -> TrainedNetwork) rethrows
        -> TrainedNetwork
    {
        together(try parts(hyperparameters).map(train))
    }

    /// The parts side by side.
    func together(_ parts: [TrainedNetwork]) -> TrainedNetwork {
        if parts.count == 1 { return parts[0] }
        let whole = ParameterVector(zeros: built.graph.layout)
        for part in parts { part.copy(to: whole) }
        return TrainedNetwork(graph: built.graph, weights: whole.tensor)
    }

    /// Refuses losses that look at layers of the student, whose members are no one network while they learn.
    func refuse(_ terms: [LossTerm]) throws {
        let names = Set(terms.filter(\.loss.comparesLayers).map(\.loss.name)).sorted()
        guard !members.isEmpty, !names.isEmpty else { return }
        throw LossError(
            problems: names.map {
                "loss '\($0)' compares layers of the student, whose members learn one after another: leave it out, or "
                    + "set 'training: jointly' in '\(built.architecture.origin)'"
            })
    }
}
