import Kernels
public import Tensors

/// A mixture of logistic experts for every class ("YouTube-8M: a large-scale video classification benchmark", Abu-El-Haija
/// et al., 2016).
///
///     x (F), C units and M experts, gives C probabilities
///     g = softmax(x · G) by unit                (C, M + 1)
///     e = sigmoid(x · E + b)                    (C, M)
///     p = Σ_m g_cm e_cm: the last gate is an expert's who always says 0
///
/// With probability gating, p · sigmoid(BN(p · kernel)) (Miech, Laptev, Sivic, 2017).
public struct MixtureOfExperts: CompositeLayer {
    public let units, experts: Int
    /// What normalizes the gates of the probabilities; nil leaves these as they are.
    public let probabilityGating: BatchNormalization?
    /// Whether its last two parts are the logits of the probabilities and a sigmoid, for an objective to look at.
    public let endsInLogits: Bool

    public init(
        units: Int, experts: Int = 2, probabilityGating: BatchNormalization? = nil, endsInLogits: Bool = false
    ) {
        (self.units, self.experts) = (units, experts)
        (self.probabilityGating, self.endsInLogits) = (probabilityGating, endsInLogits)
    }

    public var parts: [LayerPart] {
        var parts = [LayerPart("gates", Dense(units: units * (experts + 1), useBias: false))]
        parts.append(next: "gates_by_unit", Reshape(to: [units, experts + 1]))
        parts.append(next: "gates_softmax", Softmax())
        parts.append(LayerPart("experts", Dense(units: units * experts, activation: Activation(.sigmoid))))
        parts.append(LayerPart("mixture", ExpertMixture(experts: experts), inputs: [.part(2), .part(3)]))
        if let probabilityGating {
            let mixture = parts.count - 1
            parts.append(next: "product", LayerPart.product(units))
            parts.append(gate: .part(mixture), probabilityGating)
        }
        guard endsInLogits else { return parts }
        parts.append(next: "logits", LogOdds())
        parts.append(next: "probabilities", ElementwiseActivation(Activation(.sigmoid)))
        return parts
    }
}

/// The prediction of each class by its experts ("Hierarchical mixtures of experts and the EM algorithm", Jordan and
/// Jacobs, 1994; a mixture for every class: "YouTube-8M", Abu-El-Haija et al., 2016).
///
///     gates g (units, experts + 1), which add up to 1, and experts e (units · experts), class by class, give p (units)
///     p_c  = Σ_m g_cm e_cm: the last gate is an expert's who always says 0
///     dg_cm = e_cm dp_c,  de_cm = g_cm dp_c
public struct ExpertMixture: Layer {
    public let experts: Int

    public init(experts: Int) { self.experts = experts }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 2, inputs[0].rank == 2, inputs[0].channels == experts + 1,
            inputs[1] == [inputs[0][0] * experts]
        else { throw ShapeError("takes gates (units, \(experts + 1)) and their experts, found \(list(inputs))") }
        var plan = LayerPlan(output: [inputs[0][0]], multiplyAdds: inputs[1].elementCount)
        plan.backwardReads = .inputs
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        let experts = experts
        pass.input(0).withSpan { gates in
            pass.input(1).withSpan { opinions in
                pass.output.withMutableSpan { p in
                    for unit in p.indices {
                        var sum: Float = 0
                        for expert in 0..<experts {
                            sum += gates[unit * (experts + 1) + expert] * opinions[unit * experts + expert]
                        }
                        p[unit] = sum
                    }
                }
            }
        }
    }

    public func backward(_ pass: BackwardPass) {
        let dp = pass.outputGradient
        if let dg = pass.inputGradient(0) {
            scale(pass.input(1), each: experts, by: dp, into: dg, each: experts + 1)
        }
        if let de = pass.inputGradient(1) {
            scale(pass.input(0), each: experts + 1, by: dp, into: de, each: experts)
        }
    }
}

/// Writes a unit's values times its factor, and 0 where it has more places than values.
///
/// - Parameters:
///   - width: How many values a unit has in `x`.
///   - places: How many it has in `result`.
private func scale(_ x: Tensor, each width: Int, by factors: Tensor, into result: Tensor, each places: Int) {
    x.withSpan { x in
        factors.withSpan { factors in
            result.withMutableSpan { result in
                for unit in factors.indices {
                    for place in 0..<min(width, places) {
                        result[unit * places + place] = x[unit * width + place] * factors[unit]
                    }
                    for place in min(width, places)..<places { result[unit * places + place] = 0 }
                }
            }
        }
    }
}

/// What a sigmoid must be taken of, to give a probability: logits of a network that outputs one.
///
///     z = log p − log(1 − p),  dp = dz / (p (1 − p)),  with p in 1e-7 … 1 − 1e-7, as in Keras's binary cross-entropy
public struct LogOdds: Layer {
    public init() {}

    package static let range: ClosedRange<Float> = 1e-7...(1 - 1e-7)

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        try elementwisePlan(inputs, reads: .inputs)
    }

    public func forward(_ pass: ForwardPass) {
        pass.input().withSpan { x in
            pass.output.withMutableSpan { z in
                for element in x.indices {
                    let p = min(max(x[element], Self.range.lowerBound), Self.range.upperBound)
                    z[element] = Float(logarithm(Double(p) / Double(1 - p)))
                }
            }
        }
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        pass.input().withSpan { x in
            pass.outputGradient.withSpan { dz in
                dx.withMutableSpan { dx in
                    for element in x.indices {
                        let p = x[element]
                        dx[element] = Self.range.contains(p) ? dz[element] / (p * (1 - p)) : 0
                    }
                }
            }
        }
    }
}
