import Datasets
import Foundation
import HDF5
import Networks
import Storage
import Tensors
import TestSupport
import Testing
import Training

/// A run that was stopped and goes on is the run that was not.
@Suite struct ResumeTests {
    /// Runs until `stop` steps are made, or to the end; 3 steps an epoch.
    @discardableResult
    private func train(
        _ file: ExampleFile, _ hyperparameters: Hyperparameters, checkpoint: String?, fingerprint: String = "this run",
        stop: Int? = nil, interval: Duration = TrainingRun.defaultCheckpointInterval,
        threads: Int = 2, epochEnded: @escaping (TrainingRun.EpochReport) -> Void = { _ in },
        check: @escaping () throws -> Void = {}, warn: @escaping (String) -> Void = { _ in },
        stepEnded: @escaping (TrainingRun.StepReport) throws -> Void = { _ in }
    ) throws -> Trainer {
        let (workers, trainer) = try makeTrainer(hyperparameters, threads: threads, stop: stop)
        defer { workers.close() }
        var run = TrainingRun(train: file.train, validation: file.validation)
        run.checkpoint = checkpoint.map { ($0, fingerprint) }
        (run.check, run.stepEnded, run.epochEnded, run.warn) = (check, stepEnded, epochEnded, warn)
        run.checkpointInterval = interval
        try run.run(trainer, minimizing: LabelLoss(.multiclass))
        return trainer
    }

    private static let recipes: [(name: String, hyperparameters: Hyperparameters)] = {
        var average = smallHyperparameters(epochs: 3)
        average.emaMomentum = 0.8
        var decay = smallHyperparameters(epochs: 3)
        decay.optimizer = Optimizer(.adamw)
        decay.globalClipnorm = 0.5
        decay.emaMomentum = 0.9
        var momentum = smallHyperparameters(epochs: 3)
        momentum.optimizer = Optimizer(.sgd)
        momentum.optimizer.isNesterov = true
        momentum.learningRateSchedule = LearningRateSchedule(.linear, warmup: 0.3)
        return [("adam", smallHyperparameters(epochs: 3)), ("average", average), ("adamw", decay), ("sgd", momentum)]
    }()

    @Test(arguments: recipes.map(\.name), [1, 3, 5, 8])
    func endsWithTheSameBits(name: String, step: Int) throws {
        let hyperparameters = try #require(Self.recipes.first { $0.name == name }).hyperparameters
        try withData { file, folder in
            let path = folder.appending(path: "checkpoint.h5").path
            let whole = try train(file, hyperparameters, checkpoint: nil)
            #expect(throws: CancellationError.self) { try train(file, hyperparameters, checkpoint: path, stop: step) }
            let resumed = try train(file, hyperparameters, checkpoint: path, threads: 3)
            #expect(resumed.step == 9)
            #expect(resumed.stateBits == whole.stateBits)
            #expect(bits(resumed.result) == bits(whole.result))
        }
    }

    /// A run that is killed loses what it has learned since the last checkpoint, which need not be at the end of an epoch.
    @Test(arguments: recipes.map(\.name), [1, 2, 4, 5, 6])
    func endsWithTheSameBitsWhereItWasKilled(name: String, steps: Int) throws {
        struct Killed: Error {}
        let hyperparameters = try #require(Self.recipes.first { $0.name == name }).hyperparameters
        try withData { file, folder in
            let path = folder.appending(path: "checkpoint.h5").path
            let whole = try train(file, hyperparameters, checkpoint: nil)
            #expect(throws: Killed.self) {
                try train(
                    file, hyperparameters, checkpoint: path, interval: .zero,
                    stepEnded: { if $0.step > steps { throw Killed() } })
            }
            var first: Int?
            let resumed = try train(
                file, hyperparameters, checkpoint: path, threads: 3, stepEnded: { first = first ?? $0.step })
            #expect(first == steps + 1)
            #expect(resumed.stateBits == whole.stateBits && bits(resumed.result) == bits(whole.result))
        }
    }

    @Test func writesNoCheckpointBeforeItsTime() throws {
        try withData { file, folder in
            let path = folder.appending(path: "checkpoint.h5").path
            var known: [Bool] = []
            try train(
                file, smallHyperparameters(epochs: 1), checkpoint: path,
                stepEnded: { _ in known.append(FileManager.default.fileExists(atPath: path)) })
            #expect(known == [false, false, false])
        }
    }

    /// An epoch whose steps are all made, and that is stopped while it is measured, is measured by whoever goes on.
    @Test func goesOnWithMeasuring() throws {
        try withData { file, folder in
            let path = folder.appending(path: "checkpoint.h5").path, hyperparameters = smallHyperparameters(epochs: 2)
            var whole: [TrainingRun.EpochReport] = [], parts: [TrainingRun.EpochReport] = []
            let last = try train(file, hyperparameters, checkpoint: nil) { whole.append($0) }
            // Asked before each of 3 steps, before measuring, and with each batch of that.
            var questions = 0
            let workers = Workers(2) {
                questions += 1
                return questions == 5
            }
            defer { workers.close() }
            let stopped = makeTrainer(try build(everything).graph, hyperparameters, workers)
            var run = TrainingRun(train: file.train, validation: file.validation)
            run.checkpoint = (path, "this run")
            run.epochEnded = { parts.append($0) }
            #expect(throws: CancellationError.self) { try run.run(stopped, minimizing: LabelLoss(.multiclass)) }
            #expect(parts.isEmpty && stopped.step == 3 && questions == 5)
            var steps: [Int] = []
            let resumed = try train(
                file, hyperparameters, checkpoint: path, epochEnded: { parts.append($0) },
                stepEnded: { steps.append($0.step) })
            #expect(steps == [4, 5, 6])
            #expect(resumed.stateBits == last.stateBits)
            #expect(parts.map(\.epoch) == [1, 2] && parts.map(\.terms) == whole.map(\.terms))
            #expect(parts.map(\.learningRate) == whole.map(\.learningRate))
            #expect(parts.map(\.step) == whole.map(\.step))
            #expect(parts.map { $0.validation.map(\.value) } == whole.map { $0.validation.map(\.value) })
        }
    }

    /// The loss of an epoch is the mean over all of its examples, whenever they were seen.
    @Test func tellsTheLossOfTheWholeEpoch() throws {
        try withData { file, folder in
            let path = folder.appending(path: "checkpoint.h5").path, hyperparameters = smallHyperparameters(epochs: 3)
            var whole: [[Double]] = [], parts: [[Double]] = []
            try train(file, hyperparameters, checkpoint: nil) { whole.append($0.terms) }
            for step in [2, 4] {
                #expect(throws: CancellationError.self) {
                    try train(file, hyperparameters, checkpoint: path, stop: step) { parts.append($0.terms) }
                }
            }
            try train(file, hyperparameters, checkpoint: path) { parts.append($0.terms) }
            #expect(parts == whole)
        }
    }

    @Test func survivesManyInterruptions() throws {
        try withData { file, folder in
            let path = folder.appending(path: "checkpoint.h5").path, hyperparameters = smallHyperparameters(epochs: 3)
            let whole = try train(file, hyperparameters, checkpoint: nil)
            for step in 0..<9 {
                #expect(throws: CancellationError.self) {
                    try train(file, hyperparameters, checkpoint: path, stop: step)
                }
            }
            #expect(try train(file, hyperparameters, checkpoint: path).stateBits == whole.stateBits)
        }
    }

    @Test func changesNothingAfterTheEnd() throws {
        try withData { file, folder in
            let path = folder.appending(path: "checkpoint.h5").path, hyperparameters = smallHyperparameters(epochs: 2)
            let whole = try train(file, hyperparameters, checkpoint: path)
            #expect(try train(file, hyperparameters, checkpoint: path).stateBits == whole.stateBits)
        }
    }

    @Test func reportsWhatRemains() throws {
        try withData { file, folder in
            let path = folder.appending(path: "checkpoint.h5").path, hyperparameters = smallHyperparameters(epochs: 3)
            #expect(throws: CancellationError.self) { try train(file, hyperparameters, checkpoint: path, stop: 4) }
            let workers = Workers(2)
            defer { workers.close() }
            let trainer = makeTrainer(try build(everything).graph, hyperparameters, workers)
            var examples: [Int] = [], epochs: [Int] = []
            var run = TrainingRun(train: file.train, validation: nil)
            run.checkpoint = (path, "this run")
            run.advance = { count, _ in examples.append(count) }
            run.epochEnded = { epochs.append($0.epoch) }
            try run.run(trainer, minimizing: LabelLoss(.multiclass))
            // An epoch of 26 and a batch of 10 are done; the rest comes batch by batch, and 78 in all.
            #expect(examples == [36, 10, 6, 10, 10, 6])
            #expect(epochs == [2, 3])
        }
    }

    @Test func refusesTheCheckpointOfAnotherRun() throws {
        try withData { file, folder in
            let path = folder.appending(path: "checkpoint.h5").path, hyperparameters = smallHyperparameters()
            #expect(throws: CancellationError.self) { try train(file, hyperparameters, checkpoint: path, stop: 2) }
            let text = message { try train(file, hyperparameters, checkpoint: path, fingerprint: "another run") }
            #expect(
                text == "'\(path)': the checkpoint belongs to a run with other options, data or teachers. "
                    + "Resume with the options that the run was started with, or choose another --run-directory")
        }
    }

    /// Any damage of the last checkpoint: the run goes on from the one before it, says so, and ends with the same bits.
    @Test(arguments: [0.0, 0.1, 0.5, 0.9, 0.999], [false, true])
    func goesOnFromTheCheckpointBefore(share: Double, isCut: Bool) throws {
        try withData { file, folder in
            let path = folder.appending(path: "checkpoint.h5").path, hyperparameters = smallHyperparameters(epochs: 3)
            let whole = try train(file, hyperparameters, checkpoint: nil)
            #expect(throws: CancellationError.self) { try train(file, hyperparameters, checkpoint: path, stop: 7) }
            try damage(path, share, isCut)
            var warnings: [String] = [], epochs: [Int] = []
            let resumed = try train(file, hyperparameters, checkpoint: path) {
                epochs.append($0.epoch)
            } warn: {
                warnings.append($0)
            }
            #expect(resumed.stateBits == whole.stateBits)
            // The one before is of the second epoch's end.
            #expect(epochs == [3])
            #expect(
                warnings == [
                    "the checkpoint '\(path)' is damaged: going on from the one before it, "
                        + "'\(Checkpoint.previous(path))'"
                ])
        }
    }

    /// A run may be killed between the two renames that replace a checkpoint.
    @Test func goesOnWhereTheLastCheckpointIsMissing() throws {
        try withData { file, folder in
            let path = folder.appending(path: "checkpoint.h5").path, hyperparameters = smallHyperparameters(epochs: 3)
            let whole = try train(file, hyperparameters, checkpoint: nil)
            #expect(throws: CancellationError.self) { try train(file, hyperparameters, checkpoint: path, stop: 7) }
            try FileManager.default.removeItem(atPath: path)
            var epochs: [Int] = []
            #expect(
                try train(file, hyperparameters, checkpoint: path) { epochs.append($0.epoch) }.stateBits
                    == whole.stateBits)
            #expect(epochs == [3])
        }
    }

    /// The checkpoint before the last one is not lost without a word, and the last one stays.
    @Test func stopsWhereTheCheckpointBeforeCannotBeKept() throws {
        try withData { file, folder in
            let path = folder.appending(path: "checkpoint.h5").path, hyperparameters = smallHyperparameters(epochs: 3)
            let whole = try train(file, hyperparameters, checkpoint: nil)
            #expect(throws: CancellationError.self) { try train(file, hyperparameters, checkpoint: path, stop: 2) }
            let spare = URL(filePath: Checkpoint.previous(path))
            try FileManager.default.createDirectory(at: spare, withIntermediateDirectories: true)
            try Data().write(to: spare.appending(path: "file"))
            #expect(throws: StorageError(.write, spare.path, EISDIR)) {
                try train(file, hyperparameters, checkpoint: path)
            }
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.contains("checkpoint") }
                    .sorted() == ["checkpoint-previous.h5", "checkpoint.h5"])
            try FileManager.default.removeItem(at: spare)
            #expect(try train(file, hyperparameters, checkpoint: path).stateBits == whole.stateBits)
        }
    }

    @Test(arguments: [0.0, 0.1, 0.5, 0.9, 0.999], [false, true])
    func refusesWhereAllCheckpointsAreDamaged(share: Double, isCut: Bool) throws {
        try withData { file, folder in
            let path = folder.appending(path: "checkpoint.h5").path, hyperparameters = smallHyperparameters()
            #expect(throws: CancellationError.self) { try train(file, hyperparameters, checkpoint: path, stop: 2) }
            try damage(path, share, isCut)
            #expect(
                message { try train(file, hyperparameters, checkpoint: path) }
                    == "the checkpoint '\(path)' is damaged (its checksum is wrong), and there is no other. Begin anew, "
                    + "without --resume")
            try FileManager.default.copyItem(atPath: path, toPath: Checkpoint.previous(path))
            #expect(
                message { try train(file, hyperparameters, checkpoint: path) }
                    == "the checkpoints '\(path)' and '\(Checkpoint.previous(path))' are damaged (their checksums are "
                    + "wrong). Begin anew, without --resume")
        }
    }

    /// Cuts a file there, or changes one bit.
    private func damage(_ path: String, _ share: Double, _ isCut: Bool) throws {
        var bytes = try Data(contentsOf: URL(filePath: path))
        let place = Int(Double(bytes.count) * share)
        if isCut { bytes = bytes.prefix(place) } else { bytes[place] ^= 4 }
        try bytes.write(to: URL(filePath: path))
    }

    /// A checkpoint whose seal is right, too.
    @Test(arguments: [-1, -1000, Int.min, 7, Int.max])
    func refusesAStepThatNoRunMakes(step: Int) throws {
        try withData { file, folder in
            let path = folder.appending(path: "checkpoint.h5").path, hyperparameters = smallHyperparameters(epochs: 2)
            let graph = try build(everything).graph, extent = graph.layout.extent
            try HDF5File.writeSealed(to: path) { new in
                try new.root.attributes.write("this run", to: "fingerprint")
                try new.root.attributes.write(step, to: "step")
                for name in ["weights", "moment0", "moment1"] {
                    try new.root.createDataset(name, [Float](repeating: 0, count: extent), shape: [extent])
                }
            }
            #expect(
                message { try train(file, hyperparameters, checkpoint: path) }?.contains("belongs to a run") == true)
        }
    }

    /// Nothing is kept of what was learned from data that changed, nor is what was kept before lost.
    @Test func keepsNoCheckpointOfDataThatChanged() throws {
        struct Changed: Error {}
        try withData { file, folder in
            let path = folder.appending(path: "checkpoint.h5").path, hyperparameters = smallHyperparameters(epochs: 3)
            let whole = try train(file, hyperparameters, checkpoint: nil)
            var checks = 0
            #expect(throws: Changed.self) {
                try train(
                    file, hyperparameters, checkpoint: path,
                    check: {
                        checks += 1
                        // Of the first epoch twice, of the second one before its checkpoint has its name.
                        if checks == 4 { throw Changed() }
                    })
            }
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [
                    "checkpoint.h5", "data.h5",
                ])
            var epochs: [Int] = []
            #expect(
                try train(file, hyperparameters, checkpoint: path) { epochs.append($0.epoch) }.stateBits
                    == whole.stateBits)
            #expect(epochs == [2, 3])
        }
    }

    /// Whoever goes on from a checkpoint never hears of the epochs before it again.
    @Test func tellsOfAnEpochBeforeItsCheckpoint() throws {
        try withData { file, folder in
            let path = folder.appending(path: "checkpoint.h5").path
            var known: [Bool] = []
            try train(file, smallHyperparameters(epochs: 2), checkpoint: path) { _ in
                known.append(FileManager.default.fileExists(atPath: path))
            }
            #expect(known == [false, true])
        }
    }

    @Test func leavesNoPartialCheckpoint() throws {
        try withData { file, folder in
            let path = folder.appending(path: "checkpoint.h5").path
            try Data("left by a run that was killed".utf8).write(to: URL(filePath: path + ".99999.partial"))
            try train(file, smallHyperparameters(), checkpoint: path)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [
                    "checkpoint-previous.h5", "checkpoint.h5", "data.h5",
                ])
        }
    }
}
