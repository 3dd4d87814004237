import Foundation
import HDF5
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// Training on unlabeled examples with the teachers' predictions.
@Suite struct UnlabeledTests {
    /// A few labeled examples that differ much, and teachers that have seen many.
    private func withScene(_ body: (Scene, [String]) throws -> Void) throws {
        try withTemporaryFolder { folder in
            var data = DataFile([6], classes: 4, train: 800, test: 200)
            data.noise = 1.2
            var scene = try Scene(folder, data)
            let teachers = try [1, 2].map { try scene.writeTeacher("teacher\($0).h5", seed: $0, epochs: 6) }
            try data.write(to: scene.path("more.h5"))
            scene.data.train = 24
            try scene.writeData()
            try body(scene, teachers)
        }
    }

    @Test func bringsTheStudentNearerToItsTeachers() throws {
        try withScene { scene, teachers in
            func agreement(_ name: String, unlabeled: Bool, epochs: Int) throws -> Double {
                var request = scene.request(teachers, run: name, output: "\(name).h5")
                request.hyperparameters.epochs = epochs
                request.unlabeled = unlabeled ? scene.path("more.h5") : nil
                return try #require(try compress(request).student.agreement)
            }
            // As many steps: 2 an epoch without, 52 with.
            let few = try agreement("few", unlabeled: false, epochs: 260)
            let many = try agreement("many", unlabeled: true, epochs: 10)
            #expect(many > few + 0.02, "\(many) with unlabeled examples, \(few) without")
        }
    }

    /// Labels that an unlabeled file happens to have are not read; those of the labeled examples count.
    @Test(arguments: [TeacherWeights.uniform, .byExample])
    func noLabelOfThemHasAnyInfluence(shares: TeacherWeights) throws {
        try withScene { scene, teachers in
            func student(_ name: String, _ change: (borrowing HDF5File, [Float]) throws -> Void) throws -> [UInt32] {
                let x = try HDF5File(opening: scene.path("more.h5")).root.dataset("train/x").read(as: Float.self)
                let file = try HDF5File(creating: scene.path("\(name)-more.h5"))
                try change(file, x)
                try file.close()
                var request = scene.request(teachers, run: name, output: "\(name).h5")
                request.unlabeled = scene.path("\(name)-more.h5")
                request.teacherWeights = shares
                request.loss.terms = [LossTerm(.kl), LossTerm(.dkd(alpha: 1, beta: 8)), LossTerm(.mse)]
                try compress(request)
                return try weights(request.output)
            }
            let bare = try student("bare") { file, x in try file.root.createDataset("x", x, shape: [800, 6]) }
            let labeled = try student("labeled") { file, x in
                try file.root.createDataset("train/x", x, shape: [800, 6])
                try file.root.createDataset("train/y", (0..<800).map { ($0 * 7) % 4 }, shape: [800], type: .int64)
            }
            let wrong = try student("wrong") { file, x in
                try file.root.createDataset("train/x", x, shape: [800, 6])
                try file.root.createDataset("train/y", [Float](repeating: .nan, count: 3), shape: [3])
            }
            #expect(labeled == bare)
            #expect(wrong == bare)
        }
    }

    /// What is added to a labeled example's loss is the soft loss alone: without one, unlabeled examples only make the
    /// mean smaller.
    @Test func costNothingWithoutTeachers() throws {
        try withScene { scene, teachers in
            var request = scene.request(teachers)
            request.unlabeled = scene.path("more.h5")
            request.loss.softWeight = .constant(0)
            request.loss.lambda = .constant(1)
            request.hyperparameters.epochs = 1
            try compress(request)
            let lines = try metricsLines(request.runDirectory).filter { $0["epoch"] == nil }
            // ln 4 for each labeled example at the start: 22 of 822 have labels, and none costs ten times that.
            let first = try #require(lines.first?["ground_truth_loss"]?.number)
            #expect(first < log(4.0) * 3 / 16)
            #expect(lines.allSatisfy { $0["prediction_loss"]?.number == 0 })
        }
    }

    @Test func refusesWhatHoldsNoSuchExamples() throws {
        try withScene { scene, teachers in
            let path = scene.path("other.h5"), zeros = [Float](repeating: 0, count: 14)
            let absent = "'\(path)': expected a dataset 'train/x' or 'x' of examples without labels, found "
            let advice = "A file of unlabeled examples holds them as train/x or x; labels are not read."
            let shape = "expected examples of shape [6], as in '\(scene.path("data.h5"))', found"
            let cases: [(expected: String, write: (borrowing HDF5File) throws -> Void)] = [
                (absent + "an empty file. " + advice, { _ in }),
                (
                    absent + "'test' at the top. " + advice,
                    { try $0.root.createDataset("test/x", Array(zeros[..<6]), shape: [1, 6]) }
                ),
                (
                    "'train/x' in '\(path)': \(shape) [7]. The student takes one kind of examples.",
                    { try $0.root.createDataset("train/x", zeros, shape: [2, 7]) }
                ),
                (
                    "'x' in '\(path)': \(shape) [6, 1]. The student takes one kind of examples.",
                    { try $0.root.createDataset("x", Array(zeros[..<12]), shape: [2, 6, 1]) }
                ),
                (
                    "'x' in '\(path)': expected at least one example, found shape [0, 6]. Is the file finished?",
                    { try $0.root.createDataset("x", [Float](), shape: [0, 6]) }
                ),
                (
                    "'x' in '\(path)': expected scale 1.0, as 'train/x' in '\(scene.path("data.h5"))' has it, found 0.5. Give "
                        + "'scale' the same value in both; without the attribute it is 1.",
                    {
                        let x = try $0.root.createDataset("x", .uint8, shape: [2, 6])
                        try x.attributes.write(0.5, to: "scale")
                    }
                ),
                (
                    "'train/x' in '\(path)': expected offset 0.0, as 'train/x' in '\(scene.path("data.h5"))' has it, found "
                        + "1.0, 2.0, 3.0, 4.0, …. Give 'offset' the same value in both; without the attribute it is 0.",
                    {
                        let x = try $0.root.createDataset("train/x", .float32, shape: [2, 6])
                        try x.attributes.write([1.0, 2, 3, 4, 5, 6], to: "offset")
                    }
                ),
            ]
            for (expected, write) in cases {
                try? FileManager.default.removeItem(atPath: path)
                let file = try HDF5File(creating: path)
                try write(file)
                try file.close()
                var request = scene.request(teachers)
                request.unlabeled = path
                #expect(message { _ = try Compressor(request) { _ in } } == expected)
                #expect(!FileManager.default.fileExists(atPath: scene.path("run")))
            }
        }
    }
}
