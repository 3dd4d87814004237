import Datasets
import Foundation
import ModelFiles
import Tensors
import Testing
import Training

@testable import Distillation

@Suite struct ProvenanceTests {
    private func request(_ teachers: [String], data: String = "d.h5") -> CompressionRequest {
        var request = CompressionRequest(
            teachers: teachers, data: data, budget: ByteCount(100_000), output: "s.h5",
            hyperparameters: Hyperparameters(epochs: 3),
            loss: LossSettings(temperature: .constant(4), softWeight: .constant(1), lambda: .constant(1)),
            runDirectory: "s.run")
        request.precision = .float32
        return request
    }

    private func results(_ count: Int, _ kind: LabelKind, score: Double) -> Provenance.Results {
        let digest = String(repeating: "a", count: 64)
        let metrics = RunningMetrics.names(kind).map { (name: $0, value: score) }
        return Provenance.Results(
            digests: Array(repeating: digest, count: count), dataDigest: digest,
            weights: Array(repeating: 1 / Double(count), count: count),
            scores: Provenance.scoreNames.map { ($0, metrics) }, agreement: score)
    }

    /// Valid JSON with every key, exactly as long as its placeholder, whatever names, scores and recipes there are.
    @Test(
        arguments: [
            ["a.h5"], ["a \"quoted\" name.h5", "b\\c\n.h5"], [String(repeating: "long", count: 300) + ".h5", "ü.h5"],
            (0..<1000).map { "teacher-\($0)-with-a-longer-name-than-anybody-needs.h5" },
        ], [0.987654321, .nan])
    func fillsItsRoomExactly(teachers: [String], score: Double) throws {
        for kind in [LabelKind.multiclass, .multilabel] {
            var request = request(teachers, data: String(repeating: "data", count: 500))
            request.hyperparameters.epochs = 123_456
            request.hyperparameters.globalClipnorm = 1.0 / 3
            request.hyperparameters.emaMomentum = 0.123456789
            request.hyperparameters.seed = .max
            request.unlabeled = String(repeating: "more", count: 500)
            request.generations = 12
            let provenance = Provenance(request, labelKind: kind)
            let text = provenance.text(results(teachers.count, kind, score: score))
            #expect(text.utf8.count == provenance.placeholder.utf8.count)
            let json = try JSON(parsing: text)
            #expect(json["teachers"]?.array?.count == teachers.count)
            #expect(json["epochs"] == 123_456)
            #expect(json["scores"]?["test"]?.object != nil)
        }
    }

    @Test func saysShortNamesWhole() throws {
        let provenance = Provenance(request(["conv.h5", "rnn.h5"]), labelKind: .multiclass)
        let json = try JSON(parsing: provenance.text(results(2, .multiclass, score: 0.5)))
        #expect(json["teachers"]?[1]?["file"] == "rnn.h5")
        #expect(json["data"] == "d.h5")
        #expect(json["scores"]?["ensemble_test"]?["accuracy"] == 0.5)
    }

    /// What is as usual is left out, as there is room for only so much.
    @Test func saysWhatIsUnusual() throws {
        var request = request(["conv.h5"])
        func json() throws -> JSON {
            try JSON(parsing: Provenance(request, labelKind: .multiclass).text(results(1, .multiclass, score: 0.5)))
        }
        let always: Set = [
            "tool", "teachers", "combination", "loss", "data", "data_sha256", "epochs", "batch_size", "optimizer",
            "learning_rate", "learning_rate_schedule", "seed", "scores",
        ]
        let plain = try json()
        #expect(Set(plain.object?.keys ?? []) == always)
        #expect(plain["combination"] == "mean")
        #expect(plain["loss"] == "1 · 4² · KL(ensemble ‖ student) (T = 4) + 1 · cross-entropy(labels)")
        #expect(plain["batch_size"] == 128)
        #expect(plain["optimizer"] == "adam")
        #expect(plain["learning_rate"] == 0.001)
        #expect(plain["learning_rate_schedule"] == "cosine")
        #expect(plain["seed"] == 0)

        request.precision = .float16
        request.unlabeled = "/m/more.h5"
        request.hyperparameters.globalClipnorm = 2.5
        request.hyperparameters.lanes = 8
        request.hyperparameters.exchange = .bfloat16
        request.hyperparameters.emaMomentum = 0.999
        request.augmentation = try Augmentation("noise:0.1")
        request.teacherWeights = .byExample
        request.firstStage = FirstStage(epochs: 3, terms: [LossTerm(.kl)])
        request.generations = 2
        let others: [String: JSON] = [
            "precision": "float16", "unlabeled": "more.h5", "lanes": 8, "exchange": "bfloat16", "global_clipnorm": 2.5,
            "ema_momentum": 0.999,
            "augmentation": "noise:0.1", "views": "live", "teacher_weights": "by-example", "first_stage_epochs": 3,
            "generations": 2,
        ]
        let unusual = try json()
        for (key, value) in others { #expect(unusual[key] == value, "\(key)") }
        #expect(Set(unusual.object?.keys ?? []) == always.union(others.keys))
        request.views = 4
        #expect(try json()["views"] == 4)
    }

    /// Otherwise a longer option would make a narrower network of the same budget.
    @Test func theRoomDependsOnTeachersAndMetricsAlone() {
        let short = request(["a.h5"])
        var long = request([String(repeating: "b", count: 200)], data: String(repeating: "c", count: 200))
        long.loss.temperature = .linear(from: 1.234567, to: 9.876543)
        long.hyperparameters.seed = 1_234_567
        long.unlabeled = "more.h5"
        #expect(
            Provenance(short, labelKind: .multiclass).placeholder
                == Provenance(long, labelKind: .multiclass).placeholder)
    }
}
