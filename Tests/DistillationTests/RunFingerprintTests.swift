import Datasets
import Foundation
import ModelFiles
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// What a stopped run must have in common with the one that goes on.
@Suite struct RunFingerprintTests {
    private func request() -> CompressionRequest {
        CompressionRequest(
            teachers: ["a.h5"], data: "d.h5", budget: ByteCount(1000), output: "s.h5", recipe: Recipe(epochs: 3),
            loss: LossSettings(temperature: .constant(2), softWeight: .constant(1), lambda: .constant(1)),
            runDirectory: "s.run")
    }

    private func fingerprint(
        _ request: CompressionRequest, data: String = "data", teachers: [String] = ["teacher"],
        student: String = "student"
    ) -> RunFingerprint {
        RunFingerprint(request, inputs: [("data", data)], teachers: teachers, student: student)
    }

    /// A change of each property of a request that the student's bits depend on, by the property's name.
    private static let changes: [(name: String, change: @Sendable (inout CompressionRequest) throws -> Void)] = [
        ("budget", { $0.budget = ByteCount(1001) }), ("width", { $0.width = 2 }),
        ("precision", { $0.precision = .float16 }),
        ("mostMultiplyAdds", { $0.mostMultiplyAdds = 1000 }),
        ("recipe", { $0.recipe.seed = 1 }), ("preset", { $0.preset = .youTube8MWinners }),
        ("loss", { $0.loss.temperature = .linear(from: 4, to: 2) }), ("loss", { $0.loss.terms = [LossTerm(.mse)] }),
        ("loss", { $0.loss.terms[0].weight = .constant(2) }),
        ("loss", { $0.loss.terms = [LossTerm(.dkd(alpha: 1, beta: 8))] }),
        ("loss", { $0.loss.terms = [LossTerm(.dkd(alpha: 1, beta: 4))] }),
        ("firstStage", { $0.firstStage = FirstStage(epochs: 2, terms: [LossTerm(.kl)]) }),
        ("firstStage", { $0.firstStage = FirstStage(epochs: 3, terms: [LossTerm(.kl)]) }),
        ("loss", { $0.loss.lambda = .constant(0.5) }), ("loss", { $0.loss.softWeight = .constant(0.5) }),
        ("combination", { $0.combination = .geometric }), ("teacherWeights", { $0.teacherWeights = .learned }),
        ("teacherWeights", { $0.teacherWeights = .automatic }), ("teacherWeights", { $0.teacherWeights = .byExample }),
        ("teacherWeights", { $0.teacherWeights = .given([2]) }),
        ("augmentation", { $0.augmentation = try Augmentation("noise:0.1") }),
        ("augmentation", { $0.augmentation = try Augmentation("noise:0.2") }), ("views", { $0.views = 4 }),
        ("softTargets", { $0.softTargets = .float16 }), ("softTargets", { $0.softTargets = .top(2) }),
        ("generations", { $0.generations = 2 }), ("seeds", { $0.seeds = 2 }),
    ]

    /// Files count by what is in them, which their digests say; the others decide where, how fast, or what else is done.
    private static let others: [(name: String, change: @Sendable (inout CompressionRequest) -> Void)] = [
        ("teachers", { $0.teachers = ["moved/a.h5"] }),
        ("teacherRules", { $0.teacherRules = ["a.h5": TeacherRules()] }),
        ("data", { $0.data = "moved/d.h5" }), ("student", { $0.student = .file("moved.yaml") }),
        ("unlabeled", { $0.unlabeled = "moved/u.h5" }), ("output", { $0.output = "other.h5" }),
        ("runDirectory", { $0.runDirectory = "moved.run" }), ("otherInputs", { $0.otherInputs = ["run.yaml"] }),
        // What is automatic counts by the recipe that is chosen.
        ("automatic", { $0.automatic = .all }), ("isResuming", { $0.isResuming = true }),
        ("replacesRun", { $0.replacesRun = true }),
        ("threads", { $0.threads = 7 }), ("baseline", { $0.baseline = true }), ("baseline", { $0.baseline = nil }),
    ]

    @Test func everyOptionThatDecidesBitsCounts() throws {
        var digests = [fingerprint(request()).digest]
        for (_, change) in Self.changes {
            var changed = request()
            try change(&changed)
            digests.append(fingerprint(changed).digest)
        }
        digests += [
            fingerprint(request(), data: "other"), fingerprint(request(), teachers: ["other"]),
            fingerprint(request(), teachers: ["teacher", "teacher"]), fingerprint(request(), student: "other"),
            RunFingerprint(
                request(), inputs: [("data", "data"), ("unlabeled", "more")], teachers: ["teacher"], student: "student"),
        ].map(\.digest)
        #expect(Set(digests).count == digests.count)
    }

    @Test func whatDecidesNoBitDoesNot() {
        for (name, change) in Self.others {
            var changed = request()
            change(&changed)
            #expect(fingerprint(changed) == fingerprint(request()), "\(name)")
        }
    }

    /// Whoever adds an option decides which it is.
    @Test func everyPropertyOfARequestIsInOneOfTheTables() {
        let known = Set(Self.changes.map(\.name) + Self.others.map(\.name))
        #expect(Set(Mirror(reflecting: request()).children.compactMap(\.label)) == known)
    }

    @Test func everyPropertyOfALossIsInTheTable() {
        let properties = Set(Mirror(reflecting: request().loss).children.compactMap(\.label))
        #expect(properties == ["terms", "temperature", "softWeight", "lambda"])
    }

    @Test func everyPropertyOfARecipeCounts() {
        let changes: [(name: String, change: (inout Recipe) -> Void)] = [
            ("epochs", { $0.epochs = 4 }), ("batchSize", { $0.batchSize = 64 }), ("shardSize", { $0.shardSize = 32 }),
            ("optimizer", { $0.optimizer = Optimizer(.adamw) }), ("optimizer", { $0.optimizer.isNesterov.toggle() }),
            ("learningRate", { $0.learningRate = 0.5 }),
            ("learningRateSchedule", { $0.learningRateSchedule = LearningRateSchedule(.linear, warmup: 0.1) }),
            ("clipNorm", { $0.clipNorm = 1 }), ("averageDecay", { $0.averageDecay = 0.9 }), ("seed", { $0.seed = 5 }),
            ("patience", { $0.patience = 3 }), ("keepsBest", { $0.keepsBest = true }),
            ("prefersLast", { $0.prefersLast = true }),
        ]
        #expect(Set(Mirror(reflecting: Recipe(epochs: 3)).children.compactMap(\.label)) == Set(changes.map(\.name)))
        var digests = [fingerprint(request()).digest]
        for (_, change) in changes {
            var changed = request()
            change(&changed.recipe)
            digests.append(fingerprint(changed).digest)
        }
        #expect(Set(digests).count == digests.count)
    }

    @Test func saysWhatIsDifferent() throws {
        let saved = fingerprint(request()).json
        #expect(fingerprint(request()).differences(from: saved).isEmpty)
        var changed = request()
        changed.recipe.learningRate = 0.5
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
