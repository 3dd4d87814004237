import Foundation
import HDF5
import ModelFiles
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// What `--dry-run` says against what a run then does.
@Suite struct DryRunTests {
    enum Kind: String, CaseIterable {
        case plain, live, views, layers, stages, lateLayers, unlabeled, unlabeledViews, generations, liveGenerations
        case baseline, seeds
    }

    private func change(_ request: inout CompressionRequest, _ kind: Kind, _ scene: Scene) throws {
        let layers = Images.layerTerms(weight: 0.1, teacher: "teacher1")
        switch kind {
        case .plain: break
        case .live: request.augmentation = try Augmentation("flip")
        case .views: (request.augmentation, request.views) = (try Augmentation("flip"), 2)
        case .layers: request.loss.terms += layers
        case .stages: request.firstStage = FirstStage(epochs: 2, terms: layers)
        case .lateLayers:
            request.loss.terms += layers
            request.firstStage = FirstStage(epochs: 2, terms: [LossTerm(.mse)])
        case .unlabeled: request.unlabeled = scene.path("more.h5")
        case .unlabeledViews:
            request.unlabeled = scene.path("more.h5")
            (request.augmentation, request.views) = (try Augmentation("flip"), 2)
        case .generations: request.generations = 3
        case .liveGenerations: (request.augmentation, request.generations) = (try Augmentation("flip"), 2)
        case .baseline: request.baseline = true
        case .seeds:
            (request.seeds, request.baseline) = (2, true)
            request.firstStage = FirstStage(epochs: 2, terms: layers)
        }
    }

    /// A batch is never larger than the data, whatever was asked for.
    @Test func countsBatchesAsTheyWillBe() throws {
        try Images.withScene { scene in
            var request = scene.request([try scene.writeImageTeacher("teacher.h5", seed: 1)])
            request.loss.terms += Images.layerTerms(weight: 0.1)
            request.augmentation = try Augmentation("mixup:0.2")
            func memory(_ batchSize: Int) throws -> ByteCount {
                request.hyperparameters.batchSize = batchSize
                return try Compressor(request) { _ in }.dryRun().trainingMemory
            }
            #expect(try memory(1_000_000_000).bytes < memory(80).bytes + 1 << 20)
        }
    }

    /// Students and labels alone, each at its last and its best epoch, wait for the test split; and the best epoch's
    /// weights are kept while labels alone are learned from.
    @Test func countsTrainedNetworks() throws {
        try Images.withScene { scene in
            var request = scene.request([try scene.writeImageTeacher("teacher.h5", seed: 1)])
            func memory(_ seeds: Int, baseline: Bool) throws -> Int {
                (request.seeds, request.baseline) = (seeds, baseline)
                return try Compressor(request) { _ in }.dryRun().trainingMemory.bytes
            }
            let one = try memory(1, baseline: false), weights = try memory(2, baseline: false) - one
            #expect(weights > 0)
            #expect(try memory(5, baseline: false) == one + 4 * weights)
            #expect(try memory(1, baseline: true) == one + 3 * weights)
            #expect(try memory(2, baseline: true) == one + 6 * weights)
        }
    }

    /// Soft targets to the byte, but for what HDF5 adds to each file; the student's file and all steps exactly.
    @Test(arguments: Kind.allCases)
    func saysWhatTheRunThenDoes(kind: Kind) throws {
        try Images.withScene { scene in
            let teachers = try [1, 2].map { try scene.writeImageTeacher("teacher\($0).h5", seed: $0) }
            var more = Images.data
            more.train = 50
            try more.write(to: scene.path("more.h5"))
            var request = scene.request(teachers)
            try change(&request, kind, scene)
            let before = try FileManager.default.contentsOfDirectory(atPath: scene.folder.path).sorted()
            let outline = try Compressor(request) { _ in }.dryRun()
            #expect(try FileManager.default.contentsOfDirectory(atPath: scene.folder.path).sorted() == before)

            let report = try compress(request)
            #expect(outline.size == report.student.bytes)
            #expect(outline.parameters == report.student.parameters)
            #expect(outline.trainCount == 72 && outline.validationCount == 8 && outline.testCount == 30)
            var numbers = 0
            for folder in ["soft-targets", "soft-targets-unlabeled"] {
                let path = scene.path("run/\(folder)")
                for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
                    let file = try HDF5File(opening: "\(path)/\(name)")
                    numbers += try file.root.dataset("logits").elementCount
                }
            }
            #expect(outline.softTargets.bytes == numbers * 4)
            let steps = try metricsLines(request.runDirectory).filter { $0["epoch"] == nil }
            #expect(outline.steps == steps.count)
            #expect(outline.formulas.count == (request.firstStage == nil ? 1 : 2))
        }
    }
}
