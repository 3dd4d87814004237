import Datasets
import Foundation
import ModelFiles
import Models
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// A change of each property of a value, by the property's name.
private typealias Changes<Value> = [(name: String, change: (inout Value) throws -> Void)]
private typealias SharedChanges<Value> = [(name: String, change: @Sendable (inout Value) throws -> Void)]

private func properties(_ value: Any) -> Set<String> { Set(Mirror(reflecting: value).children.compactMap(\.label)) }

/// What a stopped run must have in common with the one that goes on, and what its configuration must say.
@Suite struct RunFingerprintTests {
    private func request() -> CompressionRequest {
        CompressionRequest(
            teachers: ["a.h5"], data: "d.h5", budget: ByteCount(1000), output: "s.h5",
            hyperparameters: Hyperparameters(epochs: 3),
            loss: LossSettings(temperature: .constant(2), softWeight: .constant(1), lambda: .constant(1)),
            runDirectory: "s.run")
    }

    private func fingerprint(
        _ request: CompressionRequest, data: String = "data", teachers: [String] = ["teacher"],
        student: String = "student"
    ) -> RunFingerprint {
        RunFingerprint(request, inputs: [("data", data)], teachers: teachers, student: student)
    }

    private static let changes: SharedChanges<CompressionRequest> = [
        ("budget", { $0.budget = ByteCount(1001) }), ("width", { $0.width = 2 }),
        ("precision", { $0.precision = .float16 }),
        ("byteStages", { $0.byteStages = [] }), ("byteStages", { $0.byteStages = [.quantizedDistillation] }),
        ("allowedLoss", { $0.allowedLoss = 0.01 }), ("budgetCounts", { $0.budgetCounts = .parameters }),
        ("testShare", { $0.testShare = 0.1 }), ("testShare", { $0.testShare = 0.2 }),
        ("mostMultiplyAdds", { $0.mostMultiplyAdds = 1000 }),
        ("hyperparameters", { $0.hyperparameters.seed = 1 }), ("preset", { $0.preset = .youTube8MWinners }),
        ("loss", { $0.loss.terms = [LossTerm(.mse)] }),
        ("firstStage", { $0.firstStage = FirstStage(epochs: 2, terms: [LossTerm(.kl)]) }),
        ("combination", { $0.combination = .geometric }), ("teacherWeights", { $0.teacherWeights = .learned }),
        ("teacherWeights", { $0.teacherWeights = .automatic }), ("teacherWeights", { $0.teacherWeights = .byExample }),
        ("teacherWeights", { $0.teacherWeights = .given([2]) }),
        ("augmentation", { $0.augmentation = try Augmentation("noise:0.1") }),
        ("augmentation", { $0.augmentation = try Augmentation("noise:0.2") }), ("views", { $0.views = 4 }),
        ("softTargets", { $0.softTargets = .float16 }), ("softTargets", { $0.softTargets = .top(2) }),
        ("generations", { $0.generations = 2 }), ("seeds", { $0.seeds = 2 }),
        ("endStages", { $0.endStages = [ZeroSmallest(share: 0.1)] }),
        ("endStages", { $0.endStages = [ZeroSmallest(share: 0.2)] }),
    ]

    /// Files count by what is in them, which their digests say; the others decide where, how fast, or what else is done.
    private static let others: SharedChanges<CompressionRequest> = [
        ("teachers", { $0.teachers = ["moved/a.h5"] }),
        ("teacherRules", { $0.teacherRules = ["a.h5": TeacherRules()] }),
        ("data", { $0.data = "moved/d.h5" }), ("student", { $0.student = .file("moved.yaml") }),
        ("unlabeled", { $0.unlabeled = "moved/u.h5" }), ("output", { $0.output = "other.h5" }),
        ("runDirectory", { $0.runDirectory = "moved.run" }), ("otherInputs", { $0.otherInputs = ["run.yaml"] }),
        // What is automatic counts by the recipe that is chosen.
        ("automatic", { $0.automatic = .all }), ("isResuming", { $0.isResuming = true }),
        ("replacesRun", { $0.replacesRun = true }),
        ("threads", { $0.threads = 7 }), ("baseline", { $0.baseline = true }), ("baseline", { $0.baseline = nil }),
        ("checkpointInterval", { $0.checkpointInterval = .seconds(60) }), ("verifiesData", { $0.verifiesData = true }),
    ]

    /// What a resumed run need not read again: the directory is its own, and the rules of teachers come from the command.
    private static let unconfigured: Set = [
        "teacherRules", "runDirectory", "otherInputs", "isResuming", "replacesRun", "verifiesData",
    ]

    /// Expects each change to make a fingerprint of its own, and a configuration of its own but for the names given.
    private func expectThatAllCount<Value>(
        _ changes: Changes<Value>, of part: WritableKeyPath<CompressionRequest, Value>, from start: CompressionRequest,
        butForConfiguration unwritten: Set<String> = []
    ) throws {
        #expect(properties(start[keyPath: part]) == Set(changes.map(\.name)))
        var digests = [fingerprint(start).digest]
        for (name, change) in changes {
            var changed = start
            try change(&changed[keyPath: part])
            digests.append(fingerprint(changed).digest)
            #expect((changed.configuration == start.configuration) == unwritten.contains(name), "\(name)")
        }
        #expect(Set(digests).count == digests.count)
    }

    @Test func everyOptionThatDecidesBitsCounts() throws {
        var digests = [fingerprint(request()).digest]
        for (name, change) in Self.changes {
            var changed = request()
            try change(&changed)
            digests.append(fingerprint(changed).digest)
            #expect(changed.configuration != request().configuration, "\(name)")
        }
        digests += [
            fingerprint(request(), data: "other"), fingerprint(request(), teachers: ["other"]),
            fingerprint(request(), teachers: ["teacher", "teacher"]), fingerprint(request(), student: "other"),
            RunFingerprint(
                request(), inputs: [("data", "data"), ("unlabeled", "more")], teachers: ["teacher"], student: "student"),
        ].map(\.digest)
        #expect(Set(digests).count == digests.count)
    }

    @Test func whatDecidesNoBitDoesNot() throws {
        for (name, change) in Self.others {
            var changed = request()
            try change(&changed)
            #expect(fingerprint(changed) == fingerprint(request()), "\(name)")
            let isWritten = changed.configuration != request().configuration
            #expect(isWritten != Self.unconfigured.contains(name), "\(name)")
        }
    }

    /// Whoever adds an option decides which it is.
    @Test func everyPropertyOfARequestIsInOneOfTheTables() {
        #expect(properties(request()) == Set(Self.changes.map(\.name) + Self.others.map(\.name)))
        #expect(Set(Self.changes.map(\.name)).isDisjoint(with: Self.others.map(\.name)))
    }

    @Test func everyPropertyOfALossCounts() throws {
        try expectThatAllCount(
            [
                ("temperature", { $0.temperature = .linear(from: 4, to: 2) }),
                ("lambda", { $0.lambda = .constant(0.5) }),
                ("softWeight", { $0.softWeight = .constant(0.5) }), ("terms", { $0.terms = [LossTerm(.mse)] }),
                ("terms", { $0.terms.append(LossTerm(.kl)) }),
                ("terms", { $0.terms = [LossTerm(.dkd(alpha: 1, beta: 8))] }),
                ("terms", { $0.terms = [LossTerm(.dkd(alpha: 1, beta: 4))] }),
            ], of: \.loss, from: request())
        let pair = LossTerm.LayerPair(student: "a", teacher: "b"),
            other = LossTerm.LayerPair(student: "a", teacher: "c")
        var request = request()
        request.loss.terms = [LossTerm(.hint([pair]))]
        try expectThatAllCount(
            [
                ("measure", { $0.measure = .attention([pair]) }), ("measure", { $0.measure = .hint([other]) }),
                ("weight", { $0.weight = .constant(2) }), ("teacher", { $0.teacher = "a" }),
            ], of: \.loss.terms[0], from: request)
        request.firstStage = FirstStage(epochs: 2, terms: [LossTerm(.kl)])
        try expectThatAllCount(
            [("epochs", { $0.epochs = 3 }), ("terms", { $0.terms[0].weight = .constant(2) })],
            of: \.firstStage!, from: request)
    }

    @Test func everyPropertyOfARecipeCounts() throws {
        try expectThatAllCount(
            [
                ("epochs", { $0.epochs = 4 }), ("batchSize", { $0.batchSize = 64 }),
                ("shardSize", { $0.shardSize = 32 }), ("lanes", { $0.lanes = 2 }),
                ("exchange", { $0.exchange = .bfloat16 }),
                ("optimizer", { $0.optimizer = Optimizer(.adamw) }), ("learningRate", { $0.learningRate = 0.5 }),
                ("learningRateSchedule", { $0.learningRateSchedule = LearningRateSchedule(.linear) }),
                ("learningRateSchedule", { $0.learningRateSchedule = LearningRateSchedule(.linear, warmup: 0.1) }),
                ("globalClipnorm", { $0.globalClipnorm = 1 }), ("emaMomentum", { $0.emaMomentum = 0.9 }),
                ("seed", { $0.seed = 5 }),
                ("patience", { $0.patience = 3 }), ("keepsBest", { $0.keepsBest = true }),
                ("prefersLast", { $0.prefersLast = true }),
            ], of: \.hyperparameters, from: request(), butForConfiguration: ["shardSize"])
        // The command line has no option for any of these but the kind.
        try expectThatAllCount(
            [
                ("kind", { $0.kind = .sgd }), ("momentum", { $0.momentum = 0.5 }),
                ("isNesterov", { $0.isNesterov = true }),
                ("beta1", { $0.beta1 = 0.5 }), ("beta2", { $0.beta2 = 0.5 }), ("epsilon", { $0.epsilon = 0.5 }),
                ("weightDecay", { $0.weightDecay = 0.5 }),
            ], of: \.hyperparameters.optimizer, from: request(),
            butForConfiguration: ["momentum", "isNesterov", "beta1", "beta2", "epsilon", "weightDecay"])
    }

    @Test func everyPropertyOfATrainingOnLabelsCountsOrIsNamed() throws {
        let request = TrainingRequest(
            architecture: "a.yaml", data: "d.h5", output: "m.h5", hyperparameters: Hyperparameters(epochs: 3))
        func fingerprint(_ request: TrainingRequest, data: String = "data", model: String = "model") -> RunFingerprint {
            RunFingerprint(request, data: data, model: model)
        }
        let changes: Changes<TrainingRequest> = [
            ("width", { $0.width = 2 }), ("hyperparameters", { $0.hyperparameters.seed = 1 }),
            ("augmentation", { $0.augmentation = try Augmentation("noise:0.1") }), ("folds", { $0.folds = 5 }),
            ("testShare", { $0.testShare = 0.1 }),
        ]
        // Unlabeled examples are predicted when training is over.
        let others: Changes<TrainingRequest> = [
            ("unlabeled", { $0.unlabeled = "u.h5" }),
            ("architecture", { $0.architecture = "moved/a.yaml" }), ("data", { $0.data = "moved/d.h5" }),
            ("output", { $0.output = "other.h5" }), ("automatic", { $0.automatic = .all }),
            ("precision", { $0.precision = .float16 }), ("runDirectory", { $0.runDirectory = "m.run" }),
            ("isResuming", { $0.isResuming = true }),
            ("replacesRun", { $0.replacesRun = true }), ("threads", { $0.threads = 7 }),
            ("checkpointInterval", { $0.checkpointInterval = .seconds(60) }),
            ("verifiesData", { $0.verifiesData = true }),
        ]
        #expect(properties(request) == Set(changes.map(\.name) + others.map(\.name)))
        var digests = [fingerprint(request), fingerprint(request, data: "other"), fingerprint(request, model: "other")]
            .map(\.digest)
        for (_, change) in changes {
            var changed = request
            try change(&changed)
            digests.append(fingerprint(changed).digest)
        }
        #expect(Set(digests).count == digests.count)
        for (name, change) in others {
            var changed = request
            try change(&changed)
            #expect(fingerprint(changed) == fingerprint(request), "\(name)")
        }
    }

    /// Texts of runs of other versions stay readable: each setting in the option's words.
    @Test func hasTheWordsOfOptions() {
        var request = request()
        request.precision = .float32
        let json = fingerprint(request).json
        let words = [
            "budget": "1000", "width": "auto", "max-multiply-adds": "none", "precision": "float32", "epochs": "3",
            "stages": "auto", "allow-loss": "auto", "budget-counts": "file",
            "batch-size": "128", "lanes": "1", "exchange": "float32", "examples of a worker": "64",
            "learning-rate": "0.001",
            "learning-rate-schedule": "cosine", "global-clipnorm": "none", "ema-momentum": "none", "seed": "0",
            "augment": "none", "early-stopping": "none", "keep-best": "false", "views": "none",
            "soft-targets": "float32", "generations": "1", "seeds": "1", "preset": "none", "temperature": "2",
            "lambda": "1", "soft-weight": "1", "losses": "[{\"kl\":{\"weight\":1}}]", "first-stage": "none",
            "combine": "mean", "teacher-weights": "uniform", "data": "data", "teachers": "teacher",
            "student": "student", "test": "none",
        ]
        for (key, word) in words { #expect(json[key]?.string == word, "\(key)") }
        #expect(Set(json.object?.keys ?? []) == Set(words.keys).union(["program", "instruction set", "optimizer"]))
    }

    @Test func saysWhatIsDifferent() throws {
        let saved = fingerprint(request()).json
        #expect(fingerprint(request()).differences(from: saved).isEmpty)
        var changed = request()
        changed.hyperparameters.learningRate = 0.5
        changed.augmentation = try Augmentation("noise:0.1")
        #expect(
            fingerprint(changed, data: String(repeating: "a", count: 64)).differences(from: saved) == [
                "data changed", "learning-rate is 0.5, was 0.001", "augment is noise:0.1, was none",
            ])
        #expect(
            OtherRunError(directory: "s.run", differences: ["a", "b", "c", "d", "e"]).description
                == "'s.run' belongs to a run with other options, data or teachers: a; b; c; and 2 more. Resume with those "
                + "that the run was started with, or choose another --run-directory")
    }

    /// The program's version, and the instructions that its libraries use here.
    @Test func namesProgramAndInstructions() {
        let json = fingerprint(request()).json
        #expect(json["program"]?.string == "compress \(Provenance.version)")
        #expect(json["instruction set"]?.string?.contains("OpenBLAS") == true)
    }
}
