import Foundation
import Networks
import Tensors
import Testing

@testable import ModelFiles

/// Sizes that are known before anything is written.
@Suite struct PredictedSizeTests {
    /// SplitMix64 (Steele et al., 2014).
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }
    }

    /// Numbers of very different histograms: of one value, of few, mostly zeros, with outliers, or of every magnitude.
    private func fill(_ weights: Tensor, isVariance: Bool, _ random: inout Generator) {
        let kind = Int.random(in: 0..<6, using: &random), scale = Float.random(in: 1e-3...10, using: &random)
        let zeros = Double.random(in: 0...1, using: &random)
        weights.withMutableSpan { span in
            for index in span.indices {
                let number = Float.random(in: -1...1, using: &random)
                let isZero = Double.random(in: 0...1, using: &random) < zeros
                let found: Float =
                    switch kind {
                    case 0: 1
                    case 1: (number * 3).rounded()
                    case 2: isZero ? 0 : number
                    case 3: isZero ? number * 1e-4 : number * 100
                    case 4: exp(16 * number - 8) * (isZero ? -1 : 1)
                    default: number
                    }
                span[index] = scale * (isVariance ? abs(found) : found)
            }
        }
    }

    /// Shapes, histograms, formats, encodings and budgets at random: the file takes what was predicted, to the byte, and no more
    /// than its budget. 1,000 students, each with a seed of its own.
    @Test(arguments: 0..<10) func areExactForRandomStudentsAndBudgets(hundred: Int) throws {
        try withTemporaryFolder { folder in
            for seed in (100 * hundred)..<(100 * hundred + 100) {
                var random = Generator(state: UInt64(seed))
                let text = """
                    input: [\(Int.random(in: 1...70, using: &random))]
                    layers:
                      - Dense: {units: \(Int.random(in: 1...90, using: &random)), activation: relu}
                      - BatchNormalization
                      - Dense: {units: \(Int.random(in: 1...60, using: &random)), use_bias: \(Bool.random(using: &random))}
                      - Dense: {units: classes, activation: softmax}
                    """
                let built = try ArchitectureFile(parsing: text, path: "s.yaml").architecture(
                    classes: Int.random(in: 2...20, using: &random)
                ).graph()
                let weights = ParameterVector(zeros: built.graph.layout)
                for entry in built.graph.layout.entries {
                    fill(weights[entry], isVariance: entry.spec.role != .trainable, &random)
                }
                let name = ["s.h5", "s.keras", "s.onnx", "s.safetensors"].randomElement(using: &random) ?? "s.h5"
                let format = try ModelFormats.named(by: name), path = folder.appending(path: name).path
                let possible = Precision.fixed.filter { (try? format.check($0)) != nil }
                let precision = possible.randomElement(using: &random) ?? .float32
                let fixed = try ExportPlan(built, precision: precision, format: format)
                #expect(try fixed.write(weights.tensor, to: path) == fixed.size.file, "\(seed), \(precision)")
                #expect(try byteCount(path) == fixed.size.file.bytes, "\(seed), \(precision)")
                let exact = try ExportPlan(built, format: format).size
                let limit = ByteCount(
                    exact.overhead.bytes + Int.random(in: 0...exact.weights.bytes, using: &random))
                do {
                    let plan = try ExportPlan.fitting(built, weights.tensor, limit: limit, format: format, as: path)
                    try plan.write(weights.tensor, to: path, limit: limit)
                    #expect(try byteCount(path) == plan.size.file.bytes, "\(seed)")
                    #expect(plan.size.file <= limit, "\(seed)")
                } catch let error as ModelFileError {
                    #expect("\(error)".contains("with the coarsest weights"), "\(seed): \(error)")
                }
            }
        }
    }

    private func byteCount(_ path: String) throws -> Int { try Data(contentsOf: URL(filePath: path)).count }
}
