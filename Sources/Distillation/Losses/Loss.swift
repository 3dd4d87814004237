/// A loss of the prediction loss, as configuration files, help and pages know it. Each is described in the file that
/// computes it; `all` lists them.
public struct Loss: Sendable {
    /// What a configuration file calls it.
    public let name: String
    /// What it compares, in a few words.
    public let summary: String
    /// Authors and year.
    public let paper: String
    /// Its parameters, each with its paper's value.
    public let parameters: [(key: String, value: Double)]
    let form: Form

    enum Form: Sendable {
        /// Compares predictions; made from the values of the parameters, in their order.
        case response(@Sendable ([Double]) -> any ResponseLoss)
        /// Compares layers.
        case feature(any FeatureLoss)
    }

    /// Every loss, in the order of help and pages.
    public static let all: [Loss] = [kl, crossEntropy, mse, dkd, dist, rkd, fsp, hint, attention]

    /// The loss of that name; nil if there is none.
    public static func named(_ name: String) -> Loss? { all.first { $0.name == name } }

    /// A loss of predictions.
    init(
        _ name: String, compares summary: String, paper: String, parameters: [(key: String, value: Double)] = [],
        _ make: @escaping @Sendable ([Double]) -> any ResponseLoss
    ) {
        (self.name, self.summary, self.paper, self.parameters) = (name, summary, paper, parameters)
        form = .response(make)
    }

    /// A loss of layers.
    init(_ name: String, compares summary: String, paper: String, _ loss: any FeatureLoss) {
        (self.name, self.summary, self.paper, parameters) = (name, summary, paper, [])
        form = .feature(loss)
    }

    /// Where it compares layers, how; nil for a loss of predictions.
    var feature: (any FeatureLoss)? {
        if case .feature(let loss) = form { loss } else { nil }
    }

    /// How many layers of either network it compares at once; nil for a loss of predictions.
    public var layersOfPair: Int? { feature?.layersOfPair }

    public var comparesLayers: Bool { feature != nil }

    /// An entry of `losses` in a configuration file, with every parameter: `dkd: {alpha: 1, beta: 8}`.
    public var example: String {
        if let count = layersOfPair { return "\(name): {pairs: \(Self.examplePairs(count))}" }
        let values = parameters.map { "\($0.key): \(trimmed($0.value))" }.joined(separator: ", ")
        return values.isEmpty ? name : "\(name): {\(values)}"
    }

    static func examplePairs(_ count: Int) -> String {
        count == 2 ? "[{student: [stem, block1], teacher: [stem, stage1]}]" : "[{student: block2, teacher: stage2}]"
    }
}

extension Loss: Hashable {
    public static func == (one: Loss, other: Loss) -> Bool { one.name == other.name }
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}
