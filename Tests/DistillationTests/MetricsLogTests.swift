import Foundation
import ModelFiles
import TestSupport
import Testing

@testable import Distillation
@testable import Training

/// What `metrics.jsonl` tells of a training.
@Suite struct MetricsLogTests {
    private func report(_ step: Int, examples: Int = 10) -> TrainingRun.StepReport {
        TrainingRun.StepReport(
            step: step, progress: 0, examples: examples, terms: [Double(step), 0.5], learningRate: Double(step) / 100,
            gradientNorm: nil)
    }

    /// Tells of some steps, as a run does that has `total` of them.
    private func tell(_ log: MetricsLog, _ steps: ClosedRange<Int>, of total: Int, examples: (Int) -> Int = { _ in 10 })
        throws
    {
        for step in steps {
            try log.append(
                report(step, examples: examples(step)), of: total, terms: ["prediction", "ground truth"],
                settings: [("lambda", Double(step))])
        }
    }

    @Test(arguments: [1, 15, 399, 400, 401, 5000, 5001, 123_457])
    func hasFourHundredLinesOfStepsAtMost(total: Int) throws {
        try withTemporaryFolder { folder in
            try tell(MetricsLog(folder.path, training: "student", isAppending: false), 1...total, of: total)
            let lines = try metricsLines(folder.path), steps = lines.compactMap { $0["step"]?.integer }
            #expect(lines.count <= 400)
            #expect(lines.count >= min(total, 200))
            #expect(steps.last == total)
            // Each line is the mean of the steps since the one before: (first + last) / 2.
            for (line, (before, step)) in zip(lines, zip([0] + steps, steps)) {
                let mean = Double(before + 1 + step) / 2
                expectClose(line["prediction_loss"]?.number ?? .nan, mean)
                expectClose(line["ground_truth_loss"]?.number ?? .nan, 0.5)
                expectClose(line["loss"]?.number ?? .nan, mean + 0.5)
                #expect(line["learning_rate"]?.number == Double(step) / 100)
                #expect(line["lambda"]?.number == Double(step))
            }
        }
    }

    /// 1,000 steps make lines of three: 8 examples of step 1, 8 of step 2 and 4 of step 3 have the mean 36 / 20.
    @Test func meansAreThoseOfExamples() throws {
        try withTemporaryFolder { folder in
            try tell(
                try MetricsLog(folder.path, training: "student", isAppending: false), 1...3, of: 1000,
                examples: { $0 == 3 ? 4 : 8 })
            let lines = try metricsLines(folder.path)
            #expect(lines.map { $0["step"]?.integer } == [3])
            expectClose(lines[0]["prediction_loss"]?.number ?? .nan, 1.8)
        }
    }

    /// A run that was killed had told of steps after its last checkpoint, and of the last one half.
    @Test func goesOnWithoutRepeatingAStep() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "metrics.jsonl")
            let other = try MetricsLog(folder.path, training: "baseline", isAppending: false)
            try tell(other, 1...2, of: 2)
            let log = try MetricsLog(folder.path, training: "student", isAppending: true)
            try tell(log, 1...500, of: 1000)
            try Data(contentsOf: path).dropLast(25).write(to: path)
            // Its checkpoint was of step 450. Half of the line of step 498 is left.
            let next = try MetricsLog(folder.path, training: "student", isAppending: true)
            try tell(next, 451...1000, of: 1000)
            let lines = try metricsLines(folder.path)
            let steps = lines.filter { $0["training"]?.string == "student" }.compactMap { $0["step"]?.integer }
            #expect(Array(steps.prefix(166)) == (1...166).map { $0 * 3 })
            #expect(zip(steps, steps.dropFirst()).allSatisfy { $0 < $1 })
            #expect(steps.last == 1000)
            #expect(lines.count { $0["training"]?.string == "baseline" } == 2)
            // Another run of the same name begins anew, and leaves others alone.
            try tell(MetricsLog(folder.path, training: "student", isAppending: false), 1...4, of: 4)
            let last = try metricsLines(folder.path)
            #expect(
                last.map { $0["training"]?.string } == ["baseline", "baseline"] + Array(repeating: "student", count: 4))
        }
    }

    /// A run that is interrupted tells of the steps that it has made.
    @Test func tellsOfTheStepsBeforeAnInterruption() throws {
        try withTemporaryFolder { folder in
            let log = try MetricsLog(folder.path, training: "student", isAppending: false)
            try tell(log, 1...8, of: 1000)
            try log.flush()
            try log.flush()
            try tell(MetricsLog(folder.path, training: "student", isAppending: true), 9...12, of: 1000)
            let lines = try metricsLines(folder.path)
            #expect(lines.map { $0["step"]?.integer } == [3, 6, 8, 11])
            expectClose(lines[2]["prediction_loss"]?.number ?? .nan, 7.5)
            expectClose(lines[3]["prediction_loss"]?.number ?? .nan, 10)
        }
    }

    /// One bit anywhere costs its own line, and no other.
    @Test(arguments: [0, 3, 5], [0x80, 0x01] as [UInt8])
    func dropsDamagedLinesOneByOne(line: Int, bit: UInt8) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "metrics.jsonl")
            try tell(MetricsLog(folder.path, training: "student", isAppending: false), 1...6, of: 6)
            let lines = try String(contentsOf: path, encoding: .utf8).split(separator: "\n").map { Data($0.utf8) }
            for place in lines[line].indices {
                var damaged = lines
                damaged[line][place] ^= bit
                try Data(damaged.joined(separator: [UInt8(ascii: "\n")])).write(to: path)
                var warnings: [String] = []
                _ = try MetricsLog(folder.path, training: "student", isAppending: true) { warnings.append($0) }
                let steps = try metricsLines(folder.path).map { $0["step"]?.integer }
                #expect(steps == (1...6).filter { $0 != line + 1 }, "byte \(place)")
                // The last line may be half of what a killed run wrote, which is no damage.
                let isTold = line == 5 ? warnings.isEmpty : warnings.count == 1
                #expect(isTold, "\(warnings)")
            }
        }
    }

    /// What was taken out of the log is noticed by the numbers of its lines, and by the epochs of the checkpoint.
    @Test(
        arguments: [
            ([], nil), ([7], "epoch 2"), ([4, 5, 6, 7], "epoch 2"), ([3, 4, 5, 6, 7], "epochs 1 to 2"),
            ([1], "1 line"), ([0, 1, 2, 3], "4 lines"), ([2, 5], "2 lines"), ([1, 7], "1 line and epoch 2"),
        ] as [([Int], String?)])
    func saysWhatWasTakenOut(removed: [Int], lacks: String?) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "metrics.jsonl")
            try tell(MetricsLog(folder.path, training: "baseline", isAppending: false), 1...3, of: 3)
            let log = try MetricsLog(folder.path, training: "student", isAppending: true)
            for epoch in 1...2 {
                try tell(log, (3 * epoch - 2)...(3 * epoch), of: 6)
                try log.append(
                    TrainingRun.EpochReport(
                        epoch: epoch, step: 3 * epoch, terms: [1, 2], learningRate: 0.1, validation: [], seconds: 1,
                        examplesPerSecond: 1, isLast: epoch == 2), terms: ["prediction", "ground truth"])
            }
            let lines = try String(contentsOf: path, encoding: .utf8).split(separator: "\n")
            #expect(lines.count == 11)
            let kept = lines.enumerated().filter { !removed.contains($0.offset - 3) }.map(\.element)
            try Data((kept.joined(separator: "\n") + "\n").utf8).write(to: path)
            let next = try MetricsLog(folder.path, training: "student", isAppending: true) { Issue.record("\($0)") }
            #expect(
                next.missing(epochs: 2)
                    == lacks.map {
                        "'\(path.path)' was shortened or edited: of 'student' it lacks \($0); the weights do not depend on "
                            + "it, but figures of those epochs are lost"
                    })
            #expect(try MetricsLog(folder.path, training: "baseline", isAppending: true).missing(epochs: 0) == nil)
        }
    }

    /// An edited line is damaged, and is not said to be missing, too.
    @Test func namesAnEditedLineOnce() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "metrics.jsonl")
            try tell(MetricsLog(folder.path, training: "student", isAppending: false), 1...6, of: 6)
            let text = try String(contentsOf: path, encoding: .utf8)
            try text.replacing("\"step\":2,", with: "\"step\":8,").write(to: path, atomically: true, encoding: .utf8)
            var warnings: [String] = []
            let next = try MetricsLog(folder.path, training: "student", isAppending: true) { warnings.append($0) }
            #expect(warnings == ["'\(path.path)': 1 damaged line dropped"])
            #expect(next.missing(epochs: 0) == nil)
        }
    }

    @Test func dropsALineThatIsThereTwice() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "metrics.jsonl")
            try tell(MetricsLog(folder.path, training: "student", isAppending: false), 1...6, of: 6)
            let lines = try String(contentsOf: path, encoding: .utf8).split(separator: "\n")
            try ((lines + [lines[2]]).joined(separator: "\n") + "\n").write(to: path, atomically: true, encoding: .utf8)
            var warnings: [String] = []
            let next = try MetricsLog(folder.path, training: "student", isAppending: true) { warnings.append($0) }
            #expect(warnings == ["'\(path.path)': 1 damaged line dropped"])
            #expect(next.missing(epochs: 0) == nil)
            #expect(try metricsLines(folder.path).map { $0["step"]?.integer } == [1, 2, 3, 4, 5, 6])
        }
    }

    @Test func everyLineHasTheMarkOfItsRun() throws {
        try withTemporaryFolder { folder in
            let log = try MetricsLog(folder.path, training: "student", mark: "compress-run-1", isAppending: false)
            try tell(log, 1...3, of: 3)
            #expect(
                try metricsLines(folder.path).map { $0["run"]?.string } == [
                    "compress-run-1", "compress-run-1", "compress-run-1",
                ])
        }
    }
}
