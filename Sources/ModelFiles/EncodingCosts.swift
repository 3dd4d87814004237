import Foundation
import Networks
public import Tensors

/// What errors in each parameter cost, measured: by how much predictions diverge when that parameter alone is encoded in a few
/// ways, and between these by their errors.
///
/// Divergence grows with a power of the error, so what lies between two measurements is a line in logarithms of both. Since
/// the cost depends on the error alone, it says what other encodings cost, too, and those of weights that have moved a little.
public struct EncodingCosts: Sendable {
    private struct Point {
        /// `BitAllocation.relativeError`
        let error: Double
        /// In nats.
        let cost: Double
    }

    /// Of each parameter that was measured, by its place, with rising errors.
    private let curves: [Int: [Point]]
    /// What an error costs in a parameter that was not measured: what it costs in the middle one of the others.
    private let slope: Double

    private init(_ curves: [Int: [Point]]) {
        self.curves = curves
        let slopes = curves.values.map { $0[0].cost / $0[0].error }.sorted()
        slope = slopes.isEmpty ? 1 : slopes[slopes.count / 2]
    }

    /// Measures them.
    ///
    /// - Parameters:
    ///   - weights: A run of floats with the layout.
    ///   - kinds: Those of which encodings are tried.
    /// - Throws: What `divergence` throws.
    init(
        _ layout: ParameterLayout, _ weights: Tensor, _ divergence: WeightDivergence, kinds: WeightEncoding.Kinds
    ) throws {
        let altered = Buffer(zeros: weights.elementCount).tensor
        altered.copy(from: weights)
        let entries = Self.measured(layout), most = Self.mostMeasurements(of: entries.count)
        let trials = entries.map { entry in
            let numbers = weights.slice(at: entry.offset, count: entry.spec.shape.elementCount)
            return Self.spread(BitAllocation.lossy(entry, numbers, kinds), most: most)
        }
        let total = trials.reduce(0) { $0 + $1.count }
        var done = 0, curves: [Int: [Point]] = [:]
        for (entry, trials) in zip(entries, trials) where !trials.isEmpty {
            let count = entry.spec.shape.elementCount
            let numbers = weights.slice(at: entry.offset, count: count)
            let part = altered.slice(at: entry.offset, count: count)
            var points: [Point] = []
            // From the smallest error on: a larger one never costs less.
            for trial in trials.reversed() {
                part.copy(from: numbers)
                trial.round(part)
                done += 1
                let cost = min(max(try divergence.measure(altered, entry.layer, done, total), 1e-30), 1e30)
                points.append(Point(error: trial.error, cost: max(cost, points.last?.cost ?? 0)))
            }
            part.copy(from: numbers)
            curves[entry.offset] = points
        }
        self.init(curves)
    }

    /// The same for parameters that are all rounded: errors that meet in one network may cost more than each alone, or less.
    ///
    /// One parameter at a time gets its own numbers back among the rounded ones, and what that gains is what its error costs there.
    ///
    /// - Parameters:
    ///   - alone: What errors cost in parameters that are rounded alone.
    ///   - rounded: What the weights were rounded to, with the statistics that belong to these.
    init(
        _ alone: EncodingCosts, _ layout: ParameterLayout, _ weights: Tensor, rounded: Tensor,
        _ divergence: WeightDivergence
    ) throws {
        let altered = Buffer(zeros: weights.elementCount).tensor
        altered.copy(from: rounded)
        let entries = Self.measured(layout).filter { alone.curves[$0.offset] != nil }
        func measure(_ layer: String?, _ number: Int) throws -> Double {
            min(try divergence.measure(altered, layer, number, entries.count + 1), 1e30)
        }
        let whole = try measure(nil, 1)
        var curves = alone.curves
        for (place, entry) in entries.enumerated() {
            let range = entry.offset..<(entry.offset + entry.spec.shape.elementCount)
            let error = BitAllocation.relativeError(
                weights.slice(at: entry.offset, count: range.count), rounded.slice(at: entry.offset, count: range.count)
            )
            altered.copy(range, of: weights, to: entry.offset)
            let cost = whole - (try measure(entry.layer, place + 2))
            altered.copy(range, of: rounded, to: entry.offset)
            guard error > 0, error.isFinite, let points = curves[entry.offset] else { continue }
            let factor = min(max(cost / alone(error, in: entry), 1 / Self.mostChange), Self.mostChange)
            curves[entry.offset] = points.map { Point(error: $0.error, cost: $0.cost * factor) }
        }
        self.init(curves)
    }

    /// By which factor a cost may be another one than it was, at most: differences of small divergences are noise.
    private static let mostChange = 8.0

    /// What an error in a parameter costs.
    func callAsFunction(_ error: Double, in entry: ParameterLayout.Entry) -> Double {
        guard error > 0 else { return 0 }
        guard let points = curves[entry.offset] else { return slope * error }
        // Beyond what was measured in proportion, as for small errors everywhere.
        guard let upper = points.firstIndex(where: { $0.error >= error }) else {
            let last = points[points.count - 1]
            return last.cost * error / last.error
        }
        let high = points[upper]
        guard upper > 0 else { return high.cost * error / high.error }
        let low = points[upper - 1]
        guard high.error > low.error else { return high.cost }
        let share = log(error / low.error) / log(high.error / low.error)
        return low.cost * pow(high.cost / low.cost, share)
    }

    /// Small parameters take few bytes in any encoding, and are many.
    static func measured(_ layout: ParameterLayout) -> [ParameterLayout.Entry] {
        layout.entries.filter {
            $0.spec.role == .trainable && $0.spec.shape.elementCount >= WeightEncoding.fewest
        }
    }

    /// How often each of so many parameters is measured, at most.
    private static func mostMeasurements(of count: Int) -> Int { max(2, min(7, 400 / max(count, 1))) }

    /// How often a model is measured, at most.
    static func measurements(of layout: ParameterLayout) -> Int {
        let count = measured(layout).count
        return count * mostMeasurements(of: count)
    }

    /// So many of a list at most, evenly spaced from the first to the last.
    private static func spread<Element>(_ list: [Element], most: Int) -> [Element] {
        list.count > most ? (0..<most).map { list[$0 * (list.count - 1) / (most - 1)] } : list
    }
}

extension ExportPlan {
    /// What errors in each parameter cost, for the encodings that the format has of some kinds.
    ///
    /// - Parameter weights: A run of floats with the network's layout.
    /// - Throws: What `divergence` throws.
    public func costs(
        of weights: Tensor, _ divergence: WeightDivergence, kinds: WeightEncoding.Kinds = .all
    ) throws -> EncodingCosts {
        try EncodingCosts(built.graph.layout, weights, divergence, kinds: format.kinds(kinds))
    }

    /// The same in the file that the plan is of, in which all parameters are rounded.
    ///
    /// - Parameters:
    ///   - alone: What they cost in parameters that are rounded alone.
    ///   - rounded: What the file has, with the statistics that belong to it.
    /// - Throws: What `divergence` throws.
    public func costs(
        _ alone: EncodingCosts, of weights: Tensor, rounded: Tensor, _ divergence: WeightDivergence
    ) throws -> EncodingCosts {
        try EncodingCosts(alone, built.graph.layout, weights, rounded: rounded, divergence)
    }
}
