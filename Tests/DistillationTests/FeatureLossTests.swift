import HDF5
import Kernels
import Networks
import Tensors
import TestSupport
import Testing

@testable import Distillation

/// Distances of layers against numbers worked out by hand and the papers' formulas.
@Suite struct FeatureLossTests {
    static let fsp = LossTerm.Measure.fsp([]), hint = LossTerm.Measure.hint([])
    static let attention = LossTerm.Measure.attention([])

    @Test func flowIsASquaredNormAndHintsAreHalfOfOne() throws {
        let flow = try evaluate(Self.fsp, [[1, 2], [0, 3]], [[3, 2], [0, 2]])
        expectClose(flow.value, 4 + 1)
        expectClose(flow.gradient, [-4, 0, 0, 2])
        let hint = try evaluate(Self.hint, [[1, 2], [0, 3]], [[3, 2], [0, 2]])
        expectClose(hint.value, 2.5)
        expectClose(hint.gradient, [-2, 0, 0, 1])
    }

    /// u = (0.6, 0.8) and w = (1, 0) are √0.8 apart. From Q_S = (3, 4) the slope is along (4, −3), which is across u:
    /// −w·(4, −3) / 5 = −0.8 of it, over 2 · √0.8 · 5.
    @Test func attentionIsHalfTheDistanceOfDirections() throws {
        let found = try evaluate(Self.attention, [[3, 4]], [[7, 0]]), apart = 0.8.squareRoot()
        expectClose(found.value, apart / 2)
        expectClose(found.gradient, [-0.8 * 0.8, 0.8 * 0.6].map { $0 / (2 * apart * 5) })
    }

    /// Same directions are no distance apart, whatever their lengths, and a map of zeros has no direction.
    @Test func attentionHasNoSlopeWhereItHasNoDirection() throws {
        let map: [Double] = [1, 2, 3], twice: [Double] = [2, 4, 6], none: [Double] = [0, 0, 0]
        for (student, teacher, value) in [(map, twice, 0.0), (none, map, 0.5), (map, none, 0.5), (none, none, 0)] {
            let found = try evaluate(Self.attention, [student], [teacher])
            expectClose(found.value, value)
            #expect(found.gradient == [0, 0, 0])
        }
    }

    /// Values and gradients of `Tools/reference/loss_fixtures.py`, within 1e-5 of the largest number.
    @Test(arguments: [("squared", fsp), ("attention", attention)])
    func doesWhatTheFormulasOfThePapersDo(name: String, measure: LossTerm.Measure) throws {
        let group = try HDF5File(opening: distillationFixture("losses.h5")).root.group(name)
        let student = try group.dataset("student"), teacher = try group.dataset("teacher")
        let size = student.elementCount / student.shape[0]
        func rows(_ values: [Double]) -> [[Double]] {
            stride(from: 0, to: values.count, by: size).map { Array(values[$0..<($0 + size)]) }
        }
        let found = try evaluate(measure, rows(try student.read()), rows(try teacher.read()))
        let value: [Double] = try group.dataset("value").read(),
            gradient: [Double] = try group.dataset("gradient").read()
        expectClose(found.value, value[0], tolerance: 1e-5)
        expectClose(found.gradient, gradient, tolerance: 1e-5 * (gradient.map(abs).max() ?? 0))
    }

    @Test func flowMatricesAreThoseOfThePaper() throws {
        let group = try HDF5File(opening: distillationFixture("losses.h5")).root.group("flow")
        var graph = LayerGraph()
        let first = graph.addInput([3, 4, 5]), second = graph.addInput([3, 4, 2])
        let flow = try graph.add("flow", FlowMatrix(), to: [first, second])
        graph.finish(outputs: [flow], logits: flow, head: .none)
        let workspace = Workspace(graph, batchSize: 2, mode: .inference, kernels: KernelContext())
        for (index, name) in ["first", "second"].enumerated() {
            let values: [Float] = try group.dataset(name).read()
            workspace.input(index, count: 2).copy(from: values)
        }
        workspace.forward(weights: ParameterVector(zeros: graph.layout).tensor, count: 2)
        expectClose(
            workspace.value(flow, count: 2).values.map { Double($0) }, try group.dataset("value").read(),
            tolerance: 1e-5)
    }

    /// The sum over the examples and its gradient, which must add up and be in proportion.
    private func evaluate(
        _ measure: LossTerm.Measure, _ student: [[Double]], _ teacher: [[Double]]
    ) throws -> (value: Double, gradient: [Double]) {
        func tensor(_ rows: [[Double]]) -> Tensor {
            let buffer = Buffer(zeros: rows.count * rows[0].count)
            buffer.tensor.copy(from: rows.flatMap { $0.map { Float($0) } })
            return buffer.tensor(count: rows.count, shape: [rows[0].count])
        }
        let loss = try #require(measure.loss.feature), u = tensor(student), v = tensor(teacher),
            gradient = tensor(student)
        gradient.fill(with: 0)
        let value = loss.add(u, v, scale: 1, to: gradient, kernels: KernelContext()), once = gradient.values
        _ = loss.add(u, v, scale: 2, to: gradient, kernels: KernelContext())
        for (once, thrice) in zip(once, gradient.values) { #expect(abs(thrice - 3 * once) <= 1e-6 * abs(thrice)) }
        return (value, once.map { Double($0) })
    }
}
