import Foundation
import Networks
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// A teacher beside the student says the very same numbers as one that was asked beforehand ("A good teacher is patient
/// and consistent", Beyer et al., 2022, calls the student's own views consistent teaching).
@Suite struct LiveTeacherTests {
    private func student(
        _ scene: Scene, _ teachers: [String], _ name: String, _ change: (inout CompressionRequest) -> Void
    ) throws -> (weights: [UInt32], told: Told) {
        var request = scene.request(teachers, run: name, output: "\(name).h5")
        change(&request)
        let told = Told()
        try compress(request, told: told)
        return (try weights(request.output), told)
    }

    /// Views are numbered by the epochs that see them. Teachers with convolutions, wide matrices and recurrence see 16 or
    /// 7 examples at a time, or all of them in one run.
    @Test(arguments: ["crop:1,flip", "noise:0.1", "cutout:2,shift:1"], [16, 7])
    func seesTheViewsThatAreKept(steps: String, batchSize: Int) throws {
        try Images.withScene { scene in
            let teachers = [
                try scene.writeImageTeacher("conv.h5", seed: 1, epochs: 1),
                try scene.writeTeacher(
                    "dense.h5", seed: 2, epochs: 1,
                    text: """
                        input: [6, 6, 2]
                        layers:
                          - Flatten: {}
                          - Dense: {units: 100, activation: relu}
                          - Dense: {units: 33, activation: relu}
                          - Dense: {units: classes, activation: softmax}
                        """),
                try scene.writeTeacher(
                    "recurrent.h5", seed: 3, epochs: 1,
                    text: """
                        input: [6, 6, 2]
                        layers:
                          - Reshape: {target_shape: [6, 12]}
                          - GRU: {units: 9}
                          - Dense: {units: classes, activation: softmax}
                        """),
            ]
            let augmentation = try Augmentation(steps)
            let live = try student(scene, teachers, "live") { request in
                request.augmentation = augmentation
                request.hyperparameters.batchSize = batchSize
            }
            let kept = try student(scene, teachers, "kept") { request in
                request.augmentation = augmentation
                request.views = request.hyperparameters.epochs
                request.hyperparameters.batchSize = batchSize
            }
            // 8 held-out examples alone, or those and 72 examples thrice.
            #expect(live.told.parts.first == "predicting with conv: 8")
            #expect(kept.told.parts.first == "predicting with conv: 224")
            #expect(live.weights == kept.weights)
            let plain = try student(scene, teachers, "plain") { $0.hyperparameters.batchSize = batchSize }
            #expect(plain.weights != live.weights)
        }
    }

    /// Two views in three epochs: the third sees the first view again.
    @Test func viewsComeRoundAgain() throws {
        try Images.withScene { scene in
            let teachers = [try scene.writeImageTeacher("conv.h5", seed: 1)]
            let augmentation = try Augmentation("crop:1,flip")
            func views(_ count: Int, epochs: Int) throws -> [UInt32] {
                try student(scene, teachers, "views\(count)-\(epochs)") { request in
                    request.augmentation = augmentation
                    request.views = count
                    request.hyperparameters.epochs = epochs
                }.weights
            }
            #expect(try views(2, epochs: 2) == views(3, epochs: 2))
            #expect(try views(2, epochs: 3) != views(3, epochs: 3))
            #expect(Views(augmentation, count: 2, seed: 0).view(ofEpoch: 2) == 0)
        }
    }

    @Test(arguments: [16, 7, 100])
    func saysWhatIsKeptOfIt(batchSize: Int) throws {
        try Images.withScene { scene in
            let teachers = [try scene.writeImageTeacher("conv.h5", seed: 1, epochs: 1)]
            let kept = try student(scene, teachers, "kept") { $0.hyperparameters.batchSize = batchSize }
            let live = try student(scene, teachers, "live") { request in
                request.hyperparameters.batchSize = batchSize
                request.loss.terms += [LossTerm(.attention([Images.pair("late", "middle")]), weight: .constant(0))]
            }
            #expect(live.told.parts.first == "predicting with conv: 8")
            #expect(live.weights == kept.weights)
        }
    }

    /// The same bits on any number of threads, examples mixed with each other included.
    @Test func isTheSameOnAnyNumberOfThreads() throws {
        try Images.withScene { scene in
            let teachers = try [1, 2].map { try scene.writeImageTeacher("conv\($0).h5", seed: $0) }
            let all = try [1, 2, 3].map { threads in
                try student(scene, teachers, "run\(threads)") { request in
                    request.threads = threads
                    request.augmentation = try? Augmentation("flip,mixup:0.4")
                    request.loss.terms += Images.layerTerms(weight: 0.1, teacher: "conv2")
                }.weights
            }
            #expect(all[1] == all[0])
            #expect(all[2] == all[0])
        }
    }
}
