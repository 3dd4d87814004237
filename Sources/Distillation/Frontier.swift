public import ModelFiles
import Models
import Networks
public import Tensors

/// A student that the budget has room for: fewer bits a weight make a wider one.
public struct FrontierPoint: Sendable {
    public let precision: Precision
    public let name: String
    public let width: Double
    public let parameters: Int
    public let size: ByteCount
    /// Of its prediction for one example.
    public let multiplyAdds: Int
    /// About how long its training takes, by that of the student that is planned; nil where that was not tried.
    public let trainingSeconds: Double?
}

extension Compressor {
    /// The widest student for each precision, from the most bits to the fewest; none where the width is
    /// given or the architecture has none.
    ///
    /// - Parameter trainingSeconds: How long the planned student's training takes.
    func frontier(trainingSeconds: Double?) -> [FrontierPoint] {
        guard request.width == nil, plan.width != nil else { return [] }
        let format = plan.export.format, planned = plan.built.graph.multiplyAddsPerExample
        let precisions: [Precision] = [
            .float32, .float16, .int8, .small(bits: 8), .bits(6), .bits(5), .bits(4), .bits(3), .bits(2),
        ]
        return precisions.compactMap { precision -> FrontierPoint? in
            var other = request
            other.precision = precision
            guard
                // With the same inputs, it can only fail to fit.
                let plan = try? StudentPlan(other, data: data, labelKind: labelKind, format: format),
                let width = plan.width
            else { return nil }
            let multiplyAdds = plan.built.graph.multiplyAddsPerExample
            return FrontierPoint(
                precision: precision, name: plan.built.architecture.name, width: width,
                parameters: plan.export.size.parameters, size: plan.export.size.file, multiplyAdds: multiplyAdds,
                trainingSeconds: trainingSeconds.map { $0 * Double(multiplyAdds) / Double(max(planned, 1)) })
        }
    }
}
