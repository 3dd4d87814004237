import Datasets
import Foundation
import HDF5
import ModelFiles
import Networks
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// Students whose weights are stored in fewer bits than they were trained with.
@Suite struct PrecisionTests {
    /// Examples with several labels each: the order of 1,800 predictions shows every rounding in GAP@20.
    private func withScene(_ body: (Scene, [String]) throws -> Void) throws {
        var data = DataFile(train: 80, test: 600)
        data.hasManyLabels = true
        try withTemporaryFolder { folder in
            let scene = try Scene(folder, data), text = Scene.teacher.replacing("softmax", with: "sigmoid")
            let teachers = try [1, 2].map {
                try scene.writeTeacher("teacher\($0).h5", seed: $0, epochs: 5, text: text)
            }
            try body(scene, teachers)
        }
    }

    /// The metrics of a file on the test split.
    private func metrics(_ model: String, _ scene: Scene) throws -> [Double] {
        let network = try KerasFile(opening: model).network().network, workers = Workers(1)
        defer { workers.close() }
        let test = try ExampleFile(opening: scene.path("data.h5")).test
        return try evaluate(network.graph, weights: network.weights.tensor, on: test, workers: workers).map(\.value)
    }

    /// Training is that of float32; only then are weights rounded, and measured as they are written.
    @Test(arguments: ["h5", "keras"])
    func measuresTheStudentAsItIsWritten(suffix: String) throws {
        try withScene { scene, teachers in
            let exact = scene.request(teachers, run: "exact", output: "exact.h5")
            var request = scene.request(teachers, output: "student.\(suffix)")
            request.precision = .float16
            let (other, report) = (try compress(exact), try compress(request))
            let (layout, weights) = (try network(exact.output).0, try network(exact.output).1)
            let written = try network(request.output).1
            for entry in layout.entries {
                let count = entry.spec.shape.elementCount, isStatistic = entry.spec.name.hasPrefix("moving")
                let values = weights.slice(at: entry.offset, count: count).values
                #expect(
                    written.slice(at: entry.offset, count: count).values
                        == (isStatistic ? values : values.map { Float(Float16($0)) }),
                    "\(entry.layer)/\(entry.spec.name)")
            }
            let (rounded, trained) = (try metrics(request.output, scene), try metrics(exact.output, scene))
            #expect(report.student.test.map(\.value) == rounded)
            #expect(other.student.test.map(\.value) == trained)
            #expect(rounded != trained, "the rounding is of no consequence, and this test of no use")
            #expect(report.student.bytes.bytes == (try contents(request.output).count))
            #expect(report.student.bytes == report.student.predictedBytes)
            let parameters = 6 * 8 + 8 + 2 * 8 + 8 * 3 + 3, statistics = 2 * 8
            #expect(report.student.weightBytes.bytes == 2 * parameters + 4 * statistics)
            #expect(report.student.loadedBytes.bytes == 4 * (parameters + statistics))
            #expect(
                report.student.bitsPerWeight == Double(16 * parameters + 32 * statistics)
                    / Double(parameters + statistics))
            let provenance = try JSON(parsing: #require(try KerasFile(opening: request.output).provenance))
            #expect(provenance["precision"] == "float16")
        }
    }

    private func network(_ path: String) throws -> (ParameterLayout, Tensor) {
        let (built, network) = try KerasFile(opening: path).network()
        return (built.graph.layout, network.weights.tensor)
    }

    /// A stopped run goes on with the precision that it was begun with.
    @Test func resumesToTheSameBits() throws {
        try withScene { scene, teachers in
            func request(_ name: String) -> CompressionRequest {
                var request = scene.request(teachers, run: name, output: "\(name).h5")
                request.precision = .float16
                return request
            }
            let (_, _, stopped) = try compressStopped(during: "student", request("whole"), request("stopped"))
            var other = stopped
            other.isResuming = true
            other.precision = .float32
            let error = #expect(throws: OtherRunError.self) { try compress(other) }
            #expect(error?.description.contains("precision is float32, was float16") == true)
        }
    }

    /// A model that is trained by itself, too.
    @Test func trainsAModelToBeWrittenInHalfTheBytes() throws {
        try withScene { scene, _ in
            var request = TrainingRequest(
                architecture: scene.path("student.yaml"), data: scene.path("data.h5"), output: scene.path("m.h5"),
                hyperparameters: Hyperparameters(epochs: 2, batchSize: 16))
            request.precision = .float16
            let model = try trainModel(request) { _ in }
            #expect(model.bytes.bytes == (try contents(request.output).count))
            #expect(model.test.map(\.value) == (try metrics(request.output, scene)))
            let types = try KerasFile(opening: request.output).sizeReport().rows.map(\.type)
            #expect(types == ["float16", "float16, float32", "float16"])
        }
    }
}
