import Networks
public import Tensors

/// Measures by how much a model's predictions diverge when the weights of one layer change.
public struct WeightDivergence {
    /// The divergence of weights, 0 or more; so many of all that are to be measured, this one included.
    let measure: (_ weights: Tensor, _ layer: String, _ number: Int, _ count: Int) throws -> Double

    public init(
        _ measure: @escaping (_ weights: Tensor, _ layer: String, _ number: Int, _ count: Int) throws -> Double
    ) {
        self.measure = measure
    }
}

extension ExportPlan {
    /// Plans the file of trained weights so that it takes no more than a limit: each parameter is stored in the encoding that a
    /// Lagrangian of error and bytes chooses for it.
    ///
    /// - Parameters:
    ///   - weights: A run of floats with the network's layout.
    ///   - divergence: Measures what encodings cost; without it the errors of the weights decide.
    ///   - path: What errors call the file.
    /// - Throws: `ModelFileError` for a network that the format cannot express, or one that does not fit; what `divergence`
    ///   throws.
    public static func fitting(
        _ built: BuiltArchitecture, _ weights: Tensor, limit: ByteCount, format: any ModelFormat = KerasHDF5(),
        notes: Notes = Notes(), _ divergence: WeightDivergence? = nil, as path: String
    ) throws -> ExportPlan {
        let exact = try ExportPlan(built, format: format, notes: notes)
        guard exact.size.file > limit else { return exact }
        let allocation = try BitAllocation(built.graph.layout, weights, divergence)
        func plan(within room: Int) throws -> (ExportPlan, error: Int) {
            let (encodings, expected) = allocation.encodings(within: room)
            let plan = try ExportPlan(built, encodings, format: format, notes: notes)
            return (plan, plan.size.weights.bytes - expected)
        }
        var (best, error) = try plan(within: 0)
        guard best.size.file <= limit else {
            throw ModelFileError(
                .tooLarge, path,
                [
                    "takes at least \(best.size.file) with the coarsest weights, over the budget of "
                        + "\(limit); \(best.size.overhead) of it are no weights"
                ],
                advice: "Raise --budget, or distil a smaller student")
        }
        // What the file takes beside the numbers hardly depends on their encodings, and is known once it was planned; so is by
        // how much the numbers of large parameters take more than their samples said.
        var room = limit.bytes - best.size.overhead.bytes - error
        for _ in 0..<8 {
            let next: ExportPlan
            (next, error) = try plan(within: room)
            let fits = next.size.file <= limit
            if fits, next.size.weights > best.size.weights { best = next }
            let corrected = limit.bytes - next.size.overhead.bytes - error
            guard corrected != room else { break }
            room = fits ? corrected : min(corrected, room - 1 - limit.bytes / 4096)
        }
        return best
    }
}
