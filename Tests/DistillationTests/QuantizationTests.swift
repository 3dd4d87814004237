import Datasets
import Foundation
import ModelFiles
import Networks
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// Students whose parameters get as many bits as they are worth.
@Suite struct QuantizationTests {
    private func withScene(_ body: (Scene, [String]) throws -> Void) throws {
        try withTemporaryFolder { folder in
            var scene = try Scene(folder, DataFile(train: 120, test: 90))
            scene.student = """
                name: wide
                input: [6]
                layers:
                  - Dense: {units: 64*width, activation: relu, name: first}
                  - BatchNormalization: {name: normalization}
                  - Dense: {units: 48*width, activation: relu, name: second}
                  - Dense: {units: classes, activation: softmax, name: last}
                """
            try scene.writeStudent()
            try body(scene, try [1, 2].map { try scene.writeTeacher("teacher\($0).h5", seed: $0, epochs: 5) })
        }
    }

    private func request(
        _ scene: Scene, _ teachers: [String], _ precision: Precision, budget: Int = 14_000, name: String = "s"
    ) -> CompressionRequest {
        var request = scene.request(teachers, run: name, output: "\(name).h5")
        request.precision = precision
        request.budget = ByteCount(budget)
        return request
    }

    private func metrics(_ model: String, _ scene: Scene) throws -> [Double] {
        let network = try KerasFile(opening: model).network().network, workers = Workers(1)
        defer { workers.close() }
        let test = try ExampleFile(opening: scene.path("data.h5")).test
        return try evaluate(network.graph, weights: network.weights.tensor, on: test, workers: workers).map(\.value)
    }

    /// What was planned is the limit, and what is measured is the file.
    @Test func fillsTheBudgetWithBits() throws {
        try withScene { scene, teachers in
            let told = Told(), request = request(scene, teachers, .automatic)
            let report = try compress(request, told: told)
            #expect(report.student.bytes.bytes == (try contents(request.output).count))
            #expect(report.student.bytes <= report.student.predictedBytes)
            #expect(report.student.predictedBytes.bytes <= 14_000)
            #expect(report.student.predictedBytes.bytes > 13_860)
            #expect(report.student.test.map(\.value) == (try metrics(request.output, scene)))
            // At least 4 bits were planned; statistics and small parameters have more.
            #expect((4..<9).contains(report.student.bitsPerWeight))
            let exact = try compress(self.request(scene, teachers, .float32, name: "exact"))
            #expect(report.student.parameters > 2 * exact.student.parameters)
            #expect(told.messages.contains { $0.hasPrefix("quantization: ") && $0.contains(" shared values, ") })
            let provenance = try JSON(parsing: #require(try KerasFile(opening: request.output).provenance))
            #expect(provenance["precision"] == "auto")
        }
    }

    /// A student that fits as it is keeps every bit.
    @Test func leavesWhatFitsAsItIs() throws {
        try withScene { scene, teachers in
            var automatic = request(scene, teachers, .automatic, budget: 100_000), exact = automatic
            (automatic.width, exact.width) = (1, 1)
            (exact.precision, exact.output) = (.float32, scene.path("exact.h5"))
            exact.runDirectory = scene.path("exact")
            let (report, other) = (try compress(automatic), try compress(exact))
            #expect(report.student.bitsPerWeight == 32)
            let weights = try [automatic, exact].map {
                try KerasFile(opening: $0.output).network().network.weights.tensor.values
            }
            #expect(weights[0] == weights[1])
            #expect(report.student.test.map(\.value) == other.student.test.map(\.value))
        }
    }

    @Test(arguments: [2.5, 6]) func storesSoManyBitsAWeight(bits: Double) throws {
        try withScene { scene, teachers in
            let report = try compress(request(scene, teachers, .bits(bits)))
            let rows = try KerasFile(opening: scene.path("s.h5")).sizeReport().rows
            #expect(report.student.bytes <= report.student.predictedBytes)
            // The two large kernels; what they do not take, biases and statistics may.
            let large = rows.filter { ["first", "second"].contains($0.name) }.reduce(0) { $0 + $1.size.bytes }
            let count = rows.filter { ["first", "second"].contains($0.name) }.reduce(0) { $0 + $1.parameters }
            #expect(abs(Double(8 * large) / Double(count) - bits) < 1)
        }
    }

    @Test func givesTheSameFileOnAnyNumberOfThreadsAndResumed() throws {
        try withScene { scene, teachers in
            // None may lose as little as that: every stage is done.
            func request(_ name: String) -> CompressionRequest {
                var request = self.request(scene, teachers, .bits(3), name: name)
                request.allowedLoss = -100
                return request
            }
            var other = request("other")
            other.threads = 3
            let (whole, resumed, _) = try compressStopped(during: "student", request("whole"), request("stopped"))
            _ = try compress(other)
            let weights = try ["whole", "stopped", "other"].map {
                try KerasFile(opening: scene.path("\($0).h5")).network().network.weights.tensor.values
            }
            #expect(weights[0] == weights[1] && weights[0] == weights[2])
            #expect(whole.student.bytes == resumed.student.bytes)
        }
    }

    // MARK: - Stages

    /// Every weight a float of its own, or levels that weights share.
    @Test(arguments: [ByteStage.quantization, .weightSharing])
    func chooseAmongTheEncodingsThatAreNamed(stage: ByteStage) throws {
        try withScene { scene, teachers in
            var request = request(scene, teachers, .bits(5))
            (request.byteStages, request.allowedLoss) = ([stage], 100)
            let report = try compress(request)
            #expect(report.student.stages.map(\.name) == ["quantization"])
            #expect((report.student.stages[0].size.sharedValues == nil) == (stage == .quantization))
        }
    }

    /// The first metric on held-out examples, of the file and of the student before: the difference is theirs.
    @Test func reportsWhatEachStageCosts() throws {
        try withScene { scene, teachers in
            let report = try compress(request(scene, teachers, .bits(2))).student
            let last = try #require(report.stage), outcome = try #require(report.stages.first)
            #expect(outcome.name == "quantization" && outcome.isKept)
            #expect(report.stages.contains { $0.name == "quantized distillation" })
            #expect(last.validation.map(\.value) == report.validation.map(\.value))
            #expect(last.size.file == report.bytes && last.size.bitsPerWeight == report.bitsPerWeight)
            // The student before has the metric of this one, less the difference.
            let before = report.stages.map { ($0.validation[0].value) - ($0.difference?.value ?? 0) }
            #expect(before.allSatisfy { abs($0 - before[0]) < 1e-12 })
        }
    }

    /// A student that loses more than it may gets other steps, and is trained once more; what it still loses is a warning, and it fits.
    @Test(arguments: [(-100.0, true), (100, false)]) func triesOnceMore(allowed: Double, isTriedAgain: Bool) throws {
        try withScene { scene, teachers in
            var request = request(scene, teachers, .bits(2))
            request.allowedLoss = allowed
            let report = try compress(request)
            #expect(
                report.student.stages.map(\.name)
                    == (isTriedAgain
                        ? ["quantization", "finer steps", "quantized distillation", "quantized distillation again"]
                        : ["quantization", "quantized distillation"]))
            #expect(report.warnings.contains { $0.contains("more than --allow-loss") } == isTriedAgain)
            #expect(report.student.bytes <= report.student.predictedBytes)
        }
    }

    /// Every weight alike has nothing to solve: the student only learns with the weights of its file.
    @Test func trainsWithWeightsThatAreAllAlike() throws {
        try withScene { scene, teachers in
            var request = request(scene, teachers, .small(bits: 4))
            request.byteStages = [.quantizedDistillation]
            let report = try compress(request)
            #expect(report.student.stages[0].name == "quantized distillation")
            #expect(report.student.stages[0].size.sharedValues == nil)
            #expect(report.student.bytes == report.student.predictedBytes)
        }
    }

    // MARK: - Pruning

    /// Under 1.5 bits weights become 0, and the bits are for the others.
    @Test func prunesWhereFewBitsAreLeft() throws {
        try withScene { scene, teachers in
            let names = { try compress(self.request(scene, teachers, .bits($0))).student.stages.map(\.name) }
            #expect(try names(1.5).first == "quantization")
            let report = try compress(request(scene, teachers, .bits(0.75), name: "pruned")).student
            #expect(report.stages.map(\.name).prefix(2) == ["pruning", "quantization"])
            let zeros = Pruning.zeros(leaving: 0.75)
            #expect(try #require(report.stage).size.zeros > 0.9 * zeros)
            #expect(report.bytes <= report.predictedBytes)
        }
    }

    /// A stage of three quarters of four epochs: 1 − (1 − 1/3)³ of 0.8, 1 − (1 − 2/3)³ of it, and all.
    @Test func prunesMoreFromEpochToEpoch() {
        let found = (0..<4).map { Pruning.share(of: 0.8, epoch: $0, of: 4) }
        for (found, expected) in zip(found, [0.8 * 19 / 27, 0.8 * 26 / 27, 0.8, 0.8]) {
            #expect(abs(found - expected) < 1e-12)
        }
        #expect(Pruning.share(of: 0.8, epoch: 0, of: 1) == 0.8)
    }

    /// By hand: 92 % zeros have H = 0.4022, and the others 0.28 bits: 0.7504 with a tenth for the code.
    @Test func leavesRoomForTheOtherWeights() {
        #expect(abs(Pruning.zeros(leaving: 0.7504) - 0.92) < 1e-3)
        #expect(Pruning.zeros(leaving: 4) == 0)
    }

    // MARK: - What the budget counts

    /// 4 bytes for each number: the file may take more, and the student has as many as fit.
    @Test func countsParameters() throws {
        try withScene { scene, teachers in
            var request = request(scene, teachers, .float32)
            request.budgetCounts = .parameters
            let report = try compress(request).student
            #expect(4 * report.parameters <= 14_000 && report.bytes.bytes > 14_000)
            request.width = report.parameters > 0 ? 2 : nil
            let error = #expect(throws: BudgetError.self) { _ = try Compressor(request) { _ in } }
            #expect(error?.description.contains("parameters as float32, ") == true)
        }
    }
}
