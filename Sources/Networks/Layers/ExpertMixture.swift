import Kernels
public import Tensors

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
        let gates = pass.input(0), opinions = pass.input(1), p = pass.output
        for unit in 0..<p.elementCount {
            var sum: Float = 0
            for expert in 0..<experts {
                sum += gates[unit * (experts + 1) + expert] * opinions[unit * experts + expert]
            }
            p[unit] = sum
        }
    }

    public func backward(_ pass: BackwardPass) {
        let gates = pass.input(0), opinions = pass.input(1), dp = pass.outputGradient
        if let dg = pass.inputGradient(0) {
            for unit in 0..<dp.elementCount {
                for expert in 0..<experts {
                    dg[unit * (experts + 1) + expert] = opinions[unit * experts + expert] * dp[unit]
                }
                dg[unit * (experts + 1) + experts] = 0
            }
        }
        if let de = pass.inputGradient(1) {
            for unit in 0..<dp.elementCount {
                for expert in 0..<experts {
                    de[unit * experts + expert] = gates[unit * (experts + 1) + expert] * dp[unit]
                }
            }
        }
    }
}

/// What a sigmoid must be taken of, to give a probability: logits of a network whose answer is one.
///
///     z = log p − log(1 − p),  dp = dz / (p (1 − p)),  with p in 1e-7 … 1 − 1e-7, as in Keras's binary cross-entropy
public struct LogOdds: Layer {
    public init() {}

    private static let range: ClosedRange<Float> = 1e-7...(1 - 1e-7)

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        try elementwisePlan(inputs, reads: .inputs)
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), z = pass.output
        for element in 0..<x.elementCount {
            let p = min(max(x[element], Self.range.lowerBound), Self.range.upperBound)
            z[element] = Float(logarithm(Double(p)) - logarithm(Double(1 - p)))
        }
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        let x = pass.input(), dz = pass.outputGradient
        for element in 0..<x.elementCount {
            let p = x[element]
            dx[element] = Self.range.contains(p) ? dz[element] / (p * (1 - p)) : 0
        }
    }
}
