import Networks
import Tensors

/// Whether the student is trained on labels alone, too: by itself where its whole training is short, on every machine alike.
struct BaselineRule {
    let isWanted: Bool
    /// What is done and why.
    let sentence: String

    /// - Parameters:
    ///   - given: What the user set.
    ///   - examples: Those of an epoch.
    init(_ given: Bool?, examples: Int, epochs: Int, graph: LayerGraph) {
        let cost = TrainingCost(examples: examples, epochs: epochs, graph: graph)
        isWanted = given ?? cost.isShort
        let reason =
            switch given {
            case true?: "--baseline"
            case false?: "--no-baseline"
            case nil:
                isWanted
                    ? "auto: training takes \(cost), fewer than 10^14"
                    : "auto: training takes \(cost), not fewer than 10^14"
            }
        let advice = given == nil && !isWanted ? "; --baseline trains it" : ""
        sentence = "baseline: labels alone \(isWanted ? "are tried, too" : "are not tried") (\(reason)\(advice))"
    }
}
