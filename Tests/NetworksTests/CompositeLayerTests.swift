import Foundation
import Networks
import Tensors
import Testing

/// Layers made of others, against their formulas in plain loops.
@Suite struct CompositeLayerTests {
    private typealias Rows = [[Double]]

    /// A layer alone in a network, behind a mask where it reads frames, with numbers for weights.
    private struct Probe {
        let network: Network
        let output: [Float]

        init(_ layer: some CompositeLayer, _ x: Rows) throws {
            var graph = LayerGraph()
            let isSequence = x.count > 1
            let input = graph.addInput(isSequence ? [x.count, x[0].count] : [x[0].count])
            let read = isSequence ? try graph.add("mask", Masking(), to: [input]) : input
            let output = try graph.add("layer", layer, to: [read])
            graph.finish(outputs: [output], logits: output, head: .none)
            let weights = ParameterVector(zeros: graph.layout)
            for (index, entry) in graph.layout.entries.enumerated() {
                for element in 0..<entry.spec.shape.elementCount {
                    weights[entry][element] = Float(0.6 + 0.5 * sin(Double(5 * index + 2 * element)))
                }
            }
            network = Network(graph, weights: weights)
            self.output = network.predict([x.joined().map(Float.init)])[0]
        }

        func parameter(_ part: String, _ name: String) throws -> [Double] {
            let entry = try #require(network.graph.layout.entry("layer/\(part)", name))
            return network.weights[entry].values.map(Double.init)
        }

        /// x · kernel, a row for each of x.
        func product(_ x: Rows, _ part: String) throws -> Rows {
            let kernel = try parameter(part, "kernel"), units = kernel.count / x[0].count
            return x.map { row in
                (0..<units).map { unit in row.indices.reduce(0) { $0 + row[$1] * kernel[$1 * units + unit] } }
            }
        }

        func normalized(_ x: Rows, _ part: String) throws -> Rows {
            let (gamma, beta) = (try parameter(part, "gamma"), try parameter(part, "beta"))
            let (mean, variance) = (try parameter(part, "moving_mean"), try parameter(part, "moving_variance"))
            return x.map { row in
                row.indices.map { (row[$0] - mean[$0]) / (variance[$0] + 1e-3).squareRoot() * gamma[$0] + beta[$0] }
            }
        }

        func expect(_ expected: [Double], sourceLocation: SourceLocation = #_sourceLocation) {
            #expect(output.count == expected.count, sourceLocation: sourceLocation)
            for (found, expected) in zip(output, expected) {
                #expect(abs(Double(found) - expected) < 1e-5, sourceLocation: sourceLocation)
            }
        }
    }

    /// Two frames, and one that is padding.
    private static let frames: Rows = [[0.5, -1, 0.25, 0.75], [1.5, 0.5, -0.5, 1], [0, 0, 0, 0]]
    private static let real = Array(frames.prefix(2))

    private func softmax(_ row: [Double]) -> [Double] {
        let sum = row.reduce(0) { $0 + exp($1) }
        return row.map { exp($0) / sum }
    }

    private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

    private func unit(_ x: [Double]) -> [Double] {
        let length = x.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return x.map { $0 / length }
    }

    /// Σ a (x − c), (F, K), each column of length 1.
    private func residuals(_ x: Rows, _ a: Rows, centers: [Double]) -> Rows {
        let K = a[0].count, F = x[0].count
        let columns = (0..<K).map { k in
            unit((0..<F).map { f in x.indices.reduce(0) { $0 + a[$1][k] * (x[$1][f] - centers[f * K + k]) } })
        }
        return (0..<F).map { f in (0..<K).map { columns[$0][f] } }
    }

    @Test func netVLADIsItsFormula() throws {
        let probe = try Probe(NetVLAD(clusters: 3), Self.frames)
        let a = try probe.normalized(probe.product(Self.real, "assignment"), "normalization").map(softmax)
        let V = residuals(Self.real, a, centers: try probe.parameter("residuals", "centers"))
        probe.expect(unit(Array(V.joined())))
    }

    @Test func netFVIsItsFormula() throws {
        let probe = try Probe(NetFV(clusters: 2), Self.frames), K = 2, F = 4
        let a = try probe.normalized(probe.product(Self.real, "assignment"), "normalization").map(softmax)
        let centers = try probe.parameter("vectors", "centers")
        let spreads = try probe.parameter("vectors", "covariances").map { $0 * $0 + 1e-6 }
        func sums(_ term: (_ x: Double, _ center: Double, _ spread: Double) -> Double) -> Rows {
            (0..<F).map { f in
                (0..<K).map { k in
                    Self.real.indices.reduce(0) {
                        $0 + a[$1][k] * term(Self.real[$1][f], centers[f * K + k], spreads[f * K + k])
                    }
                }
            }
        }
        let means = sums { ($0 - $1) / $2 }, variances = sums { ($0 - $1) * ($0 - $1) / ($2 * $2) - 1 }
        let columns = (0..<K).map { k in unit((0..<F).map { means[$0][k] }) }
        let scaled = (0..<F).flatMap { f in (0..<K).map { columns[$0][f] } }
        probe.expect(unit(scaled) + unit(Array(variances.joined())))
    }

    @Test func neXtVLADIsItsFormula() throws {
        let probe = try Probe(NeXtVLAD(clusters: 3, groups: 2), Self.frames), G = 2, K = 3
        let bias = try probe.parameter("attention", "bias")
        let attention = try probe.product(Self.real, "attention").map { row in
            row.indices.map { sigmoid(row[$0] + bias[$0]) }
        }
        let assigned = try probe.normalized(probe.product(Self.real, "assignment"), "normalization")
        var x: Rows = [], a: Rows = []
        for (t, frame) in Self.real.enumerated() {
            for g in 0..<G {
                x.append(Array(frame[(2 * g)..<(2 * g + 2)]))
                a.append(softmax(Array(assigned[t][(g * K)..<(g * K + K)])).map { $0 * attention[t][g] })
            }
        }
        probe.expect(Array(residuals(x, a, centers: try probe.parameter("residuals", "centers")).joined()))
    }

    @Test func bagsOfFramesAreTheirFormulas() throws {
        let soft = try Probe(SoftDBoF(clusters: 3), Self.frames)
        func assigned(_ probe: Probe) throws -> Rows {
            try probe.normalized(probe.product(Self.real, "assignment"), "normalization").map(softmax)
        }
        func sum(_ a: Rows) -> [Double] { (0..<3).map { k in a[0][k] + a[1][k] } }
        soft.expect(unit(sum(try assigned(soft))))
        let gated = try Probe(GatedDBoF(clusters: 3, gateUnits: 2), Self.frames), a = try assigned(gated)
        let peaks = unit((0..<3).map { max(a[0][$0], a[1][$0]) })
        let gates = try gated.normalized(
            gated.product(gated.product([peaks], "inner"), "outer"), "gate_normalization")[0].map(sigmoid)
        gated.expect(unit(zip(sum(a), gates).map { $0 * $1 }))
    }

    @Test func contextGatingIsItsFormula() throws {
        let x = [0.5, -1, 2], probe = try Probe(ContextGating(), [x])
        let gates = try probe.normalized(probe.product([x], "product"), "gate_normalization")[0].map(sigmoid)
        probe.expect(zip(x, gates).map { $0 * $1 })
    }

    @Test(arguments: [false, true]) func mixtureOfExpertsIsItsFormula(isGated: Bool) throws {
        let x = [0.5, -1, 2], C = 2, M = 2
        let probe = try Probe(
            MixtureOfExperts(units: C, experts: M, probabilityGating: isGated ? BatchNormalization() : nil), [x])
        let gates = try probe.product([x], "gates")[0], bias = try probe.parameter("experts", "bias")
        let experts = zip(try probe.product([x], "experts")[0], bias).map { sigmoid($0 + $1) }
        var p = (0..<C).map { c in
            let g = softmax(Array(gates[(c * (M + 1))..<((c + 1) * (M + 1))]))
            return (0..<M).reduce(0) { $0 + g[$1] * experts[c * M + $1] }
        }
        if isGated {
            let z = try probe.normalized(probe.product([p], "product"), "gate_normalization")[0]
            p = zip(p, z).map { $0 * sigmoid($1) }
        }
        probe.expect(p)
    }

    @Test func saysWhichInputDoesNotFit() throws {
        var graph = LayerGraph()
        let input = graph.addInput([3])
        #expect(throws: ShapeError.self) { try graph.add("netvlad", NetVLAD(clusters: 2), to: [input]) }
    }
}
