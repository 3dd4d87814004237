public import Training

/// One term of the prediction loss: what of the teachers the student imitates, and how much it weighs.
public struct LossTerm: Hashable, Sendable {
    /// What is compared.
    public enum Measure: Hashable, Sendable {
        /// Divergence of the softened predictions (Hinton, Vinyals, Dean, 2015).
        case kl
        /// Cross-entropy with the softened predictions: the divergence, and the ensemble's entropy.
        case crossEntropy
        /// Squared error of the logits (Ba and Caruana, 2014).
        case mse
        /// Decoupled knowledge distillation (Zhao et al., 2022).
        case dkd(alpha: Double, beta: Double)
        /// Correlations between classes and between examples (Huang et al., 2022).
        case dist(beta: Double, gamma: Double)
        /// Distances and angles between examples (Park et al., 2019).
        case rkd(distance: Double, angle: Double)
        /// Flow between two layers (Yim et al., 2017).
        case fsp([FlowPair])
        /// A layer's values through a learned adapter (Romero et al., 2015).
        case hint([LayerPair])
        /// Where a layer is active (Zagoruyko and Komodakis, 2017).
        case attention([LayerPair])
    }

    /// A layer of the student, and the layer of a teacher that it learns from.
    public struct LayerPair: Hashable, Sendable {
        public var student: String
        public var teacher: String

        public init(student: String, teacher: String) { (self.student, self.teacher) = (student, teacher) }
    }

    /// Two layers of the student, and the two of a teacher, between which values flow.
    public struct FlowPair: Hashable, Sendable {
        public var first: LayerPair
        public var second: LayerPair

        public init(first: LayerPair, second: LayerPair) { (self.first, self.second) = (first, second) }
    }

    public var measure: Measure
    public var weight: Schedule
    /// Which teacher's layers are meant: its file's name without extension. Needed where there are several.
    public var teacher: String?

    public init(_ measure: Measure, weight: Schedule = .constant(1), teacher: String? = nil) {
        (self.measure, self.weight, self.teacher) = (measure, weight, teacher)
    }
}

/// Training on intermediate layers alone, before the student learns to answer.
public struct FirstStage: Hashable, Sendable {
    public var epochs: Int
    public var terms: [LossTerm]

    public init(epochs: Int, terms: [LossTerm]) { (self.epochs, self.terms) = (epochs, terms) }
}
