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
            #expect(told.messages.contains { $0.hasPrefix("quantization: ") && $0.hasSuffix(" bytes") })
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
            var other = request(scene, teachers, .bits(3), name: "other")
            other.threads = 3
            let (whole, resumed, _) = try compressStopped(
                during: "student", request(scene, teachers, .bits(3), name: "whole"),
                request(scene, teachers, .bits(3), name: "stopped"))
            _ = try compress(other)
            let weights = try ["whole", "stopped", "other"].map {
                try KerasFile(opening: scene.path("\($0).h5")).network().network.weights.tensor.values
            }
            #expect(weights[0] == weights[1] && weights[0] == weights[2])
            #expect(whole.student.bytes == resumed.student.bytes)
        }
    }
}
