import Kernels
public import Tensors

/// Logits of a weighted mean of predictions: what a softmax or sigmoid must be taken of to give it.
///
///     K members' logits zₖ (…, C) and their shares wₖ give y (…, C)
///     softmax  aₖ = log wₖ + log softmax(zₖ),  y = log Σₖ exp aₖ
///              gₖ = exp(aₖ − y) dy,  dzₖ = gₖ − softmax(zₖ) Σ_c gₖ
///     sigmoid  aₖ = log wₖ + log σ(zₖ),  bₖ = log wₖ + log σ(−zₖ),  y = a − b,  a = log Σₖ exp aₖ,  b = log Σₖ exp bₖ
///              dzₖ = dy (exp(aₖ − a) σ(−zₖ) + exp(bₖ − b) σ(zₖ))
///
/// exp(aₖ − y) is the probability that an example of the class is member k's, as in a mixture of experts ("Adaptive
/// mixtures of local experts", Jacobs et al., 1991). No probability is ever formed to take its logarithm, so that a class
/// of which all members think little still has a gradient.
public struct MixtureLogits: Layer {
    /// What makes predictions of logits: softmax or sigmoid.
    public let head: LayerGraph.Head
    /// One for each member, all above 0; they add up to 1.
    public let shares: [Float]

    public init(_ head: LayerGraph.Head, shares: [Float]) {
        precondition(head != .none && shares.allSatisfy { $0 > 0 }, "members have predictions and shares")
        (self.head, self.shares) = (head, shares)
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == shares.count, let shape = inputs.first, Set(inputs).count == 1, shape.rank >= 1 else {
            throw ShapeError("takes the logits of \(shares.count) members, all of one shape, found \(list(inputs))")
        }
        return LayerPlan(output: shape, saved: head == .sigmoid ? [shape, shape] : [])
    }

    public func forward(_ pass: ForwardPass) {
        guard head == .sigmoid else { return sum(pass, into: pass.output) }
        sum(pass, into: pass.saved(0))
        sum(pass, ofOpposite: true, into: pass.saved(1))
        subtract(pass.saved(0), pass.saved(1), into: pass.output)
    }

    public func backward(_ pass: BackwardPass) {
        for member in shares.indices {
            guard let dz = pass.inputGradient(member) else { continue }
            if head == .sigmoid {
                sigmoidGradient(pass, member, into: dz)
            } else {
                softmaxGradient(pass, member, into: dz)
            }
        }
    }

    /// log Σₖ exp aₖ, or of bₖ: two at a time, max(a, a′) + softplus(−|a − a′|).
    private func sum(_ pass: ForwardPass, ofOpposite isOpposite: Bool = false, into sum: Tensor) {
        takeLogarithms(0, pass.input(0), ofOpposite: isOpposite, into: sum, pass.kernels)
        let count = sum.elementCount
        pass.kernels.withScratch(2 * count) { memory in
            let other = memory.slice(at: 0, count: count).viewed(count: sum.count, shape: sum.shape)
            let least = memory.slice(at: count, count: count)
            for member in shares.indices.dropFirst() {
                takeLogarithms(member, pass.input(member), ofOpposite: isOpposite, into: other, pass.kernels)
                extremum(isMaximum: false, sum, other, into: least)
                extremum(isMaximum: true, sum, other, into: sum)
                subtract(least, sum, into: least)
                activate(Activation(.softplus), least, into: least)
                add(sum, least, into: sum)
            }
        }
    }

    /// aₖ, or bₖ, of a member's logits.
    private func takeLogarithms(
        _ member: Int, _ z: Tensor, ofOpposite isOpposite: Bool, into a: Tensor, _ kernels: KernelContext
    ) {
        if head == .sigmoid {
            scale(z, by: isOpposite ? -1 : 1, into: a)
            activate(Activation(.logSigmoid), a, into: a)
        } else {
            logSoftmax(z, into: a, kernels)
        }
        scale(a, by: 1, adding: Float(logarithm(Double(shares[member]))), into: a)
    }

    private func softmaxGradient(_ pass: BackwardPass, _ member: Int, into dz: Tensor) {
        let z = pass.input(member), dy = pass.outputGradient
        takeLogarithms(member, z, ofOpposite: false, into: dz, pass.kernels)
        takeShare(of: pass.output, in: dz)
        pass.kernels.withScratch(z.elementCount + z.rowCount) { memory in
            let p = memory.slice(at: 0, count: z.elementCount).viewed(count: z.count, shape: z.shape)
            let sums = memory.slice(at: z.elementCount, count: z.rowCount)
            dotRows(dz, dy, into: sums)
            multiplyElements(dz, dy, into: dz)
            softmax(z, into: p)
            scaleRows(p, by: sums, into: p)
            subtract(dz, p, into: dz)
        }
    }

    private func sigmoidGradient(_ pass: BackwardPass, _ member: Int, into dz: Tensor) {
        let z = pass.input(member), count = z.elementCount
        pass.kernels.withScratch(2 * count) { memory in
            let share = memory.slice(at: 0, count: count), other = memory.slice(at: count, count: count)
            dz.fill(with: 0)
            for isOpposite in [false, true] {
                takeLogarithms(member, z, ofOpposite: isOpposite, into: share, pass.kernels)
                takeShare(of: pass.saved(isOpposite ? 1 : 0), in: share)
                scale(z, by: isOpposite ? 1 : -1, into: other)
                activate(Activation(.sigmoid), other, into: other)
                multiplyElements(share, other, into: share)
                add(dz, share, into: dz)
            }
            multiplyElements(dz, pass.outputGradient, into: dz)
        }
    }

    /// exp(a − sum), in place of a.
    private func takeShare(of sum: Tensor, in a: Tensor) {
        subtract(a, sum, into: a)
        activate(Activation(.exponential), a, into: a)
    }
}
