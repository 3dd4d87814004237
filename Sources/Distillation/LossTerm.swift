public import ModelFiles
public import Training

/// One term of the prediction loss: what of the teachers the student imitates, and how much it weighs.
public struct LossTerm: Hashable, Sendable {
    /// A loss, by the name that a configuration file has for it.
    public enum Kind: String, CaseIterable, Sendable {
        /// Divergence of the softened predictions (Hinton, Vinyals, Dean, 2015).
        case kl
        /// Cross-entropy with the softened predictions: the divergence, and the ensemble's entropy.
        case crossEntropy = "cross-entropy"
        /// Squared error of the logits (Ba and Caruana, 2014).
        case mse
        /// Decoupled knowledge distillation (Zhao et al., 2022).
        case dkd
        /// Correlations between classes and between examples (Huang et al., 2022).
        case dist
        /// Distances and angles between examples (Park et al., 2019).
        case rkd
        /// Flow between two layers (Yim et al., 2017).
        case fsp
        /// A layer's values through a learned adapter (Romero et al., 2015).
        case hint
        /// Where a layer is active (Zagoruyko and Komodakis, 2017).
        case attention

        /// Its numbers, each with the one of its paper.
        public var numbers: [(key: String, value: Double)] {
            switch self {
            case .dkd: [("alpha", 1), ("beta", 8)]
            case .dist: [("beta", 2), ("gamma", 2)]
            case .rkd: [("distance", 25), ("angle", 50)]
            case .kl, .crossEntropy, .mse, .fsp, .hint, .attention: []
            }
        }

        /// How many layers of either network are a pair that it compares; nil for a loss of answers.
        public var layersOfPair: Int? {
            switch self {
            case .fsp: 2
            case .hint, .attention: 1
            case .kl, .crossEntropy, .mse, .dkd, .dist, .rkd: nil
            }
        }

        public var comparesLayers: Bool { layersOfPair != nil }
    }

    /// A layer of the student, and the layer of a teacher that it learns from.
    public struct LayerPair: Hashable, Sendable {
        public var student: String
        public var teacher: String

        public init(student: String, teacher: String) { (self.student, self.teacher) = (student, teacher) }
    }

    /// What is compared: a loss with its numbers, or with the layers that it looks at.
    public struct Measure: Hashable, Sendable {
        public let kind: Kind
        /// In the order of `kind.numbers`.
        public let numbers: [Double]
        /// `kind.layersOfPair` of each: one, or two between which values flow. None for a loss of answers.
        public let pairs: [[LayerPair]]

        init(_ kind: Kind, numbers: [Double] = [], pairs: [[LayerPair]] = []) {
            precondition(numbers.count == kind.numbers.count, "\(kind.rawValue) has other numbers")
            precondition(pairs.allSatisfy { $0.count == kind.layersOfPair }, "\(kind.rawValue) compares other layers")
            (self.kind, self.numbers, self.pairs) = (kind, numbers, pairs)
        }
    }

    public var measure: Measure
    public var weight: Schedule
    /// Which teacher's layers are meant: its file's name without extension. Needed where there are several.
    public var teacher: String?

    public init(_ measure: Measure, weight: Schedule = .constant(1), teacher: String? = nil) {
        (self.measure, self.weight, self.teacher) = (measure, weight, teacher)
    }

    public var kind: Kind { measure.kind }
}

extension LossTerm.Measure {
    public static let kl = Self(.kl)
    public static let crossEntropy = Self(.crossEntropy)
    public static let mse = Self(.mse)
    public static func dkd(alpha: Double, beta: Double) -> Self { Self(.dkd, numbers: [alpha, beta]) }
    public static func dist(beta: Double, gamma: Double) -> Self { Self(.dist, numbers: [beta, gamma]) }
    public static func rkd(distance: Double, angle: Double) -> Self { Self(.rkd, numbers: [distance, angle]) }
    public static func fsp(_ pairs: [(LossTerm.LayerPair, LossTerm.LayerPair)]) -> Self {
        Self(.fsp, pairs: pairs.map { [$0, $1] })
    }
    public static func hint(_ pairs: [LossTerm.LayerPair]) -> Self { Self(.hint, pairs: pairs.map { [$0] }) }
    public static func attention(_ pairs: [LossTerm.LayerPair]) -> Self { Self(.attention, pairs: pairs.map { [$0] }) }
}

/// Training on intermediate layers alone, before the student learns to answer.
public struct FirstStage: Hashable, Sendable {
    public var epochs: Int
    public var terms: [LossTerm]

    public init(epochs: Int, terms: [LossTerm]) { (self.epochs, self.terms) = (epochs, terms) }
}

// MARK: - As a configuration file says it

extension LossTerm {
    /// With all its settings.
    public var json: JSON {
        var options = JSON.Object(zip(kind.numbers, measure.numbers).map { .init($0.key, .number($1)) })
        if kind.comparesLayers { options["pairs"] = .array(measure.pairs.map(Self.json)) }
        if let teacher { options["teacher"] = .string(teacher) }
        options["weight"] = weight.json
        return .object([kind.rawValue: .object(options)])
    }

    private static func json(_ pair: [LayerPair]) -> JSON {
        func side(_ layers: [String]) -> JSON {
            layers.count == 1 ? .string(layers[0]) : .array(layers.map(JSON.string))
        }
        return ["student": side(pair.map(\.student)), "teacher": side(pair.map(\.teacher))]
    }
}

extension FirstStage {
    public var json: JSON { ["epochs": .integer(epochs), "losses": .array(terms.map(\.json))] }
}
