import Foundation
import HDF5
import Networks
import Tensors
import Testing

@testable import ModelFiles

@Suite struct CodedLevelsTests {
    @Test(arguments: [Float(0.2), 0.3, 0.5, 1, 2.8], [Float(1e-20), 1e-3, 0.05, 1, 7, 1e6])
    func movesEachNumberToTheNearestLevel(step: Float, scale: Float) {
        let numbers = normal(4096).map { $0 * scale }
        let levels = CodedLevels(step: step * scale, of: numbers.span)
        let rounded = round(numbers, levels)
        let used = Set(rounded).sorted()
        #expect(used.contains(0) && used.count == levels.count)
        for (number, found) in zip(numbers, rounded) {
            #expect(used.allSatisfy { abs($0 - number) >= abs(found - number) })
        }
        #expect(round(rounded, levels) == rounded)
        // Half a step, and half of what lies between numbers of float8.
        #expect(zip(numbers, rounded).allSatisfy { abs($0 - $1) <= levels.step * 1.001 })
        #expect(levels.stream(of: rounded.span).count == levels.byteCount)
        #expect(levels.byteCount < numbers.count)
    }

    @Test func equalStepsCostAsManyBitsAsMeasuredElsewhere() {
        // Steps of numbers with standard deviation 1, by zlib's Huffman codes: bits, which depended a little on the numbers, and
        // error.
        let numbers = normal(1_000_000)
        for (step, bits, error) in [(0.3, 3.83, 0.087), (0.4, 3.41, 0.115), (0.5, 3.11, 0.144), (1, 2.17, 0.289)] {
            let levels = CodedLevels(step: Float(step), of: numbers.span)
            let rounded = round(numbers, levels)
            let squares = zip(numbers, rounded).reduce(0.0) { $0 + pow(Double($1.0 - $1.1), 2) }
            #expect(abs(Double(levels.byteCount) * 8e-6 - bits) < 0.06)
            #expect(abs((squares * 1e-6).squareRoot() - error) < 0.004)
        }
    }

    @Test func keepsWhatIsZero() {
        let zeros = [Float](repeating: 0, count: 10_000)
        let levels = CodedLevels(step: 1, of: zeros.span)
        #expect(levels.count == 1 && round(zeros, levels) == zeros)
        // 38 copies of 258 zeros, at a bit or two each for length and distance.
        #expect(levels.byteCount < 40)
    }

    private func round(_ numbers: [Float], _ levels: CodedLevels) -> [Float] {
        var rounded = numbers
        var span = rounded.mutableSpan
        levels.round(&span)
        return rounded
    }
}

@Suite struct BitAllocationTests {
    @Test(arguments: ["s.h5", "s.keras"])
    func fillsAnyLimitAndTheFileIsReadAsItIsPlanned(name: String) throws {
        let built = try network(), weights = weights(built), format = try ModelFormats.named(by: name)
        let whole = try ExportPlan(built, format: format).size.file.bytes
        var errors: [Double] = []
        for share in [0.12, 0.15, 0.2, 0.3, 0.4, 0.47, 0.7, 0.95] {
            let limit = ByteCount(Int(Double(whole) * share))
            let plan = try ExportPlan.fitting(built, weights, limit: limit, format: format, as: name)
            try withTemporaryFolder { folder in
                let path = folder.appending(path: name).path
                let written = try plan.write(weights, to: path, limit: limit)
                #expect(written == plan.size.file)
                #expect(written <= limit)
                // There is nothing between 16 and 32 bits but to store some tensors in one way and some in the other.
                if share < 0.5 { #expect(Double(written.bytes) >= 0.98 * Double(limit.bytes)) }
                let (_, read) = try KerasFile(opening: path).network()
                let rounded = try plan.rounded(weights, for: path)
                for entry in built.graph.layout.entries {
                    #expect(numbers(of: entry, in: read.weights.tensor) == numbers(of: entry, in: rounded))
                }
                errors.append(
                    built.graph.layout.entries.reduce(0) { sum, entry in
                        let count = entry.spec.shape.elementCount
                        return sum
                            + BitAllocation.relativeError(
                                weights.slice(at: entry.offset, count: count),
                                rounded.slice(at: entry.offset, count: count))
                    })
            }
        }
        #expect(zip(errors, errors.dropFirst()).allSatisfy { $0 >= $1 })
        #expect(errors[0] > 100 * errors[4])
    }

    @Test func keepsWhatFitsAsItIs() throws {
        let built = try network(), weights = weights(built)
        let exact = try ExportPlan(built)
        let plan = try ExportPlan.fitting(built, weights, limit: exact.size.file, as: "s.h5")
        #expect(plan.size == exact.size)
        #expect(try plan.rounded(weights, for: "s.h5").values == weights.values)
    }

    @Test func saysTheFewestBytesThatAModelTakes() throws {
        let built = try network(), weights = weights(built)
        let error = #expect(throws: ModelFileError.self) {
            try ExportPlan.fitting(built, weights, limit: ByteCount(5000), as: "s.h5")
        }
        let text = "\(try #require(error))"
        #expect(text.contains("takes at least ") && text.contains("over the budget of 5,000 bytes"))
        let found = try #require(text.firstMatch(of: /at least ([0-9,]+) bytes/)).1.filter { $0 != "," }
        let fewest = try #require(Int(found))
        let plan = try ExportPlan.fitting(built, weights, limit: ByteCount(fewest), as: "s.h5")
        #expect(plan.size.file == ByteCount(fewest))
        #expect(throws: ModelFileError.self) {
            try ExportPlan.fitting(built, weights, limit: ByteCount(fewest - 1), as: "s.h5")
        }
    }

    @Test func spendsBytesOnTheParameterThatErrorsCostMost() throws {
        // Two tensors alike but for their size: the small one costs little to keep.
        let built = try network(), weights = weights(built)
        let plan = try ExportPlan.fitting(built, weights, limit: ByteCount(16_000), as: "s.h5")
        let rounded = try plan.rounded(weights, for: "s.h5")
        let errors = built.graph.layout.entries.filter { $0.spec.shape.elementCount >= 256 }.map { entry in
            let count = entry.spec.shape.elementCount
            return (
                count,
                BitAllocation.relativeError(
                    weights.slice(at: entry.offset, count: count), rounded.slice(at: entry.offset, count: count))
            )
        }.sorted { $0.0 < $1.0 }
        let small = try #require(errors.first), large = try #require(errors.last)
        #expect(small.0 * 4 < large.0 && small.1 < large.1)
    }

    @Test func spendsBytesWhereMeasuringShowsThatTheyMatter() throws {
        let built = try network(), weights = weights(built), layout = built.graph.layout
        // Predictions that depend on one layer a thousand times as much as on others.
        func errors(important: String) throws -> [String: Double] {
            var numbers: [Int] = []
            let divergence = WeightDivergence { altered, layer, number, count in
                numbers.append(number)
                #expect(number <= count)
                let entries = layout.entries.filter { $0.layer == layer }
                return entries.reduce(0.0) { sum, entry in
                    let count = entry.spec.shape.elementCount
                    return sum
                        + BitAllocation.relativeError(
                            weights.slice(at: entry.offset, count: count),
                            altered.slice(at: entry.offset, count: count)) * (layer == important ? 1 : 0.001)
                }
            }
            let costs = try ExportPlan(built).costs(of: weights, divergence)
            let plan = try ExportPlan.fitting(built, weights, limit: ByteCount(20_000), costs: costs, as: "s.h5")
            #expect(numbers == Array(1...numbers.count) && numbers.count >= 10)
            #expect(plan.size.file <= ByteCount(20_000))
            let rounded = try plan.rounded(weights, for: "s.h5")
            return Dictionary(
                uniqueKeysWithValues: layout.entries.filter { $0.spec.name == "kernel" }.map { entry in
                    let count = entry.spec.shape.elementCount
                    return (
                        entry.layer,
                        BitAllocation.relativeError(
                            weights.slice(at: entry.offset, count: count),
                            rounded.slice(at: entry.offset, count: count))
                    )
                })
        }
        let first = try errors(important: "dense"), second = try errors(important: "dense_1")
        #expect(try #require(first["dense"]) < 0.5 * #require(second["dense"]))
        #expect(try #require(second["dense_1"]) < 0.5 * #require(first["dense_1"]))
    }

    /// A layer whose errors matter only once another one is rounded, too, costs nothing alone.
    @Test func spendsBytesWhereErrorsMatterAmongOthers() throws {
        let built = try network(), weights = weights(built), layout = built.graph.layout
        func errors(_ altered: Tensor) -> [String: Double] {
            var errors: [String: Double] = [:]
            for entry in layout.entries where entry.spec.name == "kernel" {
                let count = entry.spec.shape.elementCount
                errors[entry.layer] = BitAllocation.relativeError(
                    weights.slice(at: entry.offset, count: count), altered.slice(at: entry.offset, count: count))
            }
            return errors
        }
        var layers: [String?] = []
        let divergence = WeightDivergence { altered, layer, _, _ in
            layers.append(layer)
            let errors = errors(altered)
            let weight = errors["dense_2", default: 0] > 0 ? 4.0 : 0.5
            return weight * errors["dense", default: 0] + errors["dense_1", default: 0]
                + 0.01 * errors["dense_2", default: 0]
        }
        let plan = try ExportPlan(built), alone = try plan.costs(of: weights, divergence), limit = ByteCount(16_000)
        let first = try plan.fitting(weights, limit: limit, costs: alone, as: "s.h5").rounded(weights, for: "s.h5")
        layers = []
        let together = try plan.costs(alone, of: weights, rounded: first, divergence)
        #expect(layers == [nil, "dense", "dense_1", "dense_2"])
        let second = try plan.fitting(weights, limit: limit, costs: together, as: "s.h5").rounded(weights, for: "s.h5")
        let (before, after) = (errors(first), errors(second))
        #expect(try #require(before["dense_2"]) > 0)
        #expect(try #require(after["dense"]) < #require(before["dense"]))
        #expect(try #require(after["dense_1"]) > #require(before["dense_1"]))
        #expect(try divergence.measure(second, nil, 1, 1) < divergence.measure(first, nil, 1, 1))
    }

    private func numbers(of entry: ParameterLayout.Entry, in tensor: Tensor) -> [Float] {
        tensor.slice(at: entry.offset, count: entry.spec.shape.elementCount).values
    }

    private func network() throws -> BuiltArchitecture {
        let text = """
            input: [40]
            layers:
              - Dense: {units: 200, activation: relu}
              - BatchNormalization
              - Dense: {units: 100, activation: relu}
              - Dense: {units: classes, activation: softmax}
            """
        return try ArchitectureFile(parsing: text, path: "s.yaml").architecture(classes: 10).graph()
    }

    private func weights(_ built: BuiltArchitecture) -> Tensor {
        let count = ParameterVector(initializing: built.graph.layout, key: RandomKey(seed: 1)).tensor.elementCount
        // Variances are not negative.
        let numbers = normal(count).map(abs)
        let tensor = Buffer(zeros: numbers.count).tensor
        tensor.withMutableSpan { span in for index in span.indices { span[index] = numbers[index] } }
        return tensor
    }
}

/// Numbers of the normal distribution (Box and Muller, 1958), the same in every run.
private func normal(_ count: Int) -> [Float] {
    var state: UInt64 = 7
    func uniform() -> Double {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (Double(state >> 11) + 0.5) / 9_007_199_254_740_992
    }
    return (0..<count).map { _ in Float((-2 * log(uniform())).squareRoot() * cos(2 * .pi * uniform())) }
}
