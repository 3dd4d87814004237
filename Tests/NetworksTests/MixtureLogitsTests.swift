import Foundation
import Kernels
import Tensors
import TestSupport
import Testing

@testable import Networks

/// The logits of a weighted mean of predictions, against finite differences and the formulas in double precision.
@Suite struct MixtureLogitsTests {
    private static let heads: [LayerGraph.Head] = [.softmax, .sigmoid]

    @Test(arguments: heads) func keepsTheLayerContract(head: LayerGraph.Head) throws {
        try expectLayerContract(MixtureLogits(head, shares: [0.5, 0.5]), inputs: [[5], [5]])
        try expectLayerContract(MixtureLogits(head, shares: [0.2, 0.5, 0.3]), inputs: [[7], [7], [7]])
        try expectLayerContract(MixtureLogits(head, shares: [0.25, 0.75]), inputs: [[2, 3], [2, 3]])
    }

    private func softmax(_ z: [Double]) -> [Double] {
        let largest = z.max() ?? 0, powers = z.map { exp($0 - largest) }, sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }

    private func predictions(_ head: LayerGraph.Head, _ z: [Double]) -> [Double] {
        head == .softmax ? softmax(z) : z.map { 1 / (1 + exp(-$0)) }
    }

    private func workspace(_ head: LayerGraph.Head, _ shares: [Float], _ z: [[Double]]) throws -> Workspace {
        var graph = LayerGraph()
        let inputs = z.map { graph.addInput([$0.count]) }
        let moved = try inputs.enumerated().map { try graph.add("offset\($0)", Offset(), to: [$1]) }
        let logits = try graph.add("mixture", MixtureLogits(head, shares: shares), to: moved)
        graph.finish(outputs: [logits], logits: logits, head: head)
        let workspace = Workspace(graph, batchSize: 1, mode: .training)
        for (member, z) in z.enumerated() { workspace.input(member, count: 1).copy(from: z.map { Float($0) }) }
        workspace.forward(weights: ParameterVector(zeros: graph.layout).tensor, count: 1)
        return workspace
    }

    /// The head of the logits is the mean of the members' predictions, however sure they are.
    @Test(arguments: heads) func theHeadOfItIsTheMean(head: LayerGraph.Head) throws {
        let key = RandomKey(seed: 3), shares: [Float] = [0.2, 0.7, 0.1]
        for (sample, size) in [1.0, 5, 20, 60].enumerated() {
            let z = (0..<3).map { member in
                (0..<6).map { Double(Float((key[sample][member].uniform($0) * 2 - 1) * size)) }
            }
            let workspace = try workspace(head, shares, z)
            let found = predictions(head, workspace.value(workspace.graph.logits, count: 1).values.map { Double($0) })
            let said = z.map { predictions(head, $0) }
            for column in 0..<6 {
                let mean = (0..<3).reduce(0) { $0 + Double(shares[$1]) * said[$1][column] }
                // Small probabilities keep their digits, too.
                #expect(abs(found[column] - mean) <= 5e-5 * mean, "\(head), ±\(size), column \(column)")
            }
        }
    }

    /// Two members at ±200: float32 knows no exp(−200), and the gradient is that of the formula none the less.
    ///
    /// z₁ = (0, −200), z₂ = (0, −202), shares ½: of the second class the first member says e² times as much, so that its
    /// share is e² / (1 + e²) = 0.8808.
    @Test func whatAllThinkUnlikelyStillHasAGradient() throws {
        let workspace = try workspace(.softmax, [0.5, 0.5], [[0, -200], [0, -202]]), graph = workspace.graph
        let y = workspace.value(graph.logits, count: 1).values
        #expect(abs(Double(y[1]) - (-200 + log(0.5 + 0.5 * exp(-2)))) < 1e-4)
        try #require(workspace.gradient(graph.logits, count: 1)).copy(from: [0, 1] as [Float])
        let gradient = ParameterVector(zeros: graph.layout)
        workspace.backward(
            weights: ParameterVector(zeros: graph.layout).tensor, gradient: gradient.tensor, count: 1)
        let share = exp(2.0) / (1 + exp(2.0))
        for (member, expected) in [share, 1 - share].enumerated() {
            let entry = try #require(graph.layout.entry("offset\(member)", "offset"))
            let found = gradient[entry].values
            #expect(abs(Double(found[1]) - expected) < 1e-4 && abs(Double(found[0]) + expected) < 1e-4)
        }
    }

    /// One class by itself: z₁ = 100 and z₂ = 101 leave e⁻¹⁰⁰ / 2 and e⁻¹⁰¹ / 2 for the opposite.
    @Test func whatAllAreSureOfStillHasAGradient() throws {
        let workspace = try workspace(.sigmoid, [0.5, 0.5], [[100], [101]]), graph = workspace.graph
        #expect(
            abs(Double(workspace.value(graph.logits, count: 1).values[0]) - (100 - log(0.5 + 0.5 * exp(-1)))) < 1e-4)
        try #require(workspace.gradient(graph.logits, count: 1)).copy(from: [1] as [Float])
        let gradient = ParameterVector(zeros: graph.layout)
        workspace.backward(
            weights: ParameterVector(zeros: graph.layout).tensor, gradient: gradient.tensor, count: 1)
        let share = 1 / (1 + exp(-1.0))
        for (member, expected) in [share, 1 - share].enumerated() {
            let entry = try #require(graph.layout.entry("offset\(member)", "offset"))
            #expect(abs(Double(gradient[entry].values[0]) - expected) < 1e-4)
        }
    }

    @Test func refusesMembersOfOtherShapes() {
        let found = message { _ = try MixtureLogits(.softmax, shares: [0.5, 0.5]).plan(for: [[3], [4]]) }
        #expect(found == "takes the logits of 2 members, all of one shape, found (3) and (4)")
    }
}
