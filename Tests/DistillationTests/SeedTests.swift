import Foundation
import TestSupport
import Testing
import Training

@testable import Distillation

/// `--seeds N`: several students that differ in their seeds alone.
@Suite struct SeedTests {
    private func withTeacher(_ body: (Scene, CompressionRequest) throws -> Void) throws {
        try withScene(DataFile(train: 200, test: 60)) { scene in
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1, epochs: 5)])
            request.hyperparameters.seed = 4
            request.baseline = true
            try body(scene, request)
        }
    }

    /// Each run is the one that its seed gives alone, and the written file that of the best on held-out rows, to the byte.
    @Test func runsWhatEachSeedRunsAlone() throws {
        try withTeacher { scene, request in
            var several = request
            several.seeds = 3
            let report = try compress(several), seeds = try #require(report.seeds)
            #expect(seeds.runs.map(\.seed) == [4, 5, 6])
            var files: [Int: Data] = [:]
            for run in seeds.runs {
                var alone = scene.request(request.teachers, run: "run\(run.seed)", output: "s\(run.seed).h5")
                alone.hyperparameters.seed = run.seed
                alone.baseline = true
                let single = try compress(alone)
                #expect(single.seeds == nil)
                #expect(run.test.map(\.value) == single.student.test.map(\.value))
                #expect(run.validation.map(\.value) == single.student.validation.map(\.value))
                #expect(run.baseline?.map(\.value) == single.baseline?.test.map(\.value))
                #expect(run.bestBaseline?.map(\.value) == single.baseline?.best?.test.map(\.value))
                files[run.seed] = try contents(alone.output)
            }
            #expect(Set(files.values).count == 3)
            let scores = seeds.runs.map { $0.validation[0].value }
            let best = try #require(scores.firstIndex(of: scores.max() ?? 0))
            #expect(seeds.written == seeds.runs[best].seed)
            let found = try contents(several.output)
            #expect(found == files[seeds.written])
            #expect(report.student.test.map(\.value) == seeds.runs[best].test.map(\.value))
            #expect(report.baseline?.test.map(\.value) == seeds.runs[best].baseline?.map(\.value))
        }
    }

    @Test(arguments: ["student seed 5", "baseline seed 5"])
    func resumesToTheSameFile(training: String) throws {
        try withTeacher { scene, request in
            func job(_ name: String) -> CompressionRequest {
                var other = scene.request(request.teachers, run: name, output: "\(name).h5")
                (other.hyperparameters, other.baseline, other.seeds) = (request.hyperparameters, true, 2)
                return other
            }
            let (expected, report, _) = try compressStopped(during: training, job("whole"), job("stopped"))
            #expect(report.seeds?.runs.map { $0.test[0].value } == expected.seeds?.runs.map { $0.test[0].value })
            #expect(
                report.seeds?.runs.map { $0.bestBaseline?[0].value }
                    == expected.seeds?.runs.map { $0.bestBaseline?[0].value })
        }
    }

    /// The mean of 0.90, 0.92 and 0.94 is 0.92, and their standard deviation 0.02: the standard error is 0.02 / √3.
    @Test func hasMeanAndStandardError() throws {
        let report = SeedReport(
            runs: [0.90, 0.92, 0.94].enumerated().map { seed, value in
                SeedReport.Run(
                    seed: seed, validation: [], test: [("accuracy", value)], baseline: nil, bestBaseline: nil)
            }, written: 0)
        let found = try #require(report.means(\.test)?.first)
        #expect(found.name == "accuracy" && abs(found.mean - 0.92) < 1e-12)
        #expect(abs(found.standardError - 0.02 / (3 as Double).squareRoot()) < 1e-12)
        #expect(report.means(\.baseline) == nil)
    }
}
