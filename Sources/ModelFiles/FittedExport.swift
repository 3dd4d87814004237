import Networks
public import Tensors

/// Measures by how much a model's predictions diverge when its weights change.
public struct WeightDivergence {
    /// The divergence of weights, 0 or more. They differ from others in a layer, whose statistics are to follow; nil for none.
    /// So many of all that are to be measured, this one included.
    let measure: (_ weights: Tensor, _ layer: String?, _ number: Int, _ count: Int) throws -> Double

    public init(
        _ measure: @escaping (_ weights: Tensor, _ layer: String?, _ number: Int, _ count: Int) throws -> Double
    ) {
        self.measure = measure
    }
}

extension ExportPlan {
    /// The same plan with encodings that fit a limit, see the static function.
    public func fitting(
        _ weights: Tensor, limit: ByteCount, costs: @autoclosure () throws -> EncodingCosts? = nil,
        kinds: WeightEncoding.Kinds = .all, as path: String
    ) throws -> ExportPlan {
        try Self.fitting(
            built, weights, limit: limit, format: format, notes: notes, costs: costs(), kinds: kinds, as: path)
    }

    /// The same plan with as many bits for each parameter as a limit leaves room for; as it is where it does not fit.
    public func filling(_ limit: ByteCount) throws -> ExportPlan {
        let layout = built.graph.layout
        guard size.file <= limit else { return self }
        let exact = try storing(Precision.float32.encodings(of: layout, in: format))
        guard exact.size.file > limit else { return exact }
        let entries = layout.entries.filter { encodings[$0].plannedBits != nil }
        let count = entries.reduce(0) { $0 + $1.spec.shape.elementCount }
        // Each parameter ends with a whole byte.
        let room = limit.bytes - size.file.bytes - entries.count
        let more = (8000 * Double(room) / Double(max(count, 1))).rounded(.down) / 1000
        let plan = try storing(
            Precision.bits(min(format.plannedBits + more, Precision.range.upperBound)).encodings(of: layout, in: format)
        )
        return more > 0 && plan.size.file <= limit ? plan : self
    }

    /// The most bits a weight, in hundredths, with which the file fits a limit; nil where it does not with the fewest.
    public func bits(fitting limit: ByteCount) throws -> Double? {
        let least = try fileSize(bits: fewestBits)
        let entries = built.graph.layout.entries.filter { encodings[$0].plannedBits != nil }
        let count = entries.reduce(0) { $0 + $1.spec.shape.elementCount }
        guard least <= limit, count > 0 else { return nil }
        let more = 8 * Double(limit.bytes - least.bytes) / Double(count)
        var hundredths = Int(min(100 * (fewestBits + more), 100 * Precision.range.upperBound))
        // Each parameter ends with a whole byte.
        while Double(hundredths) > 100 * fewestBits, try fileSize(bits: Double(hundredths) / 100) > limit {
            hundredths -= 1
        }
        return Double(hundredths) / 100
    }

    /// The bytes of the file with the fewest bits a weight that its format has.
    public func leastSize() throws -> ByteCount { try fileSize(bits: fewestBits) }

    private var fewestBits: Double {
        let fewest = Precision.range.lowerBound
        return format.holds(.planned(bits: fewest)) ? fewest : format.plannedBits
    }

    private func fileSize(bits: Double) throws -> ByteCount {
        try storing(Precision.bits(bits).encodings(of: built.graph.layout, in: format)).size.file
    }

    /// How often `costs` measures, at most.
    public var measurements: Int { EncodingCosts.measurements(of: built.graph.layout) }
    /// How many parameters it measures.
    public var measuredParameters: Int { EncodingCosts.measured(built.graph.layout).count }

    /// Plans the file of trained weights so that it takes no more than a limit: each parameter is stored in the encoding that a
    /// Lagrangian of error and bytes chooses for it.
    ///
    /// - Parameters:
    ///   - weights: A run of floats with the network's layout.
    ///   - costs: What errors of the weights cost, asked for where not all bits fit; without it errors count alike everywhere.
    ///   - kinds: Which encodings it may choose, beside floats of 32 and 16 bits.
    ///   - path: What errors call the file.
    /// - Throws: `ModelFileError` for a network that the format cannot express, or one that does not fit; what `costs` throws.
    public static func fitting(
        _ built: BuiltArchitecture, _ weights: Tensor, limit: ByteCount, format: any ModelFormat = KerasHDF5(),
        notes: Notes = Notes(), costs: @autoclosure () throws -> EncodingCosts? = nil,
        kinds: WeightEncoding.Kinds = .all, as path: String
    ) throws -> ExportPlan {
        let exact = try ExportPlan(built, format: format, notes: notes)
        guard exact.size.file > limit else { return exact }
        let allocation = try BitAllocation(built.graph.layout, weights, costs: costs(), kinds: format.kinds(kinds))
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
