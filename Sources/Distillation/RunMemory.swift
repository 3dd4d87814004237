import Datasets
import ModelFiles
import Models
import Networks
import Ranks
import Tensors
import Training

// What a run takes of memory and of the run directory, known before any of it is taken.

extension Compressor {
    /// About the most memory at a time, while teachers predict and while the student trains; none of it is taken.
    ///
    /// - Parameter isAlone: Whether one process does it, whatever their number.
    func memory(threads: Int, isAlone: Bool = false) -> (predicting: Int, training: Int) {
        let live = liveTeachers
        var largest = 0, besideStudent = 0
        for (index, teacher) in teachers.enumerated() {
            let bytes = teacher.memory(threads: threads)
            largest = max(largest, bytes)
            if live.contains(index) { besideStudent += bytes }
        }
        let base = MemoryError.base + train.readingMemory, examined = examinationMemory
        var hyperparameters = request.hyperparameters
        // Labels alone are kept at their best epoch.
        hyperparameters.keepsBest = hyperparameters.keepsBest || baseline.isWanted
        // Trained networks wait for the test split.
        let trained = request.generations + request.seeds - 2 + (baseline.isWanted ? 2 * request.seeds : 0)
        let waiting = trained * plan.built.graph.layout.extent * MemoryLayout<Float>.stride
        return (
            base + largest + max(heldOutMemory, examined),
            base + besideStudent + examined + waiting
                + studentMemory(hyperparameters, threads: threads, isAlone ? Alone() : peers)
        )
    }

    /// The teachers' predictions for the held-out examples that they are measured on, with labels and probabilities, and once more
    /// where shares are learned from it.
    private var heldOutMemory: Int {
        let numbers = min(validation.count * data.classCount, Self.mostNumbers)
        let learns = teachers.count > 1 && [.learned, .automatic].contains(request.teacherWeights)
        return numbers * MemoryLayout<Float>.stride * (teachers.count * (learns ? 2 : 1) + 3)
    }

    /// What measuring all models on a split takes: their predictions for a batch, and what is kept for the metrics of each of
    /// them and of their mixtures.
    private var examinationMemory: Int {
        let splits = [validation, data.test], models = teachers.count + 4
        return splits.map { split in
            min(Evaluation.batchBytes, split.count * data.classCount * MemoryLayout<Float>.stride * models)
                + models * RunningMetrics.memory(labelKind, exampleCount: split.count)
        }.max() ?? 0
    }

    /// Refuses a run for which there is not enough memory, before any of it is taken.
    func refuseMemory(threads: Int) throws {
        let memory = memory(threads: threads)
        let needed = max(memory.predicting, memory.training)
        if let error = MemoryError.refusal(of: needed, threads: threads) { throw error }
    }

    /// The stored predictions of teachers, generations included, in the run directory.
    var softTargetBytes: ByteCount {
        let live = alwaysLiveTeachers
        let first = teachers.indices.reduce(0) {
            $0 + (teachers[$1].refusal(of: data.test) == nil ? data.test.count : 0)
                + predictedExamples(isLive: live.contains($1))
        }
        // As real numbers: a million generations of a million views are more than an Int can count.
        let others = Double(request.generations - 1) * Double(predictedExamples(isLive: isTeachingLive))
        let each = request.softTargets.byteCount(classCount: data.classCount)
        let bytes = (Double(first) + others) * Double(each)
        return ByteCount(bytes < 0x1p53 ? Int(bytes) : 1 << 60)
    }

    /// How many examples a teacher predicts before the student is trained, each view of one counted.
    func predictedExamples(isLive: Bool) -> Int {
        return validation.count + (isLive ? 0 : (train.count + (unlabeled?.count ?? 0)) * (request.views ?? 1))
    }

    /// What the student takes while it learns: of members that learn one after another the largest, beside the weights
    /// of all. Examples that are mixed are those of a whole batch, at hand at once.
    private func studentMemory(_ hyperparameters: Hyperparameters, threads: Int, _ peers: any Peers) -> Int {
        let batch = min(hyperparameters.batchSize, data.train.count + (unlabeled?.count ?? 0))
        func memory(_ graph: LayerGraph, rounds: Bool = false) -> Int {
            let example = graph.inputs.reduce(data.classCount) { $0 + graph.shape(of: $1).elementCount }
            let isMixed = views?.augmentation.mixes ?? false
            // The teachers' predictions for a batch, mixed, beside the labels.
            let targets = batch * data.classCount * (teachers.count + 6) * MemoryLayout<Float>.stride
            // Held-out examples are predicted between two epochs.
            return Trainer.memory(graph, hyperparameters, threads: threads, peers: peers, rounds: rounds).bytes
                + Predictor.memory(graph, threads: threads).bytes + targets
                + (isMixed ? batch * example * MemoryLayout<Float>.stride : 0)
        }
        let weights = plan.built.graph.layout.extent * MemoryLayout<Float>.stride
        let plain =
            plan.members.isEmpty
            ? memory(layers.student) : weights + (plan.members.map { memory($0.graph) }.max() ?? 0)
        // Beside the weights that it begins with.
        return request.stages.contains(where: \.trainsRounded)
            ? max(plain, weights + memory(plan.built.graph, rounds: true)) : plain
    }

    /// The teachers that run beside the student, at least in one stage.
    var liveTeachers: Set<Int> {
        if isTeachingLive { return Set(teachers.indices) }
        return Set(layers.teachers.keys).union(firstLayers?.teachers.keys.map(\.self) ?? [])
    }

    /// Those that do so in every stage, whose predictions for the training examples are not stored.
    var alwaysLiveTeachers: Set<Int> {
        if isTeachingLive { return Set(teachers.indices) }
        if request.stages.contains(where: \.trainsRounded) { return [] }
        let last = Set(layers.teachers.keys)
        return firstLayers.map { last.intersection($0.teachers.keys) } ?? last
    }

    /// Whether every teacher sees every example anew, as the student does.
    private var isTeachingLive: Bool { views.map { $0.count == nil } ?? false }
}
