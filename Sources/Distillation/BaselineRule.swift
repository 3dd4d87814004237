import Foundation
import Networks
import Tensors

/// Whether the student is trained on labels alone, too: by itself where its whole training is short, on every machine alike.
struct BaselineRule {
    let isWanted: Bool
    /// What is done and why.
    let sentence: String

    /// Ten minutes or so on two cores.
    static let mostMultiplyAdds = 1e14

    /// - Parameters:
    ///   - given: What the user set.
    ///   - examples: Those of an epoch.
    init(_ given: Bool?, examples: Int, epochs: Int, graph: LayerGraph) {
        // Backward there are two products for each one forward: by the inputs, and by the weights.
        let all = Double(examples) * Double(epochs) * 3 * Double(graph.multiplyAddsPerExample)
        isWanted = given ?? (all < Self.mostMultiplyAdds)
        let count = "\(Self.scientific(all)) multiply-adds"
        let reason =
            switch given {
            case true?: "--baseline"
            case false?: "--no-baseline"
            case nil:
                isWanted ? "auto: training takes \(count), fewer than 10^14" : "auto: \(count) are not fewer than 10^14"
            }
        let advice = given == nil && !isWanted ? "; --baseline trains it" : ""
        sentence = "baseline: labels alone \(isWanted ? "are tried, too" : "are not tried") (\(reason)\(advice))"
    }

    /// `3.2 · 10^12`
    private static func scientific(_ value: Double) -> String {
        guard value >= 1 else { return "0" }
        let exponent = floor(log10(value))
        return "\(fixed(value / pow(10, exponent), digits: 1)) · 10^\(Int(exponent))"
    }
}
