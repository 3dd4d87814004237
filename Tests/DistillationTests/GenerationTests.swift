import Datasets
import Foundation
import HDF5
import ModelFiles
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// Students that are distilled from the student before them.
@Suite struct GenerationTests {
    private func withScene(_ body: (Scene, [String]) throws -> Void) throws {
        var data = Images.data
        data.noise = 1.5
        try Images.withScene(data) { scene in
            try body(scene, try [1, 2].map { try scene.writeImageTeacher("teacher\($0).h5", seed: $0, epochs: 3) })
        }
    }

    /// The report against what the written files say, read again and counted here.
    @Test func reportsWhatTheFilesOfGenerationsDo() throws {
        try withScene { scene, teachers in
            var request = scene.request(teachers)
            request.generations = 3
            let report = try compress(request)
            #expect(
                report.comparisons.map(\.name) == [
                    "generation 1", "generation 2", "generation 3", "generations 1 to 3 together",
                ])
            let paths = [scene.path("run/generation-1.h5"), scene.path("run/generation-2.h5"), request.output]
            let data = try ExampleFile(opening: request.data), held = data.trainAndValidation().validation.rows
            let file = try HDF5File(opening: request.data)
            func accuracies(_ split: String, _ rows: [Int]) throws -> [Double] {
                let x = try file.root.dataset("\(split)/x").read(as: Float.self)
                let y = try file.root.dataset("\(split)/y").read(as: Int.self)
                var said = try paths.map { path -> [[Double]] in
                    let all = try KerasFile(opening: path).network().network.predict([x])[0].map { Double($0) }
                    return y.indices.map { Array(all[($0 * 3)..<($0 * 3 + 3)]) }
                }
                said.append(y.indices.map { row in (0..<3).map { c in (0..<3).reduce(0) { $0 + said[$1][row][c] } } })
                return said.map { answers in
                    let right = rows.count { answers[$0].firstIndex(of: answers[$0].max() ?? 0) == y[$0] }
                    return Double(right) / Double(rows.count)
                }
            }
            let test = try accuracies("test", Array(0..<30)), validation = try accuracies("train", held)
            #expect(report.comparisons.map { $0.test[0].value } == test)
            #expect(report.comparisons.map { $0.validation[0].value } == validation)
            #expect(report.comparisons.map { $0.test[0].name } == Array(repeating: "accuracy", count: 4))
            #expect(report.student.test[0].value == test[2])
            let all = try paths.map(weights)
            #expect(Set(all).count == 3, "every generation has weights of its own")
        }
    }

    /// The first generation is the student of a run without generations, and the second that of a run whose teacher is the
    /// first.
    @Test func eachIsTheStudentOfTheOneBefore() throws {
        try withScene { scene, teachers in
            var request = scene.request(teachers)
            request.generations = 2
            request.loss.terms += Images.layerTerms(weight: 0.1, teacher: "teacher1")
            try compress(request)
            var alone = scene.request(teachers, run: "alone", output: "alone.h5")
            alone.loss.terms = request.loss.terms
            try compress(alone)
            let (first, single) = (try weights(scene.path("run/generation-1.h5")), try weights(alone.output))
            #expect(first == single)
            // The layers of the first teachers are no longer looked at, and the next seed is taken.
            var next = scene.request([scene.path("run/generation-1.h5")], run: "next", output: "next.h5")
            next.hyperparameters.seed += 1
            try compress(next)
            let (second, taught) = (try weights(request.output), try weights(next.output))
            #expect(second == taught)
        }
    }

    /// What a generation is kept in has nothing to do with what is written at the end.
    @Test func areKeptAlikeWhateverIsWritten() throws {
        try withScene { scene, teachers in
            func request(_ name: String, _ suffix: String) -> CompressionRequest {
                var request = scene.request(teachers, run: name, output: "\(name).\(suffix)")
                request.generations = 2
                return request
            }
            let (one, other) = (request("one", "h5"), request("other", "keras"))
            try compress(one)
            try compress(other)
            let (first, second) = (try weights(one.output), try weights(other.output))
            #expect(first == second)
            let kept = try ["one", "other"].map { name in
                try FileManager.default.contentsOfDirectory(atPath: scene.path(name)).filter {
                    $0.hasPrefix("generation") && !$0.contains("checkpoint")
                }
            }
            #expect(kept == [["generation-1.h5"], ["generation-1.h5"]])
        }
    }

    /// Interrupted in the middle of each generation, with kept answers and with teachers beside the student.
    @Test(arguments: [1, 2, 3], ["", "flip"])
    func resumesToTheSameStudent(generation: Int, steps: String) throws {
        try withScene { scene, teachers in
            func request(_ name: String) throws -> CompressionRequest {
                var request = scene.request(teachers, run: name, output: "\(name).h5")
                request.generations = 3
                request.augmentation = steps.isEmpty ? nil : try Augmentation(steps)
                request.hyperparameters.keepsBest = true
                return request
            }
            let (expected, report, stopped) = try compressStopped(
                during: "generation \(generation)", try request("whole"), try request("stopped"))
            #expect(report.comparisons.map { $0.test[0].value } == expected.comparisons.map { $0.test[0].value })
            // The log tells of every step of every generation once.
            for name in ["generation 1", "generation 2", "generation 3"] {
                let lines = try metricsLines(stopped.runDirectory).filter { $0["training"]?.string == name }
                #expect(lines.filter { $0["epoch"] == nil }.map { $0["step"]?.integer } == Array(1...15))
                #expect(lines.compactMap { $0["epoch"]?.integer } == [1, 2, 3])
            }
        }
    }
}
