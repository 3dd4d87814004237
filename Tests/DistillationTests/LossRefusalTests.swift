import Foundation
import HDF5
import Models
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// Losses and augmentation that cannot work are refused before anything is written.
@Suite struct LossRefusalTests {
    private func refusal(_ scene: Scene, _ request: CompressionRequest) throws -> String? {
        let before = try FileManager.default.contentsOfDirectory(atPath: scene.folder.path).sorted()
        let text = message { _ = try Compressor(request) { _ in } }
        #expect(try FileManager.default.contentsOfDirectory(atPath: scene.folder.path).sorted() == before)
        return text
    }

    private static let pair = Images.pair

    private static func flow(_ a: (String, String), _ b: (String, String)) -> LossTerm.Measure {
        .fsp([(pair(a.0, b.0), pair(a.1, b.1))])
    }

    static let layers: [(LossTerm.Measure, String)] = [
        (
            .hint([pair("erly", "middle"), pair("late", "midle")]),
            "loss 'hint': the student 'tiny' has no layer 'erly'; did you mean 'early'?\n"
                + "loss 'hint': the teacher 'teacher' has no layer 'midle'; did you mean 'middle'?"
        ),
        (
            flow(("early", "late"), ("first", "middle")),
            "loss 'fsp': 'early → late' of the student gives a matrix of (3, 4), which needs the same numbers of "
                + "channels; 'first → middle' of 'teacher' gives (3, 5)"
        ),
        (
            flow(("early", "answer"), ("first", "second")),
            "loss 'fsp': 'early' and 'first', 'answer' and 'second': the flow between layers is that of images "
                + "(height, width, channels), found (6, 6, 3) and (3)"
        ),
        (
            .hint([pair("early", "middle")]),
            "loss 'hint': 'early' of the student gives (6, 6, 5), which needs the same height and width, or as many "
                + "steps; 'middle' of 'teacher' gives (3, 3, 5)"
        ),
        (
            .attention([pair("early", "middle")]),
            "loss 'attention': 'early' of the student gives a map of (36), which needs the same height and width; "
                + "'middle' of 'teacher' gives (9)"
        ),
        (
            .attention([pair("flat", "middle")]),
            "loss 'attention': 'flat' and 'middle': takes one input of positions and channels, such as (H, W, C), "
                + "found (36)"
        ),
    ]

    @Test(arguments: layers)
    func refusesLayersThatDoNotFit(measure: LossTerm.Measure, expected: String) throws {
        try Images.withScene { scene in
            var request = scene.request([try scene.writeImageTeacher("teacher.h5", seed: 1)])
            request.loss.terms.append(LossTerm(measure))
            #expect(try refusal(scene, request) == expected)
            // In a first stage as well.
            request.loss.terms.removeLast()
            request.firstStage = FirstStage(epochs: 1, terms: [LossTerm(measure)])
            #expect(try refusal(scene, request) == expected)
        }
    }

    @Test func asksWhichTeacherIsMeant() throws {
        try Images.withScene { scene in
            var request = scene.request(
                try ["conv", "net"].map { try scene.writeImageTeacher("\($0).h5", seed: 1) })
            let pairs = [Self.pair("late", "middle")]
            request.loss.terms = [LossTerm(.hint(pairs)), LossTerm(.attention(pairs), teacher: "cnv")]
            #expect(
                try refusal(scene, request)
                    == "loss 'hint' must name the teacher whose layers it compares, with 'teacher' (the teachers are conv, net)\n"
                    + "loss 'attention' names the teacher 'cnv', but the teachers are conv, net; did you mean 'conv'?")
        }
    }

    @Test func refusesLossesThatNeedMoreClassesOrOneLabel() throws {
        func refusals(_ data: DataFile, _ measures: [LossTerm.Measure]) throws -> String? {
            try withScene(data) { scene in
                var request = scene.request([scene.path("absent.h5")])
                request.loss.terms = measures.map { LossTerm($0) }
                return try refusal(scene, request)
            }
        }
        let dkd = LossTerm.Measure.dkd(alpha: 1, beta: 8), dist = LossTerm.Measure.dist(beta: 1, gamma: 1)
        let two = try refusals(DataFile(classes: 2, train: 40, test: 10), [dkd, dist])
        #expect(
            two == "loss 'dkd': decoupled KD compares the classes that are not the true one with each other, and of 2 "
                + "classes there are not enough of these: use kl\n"
                + "loss 'dist': DIST correlates the classes of each example, and with 2 classes a correlation is "
                + "always 1, −1 or none: set beta to 0, or use kl")
        var many = DataFile(classes: 4, train: 40, test: 10)
        many.hasManyLabels = true
        let several = try refusals(many, [dkd])
        #expect(
            several
                == "loss 'dkd': decoupled KD divides the classes of each example into the true one and the others, and "
                + "needs one class for each example; the labels are multi-label: use kl")
    }

    @Test func refusesAugmentationThatDoesNotSuit() throws {
        try withScene { scene in
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            request.augmentation = try Augmentation("crop:4,flip,mixup:0.2")
            request.views = 3
            let expected = ["crop:4", "flip"].map {
                "'\($0)' takes images (H, W, C), found examples (6); leave it out"
            }
            #expect(
                try refusal(scene, request)
                    == (expected + ["mixup needs teachers beside the student: leave --views out"])
                    .joined(separator: "\n"))
            // Training on labels refuses the same.
            var training = TrainingRequest(
                architecture: scene.path("student.yaml"), data: request.data, output: scene.path("model.h5"),
                hyperparameters: request.hyperparameters)
            training.augmentation = try Augmentation("crop:4,flip")
            training.runDirectory = scene.path("train.run")
            #expect(message { _ = try trainModel(training) { _ in } } == expected.joined(separator: "\n"))
            #expect(!FileManager.default.fileExists(atPath: scene.path("train.run")))
            #expect(!FileManager.default.fileExists(atPath: scene.path("model.h5")))
        }
    }

    /// A teacher that reads a dataset beside x cannot see what becomes of x, nor examples that have x alone.
    @Test func refusesTeachersOfOtherDatasetsWhereXChanges() throws {
        try withScene { scene in
            let plain = try HDF5File(opening: scene.path("data.h5"))
            let file = try HDF5File(creating: scene.path("both.h5"))
            for (split, count) in [("train", 80), ("test", 30)] {
                let x: [Float] = try plain.root.dataset("\(split)/x").read()
                let y: [Int] = try plain.root.dataset("\(split)/y").read()
                try file.root.createDataset("\(split)/x", x, shape: [count, 6])
                try file.root.createDataset("\(split)/sound", x, shape: [count, 6])
                try file.root.createDataset("\(split)/y", y, shape: [count], type: .int64)
            }
            try file.close()
            let path = try scene.writeTeacher("teacher.h5", seed: 1)
            var rules = TeacherRules()
            rules.input = try InputRules(parsing: "sound")
            func request(_ change: (inout CompressionRequest) throws -> Void) throws -> CompressionRequest {
                var request = scene.request([path])
                request.data = scene.path("both.h5")
                request.teacherRules = [path: rules]
                try change(&request)
                return request
            }
            #expect(try refusal(scene, request { _ in }) == nil)
            let fed = "teacher '\(path)' is fed with other datasets than x"
            let changed =
                "\(fed), and cannot see the student's changed examples; leave --augment and losses of its "
                + "layers out"
            #expect(try refusal(scene, request { $0.augmentation = try Augmentation("noise:0.1") }) == changed)
            let kept = try request { request in
                (request.augmentation, request.views) = (try Augmentation("noise:0.1"), 2)
            }
            #expect(try refusal(scene, kept) == changed)
            let unlabeled = try request { $0.unlabeled = scene.path("data.h5") }
            #expect(
                try refusal(scene, unlabeled)
                    == "\(fed), which '\(scene.path("data.h5"))' does not have; leave --unlabeled out")
        }
    }
}

/// A loss that is no number any more.
@Suite struct NotFiniteTests {
    /// Squared errors and a learning rate that multiplies the weights at every step: float32 ends after some epochs.
    @Test func saysWhereAndLeavesTheLastCheckpoint() throws {
        try withScene { scene in
            var scene = scene
            scene.student = """
                name: linear
                input: [6]
                layers:
                  - Dense: {units: classes, activation: softmax}
                """
            try scene.writeStudent()
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1, epochs: 1)])
            request.loss.terms = [LossTerm(.mse)]
            request.loss.lambda = .constant(0.5)
            request.hyperparameters.optimizer = Optimizer(.sgd)
            request.hyperparameters.learningRate = 40
            request.hyperparameters.learningRateSchedule = LearningRateSchedule(.constant)
            request.hyperparameters.emaMomentum = nil
            request.hyperparameters.epochs = 60
            let error = #expect(throws: NotFiniteError.self) { try compress(request) }
            let found = try #require(error), path = scene.path("run/student-checkpoint.h5")
            #expect(found.step > 5, "after an epoch of 5 steps")
            #expect(found.terms.map(\.name) == ["mse", "ground truth"])
            #expect(found.terms.contains { !$0.value.isFinite })
            let gradient = try #require(found.largestGradient)
            #expect(!gradient.value.isFinite)
            #expect(found.checkpoint == path)
            let terms = found.terms.map { "\($0.name) \($0.value.isNaN ? "nan" : "\($0.value)")" }
            #expect(
                found.description
                    == "the loss is not finite after step \(found.step) (\(terms.joined(separator: ", ")); the largest "
                    + "gradient is \(gradient.value.isNaN ? "nan" : "\(gradient.value)") at \(gradient.parameter)). "
                    + "Begin anew, with --force, with a lower --learning-rate or with --global-clipnorm, or look for extreme values in the data; '\(path)' has the last good state"
            )
            let file = try HDF5File(opening: path)
            let step = try file.root.attributes.integer("step")
            #expect(step.isMultiple(of: 5) && step < found.step && step >= found.step - 5)
            // A lower learning rate is another run.
            request.isResuming = true
            request.hyperparameters.learningRate = 0.01
            #expect(
                message { try compress(request) }?.contains(
                    "belongs to a run with other options, data or teachers: learning-rate is 0.01, was ") == true)
            // Begun anew, no teacher is asked again, and nothing is left of the run that failed.
            request.isResuming = false
            let told = Told()
            let report = try compress(request, told: told)
            #expect(!told.parts.contains { $0.hasPrefix("predicting") })
            #expect(report.student.test[0].value.isFinite)
            let steps = try metricsLines(request.runDirectory).filter { $0["epoch"] == nil }
            #expect(steps.count == 300)
        }
    }

    /// Without labels, too, whose cross-entropy would be NaN: a divergence that is held at 0 or more is not.
    @Test(
        arguments: [
            LossTerm.Measure.kl, .mse, .dkd(alpha: 1, beta: 8), .dist(beta: 1, gamma: 1), .rkd(distance: 25, angle: 50),
        ])
    func noLossHidesIt(measure: LossTerm.Measure) throws {
        for hasManyLabels in [false, true] {
            if hasManyLabels, measure.refusal(labelKind: .multilabel, classCount: 3) != nil { continue }
            var data = DataFile(train: 80, test: 30)
            data.hasManyLabels = hasManyLabels
            try withScene(data) { scene in
                var scene = scene
                func text(_ student: String) -> String {
                    hasManyLabels ? student.replacing("softmax", with: "sigmoid") : student
                }
                scene.student = text(scene.student)
                try scene.writeStudent()
                var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1, text: text(Scene.teacher))])
                request.loss.terms = [LossTerm(measure)]
                request.loss.lambda = .constant(0)
                request.hyperparameters.learningRate = 1e30
                request.hyperparameters.learningRateSchedule = LearningRateSchedule(.constant)
                let error = #expect(throws: NotFiniteError.self) { try compress(request) }
                #expect(error?.terms.first?.value.isNaN == true)
                #expect(!FileManager.default.fileExists(atPath: request.output))
            }
        }
    }

    @Test func namesTheTeacherOrTheData() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "data.h5").path
            try writeExamples([[0], [1]], shape: [1], classes: [0, 2], names: 3, to: path)
            func logits(_ value: Float) -> Tensor {
                let result = Buffer(zeros: 6).tensor(count: 2, shape: [3])
                result[4] = value
                return result
            }
            func remark(_ values: [Float], x: Float = 0, names: [String] = ["a", "b"]) throws -> String? {
                let batch = TrainingBatch(try firstBatch(path, count: 2)) { _, _, inputs in inputs[1] = x }
                return DistillationLoss(
                    LossSettings(temperature: .constant(1), softWeight: .constant(1), lambda: .constant(1)),
                    mixture: EnsembleMixture(.mean, .multiclass, weights: [0.5, 0.5]), teacherNames: names
                ).remark(on: DistillationBatch(batch, logits: values.map(logits), layers: []))
            }
            #expect(try remark([1, 2]) == nil)
            #expect(try remark([1, .nan]) == "Teacher 'b' predicts numbers that are not finite")
            #expect(
                try remark([.infinity, 1], names: []) == "Teacher number 1 predicts numbers that are not finite")
            #expect(try remark([1, 1], x: .nan) == "The examples of this step have numbers that are not finite")
        }
    }
}
