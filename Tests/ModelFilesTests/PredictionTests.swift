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
                let (_, network) = try file.network()
                let outputs = network.predict(examples.inputs)
                let worst = zip(outputs, examples.outputs).map { distance($0, $1) }.max() ?? .infinity
                print(worst < 1e-5 ? "ok" : "BAD", name, worst, network.graph.head, outputs.count == examples.outputs.count)
            } catch { print("FAIL", name, error) }
        }
    }
}
