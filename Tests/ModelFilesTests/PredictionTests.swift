import Foundation
import HDF5
import ModelFiles
import Networks
import Testing

@Suite struct PredictionTests {
    @Test func samples() throws {
        let folder = ProcessInfo.processInfo.environment["SAMPLES"] ?? ""
        guard !folder.isEmpty else { return }
        for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        where name.hasSuffix(".h5") && !name.hasSuffix(".io.h5") {
            let path = folder + "/" + name
            do {
                let examples = try Examples(of: path)
                let file = try KerasFile(opening: path)
                let (built, network) = try file.network()
                let outputs = network.predict(examples.inputs)
                let worst = zip(outputs, examples.outputs).map { distance($0, $1) }.max() ?? .infinity
                let plan = try ExportPlan(built)
                let copy = (ProcessInfo.processInfo.environment["EXPORT_TO"] ?? "/tmp") + "/" + name
                let count = try plan.write(network.weights, to: copy)
                let second = try KerasFile(opening: copy)
                let (_, network2) = try second.network()
                let same = network2.predict(examples.inputs) == outputs
                let report = second.sizeReport()
                print(worst < 1e-5 ? "ok" : "BAD", name, worst, network.graph.head, outputs.count == examples.outputs.count, count == plan.size.file ? "exact" : "INEXACT \(count) \(plan.size.file)", same ? "same" : "DIFFERENT", file.byteCount, count.bytes, report.overhead.bytes)
            } catch { print("FAIL", name, error) }
        }
    }
}
