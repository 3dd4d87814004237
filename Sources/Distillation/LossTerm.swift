import Datasets
public import ModelFiles
public import Training

/// One term of the prediction loss: what of the teachers the student imitates, and how much it weighs.
public struct LossTerm: Hashable, Sendable {
    /// A layer of the student, and the layer of a teacher that it learns from.
    public struct LayerPair: Hashable, Sendable {
        public var student: String
        public var teacher: String

        public init(student: String, teacher: String) { (self.student, self.teacher) = (student, teacher) }
    }

    /// What is compared: a loss with its numbers, or with the layers that it looks at.
    public struct Measure: Hashable, Sendable {
        public let loss: Loss
        /// In the order of `loss.parameters`.
        public let numbers: [Double]
        /// `loss.layersOfPair` of each: one, or two between which values flow. None for a loss of predictions.
        public let pairs: [[LayerPair]]

        /// - Parameter numbers: One for each parameter of the loss.
        public init(_ loss: Loss, numbers: [Double] = [], pairs: [[LayerPair]] = []) {
            precondition(numbers.count == loss.parameters.count, "\(loss.name) has other parameters")
            precondition(pairs.allSatisfy { $0.count == loss.layersOfPair }, "\(loss.name) compares other layers")
            (self.loss, self.numbers, self.pairs) = (loss, numbers, pairs)
        }
    }

    public var measure: Measure
    public var weight: Schedule
    /// Which teacher's layers are meant: its file's name without extension. Needed where there are several.
    public var teacher: String?

    public init(_ measure: Measure, weight: Schedule = .constant(1), teacher: String? = nil) {
        (self.measure, self.weight, self.teacher) = (measure, weight, teacher)
    }

    public var loss: Loss { measure.loss }
}

extension LossTerm.Measure {
    /// The loss, where it is one of predictions; nil for those of layers.
    var response: (any ResponseLoss)? {
        if case .response(let make) = loss.form { make(numbers) } else { nil }
    }

    /// Why such labels do not allow it; nil where they do.
    func refusal(labelKind: LabelKind, classCount: Int) -> String? {
        response?.refusal(labelKind: labelKind, classCount: classCount)
    }

    /// The formula, as the plan prints it.
    func formula(_ labelKind: LabelKind, temperature: String, teacher: String?) -> String {
        switch loss.form {
        case .response(let make): make(numbers).formula(labelKind, temperature: temperature)
        case .feature(let loss): loss.formula(pairs: pairs.count, of: teacher.map { " of \($0)" } ?? "")
        }
    }
}

// MARK: - As a configuration file spells it

extension LossTerm {
    /// With all its settings.
    public var json: JSON {
        var options = JSON.Object(zip(loss.parameters, measure.numbers).map { .init($0.key, .number($1)) })
        if loss.comparesLayers { options["pairs"] = .array(measure.pairs.map(Self.json)) }
        if let teacher { options["teacher"] = .string(teacher) }
        options["weight"] = weight.json
        return .object([loss.name: .object(options)])
    }

    private static func json(_ pair: [LayerPair]) -> JSON {
        func side(_ layers: [String]) -> JSON {
            layers.count == 1 ? .string(layers[0]) : .array(layers.map(JSON.string))
        }
        return ["student": side(pair.map(\.student)), "teacher": side(pair.map(\.teacher))]
    }
}
