import Kernels
import Tensors

// Steps that are padding in some of the inputs that are merged.

/// The masks of the inputs of a merging layer, each with a number for every step of its input.
struct MergedPadding {
    let masks: [Tensor?]
    let exampleCount, steps: Int

    /// Whether a step of an input is real. An input of one step has it repeated.
    func isReal(_ position: Int, _ example: Int, _ step: Int) -> Bool {
        guard let mask = masks[position] else { return true }
        let steps = mask.elementCount / exampleCount
        return mask[example * steps + (steps == 1 ? 0 : step)] != 0
    }

    /// Calls `body` for each step that is padding in all inputs.
    func eachHidden(_ body: (_ example: Int, _ step: Int) -> Void) {
        guard masks.allSatisfy({ $0 != nil }) else { return }
        for example in 0..<exampleCount {
            for step in 0..<steps where masks.indices.allSatisfy({ !isReal($0, example, step) }) { body(example, step) }
        }
    }
}

extension Merge {
    func padding(_ pass: ForwardPass) -> MergedPadding { padding(pass.output, pass.inputCount) { pass.inputMask($0) } }

    private func padding(_ y: Tensor, _ inputCount: Int, _ mask: (Int) -> Tensor?) -> MergedPadding {
        MergedPadding(
            masks: (0..<inputCount).map { leavesOutPadding && y.shape.rank == 2 ? mask($0) : nil },
            exampleCount: y.count, steps: y.shape[0])
    }

    /// What changes nothing where it is merged with something else.
    private var neutral: Float {
        switch operation {
        case .maximum: -Float.greatestFiniteMagnitude
        case .minimum: Float.greatestFiniteMagnitude
        default: 1
        }
    }

    /// Lends the inputs in the shape of the output, what is padding in them replaced by what changes nothing.
    func withOperands(
        _ kernels: KernelContext, _ inputs: [Tensor], _ padding: MergedPadding, _ shape: Shape,
        _ body: ([Tensor]) -> Void
    ) {
        let sizes = zip(inputs, padding.masks).map { $1 == nil ? 0 : $0.elementCount }
        kernels.withScratch(sizes.reduce(0, +)) { scratch in
            var offset = 0
            let operands = inputs.enumerated().map { position, x in
                guard let mask = padding.masks[position] else { return x }
                let y = scratch.slice(at: offset, count: sizes[position]).viewed(count: x.count, shape: x.shape)
                offset += sizes[position]
                y.copy(from: x)
                for row in 0..<mask.elementCount where mask[row] == 0 {
                    y.slice(at: row * x.shape[1], count: x.shape[1]).fill(with: neutral)
                }
                return y
            }
            withRepeated(kernels, operands, shape, body)
        }
    }

    /// Writes a step that is padding in all inputs.
    func fillHidden(_ y: Tensor, _ example: Int, _ step: Int, from first: Tensor) {
        let row = Self.row(y, example, step)
        guard operation != .multiply else { return row.fill(with: 0) }
        let source = first.shape.rank == 2 ? Self.row(first, example, first.shape[0] == 1 ? 0 : step) : first
        if source.elementCount == row.elementCount { row.copy(from: source) } else { row.fill(with: source[0]) }
    }

    private static func row(_ tensor: Tensor, _ example: Int, _ step: Int) -> Tensor {
        let (steps, channels) = (tensor.shape[0], tensor.shape[1])
        return tensor.slice(at: (example * steps + step) * channels, count: channels)
    }

    /// The gradients of a product or extremum: none reaches a step where it is padding, unless it is padding in all
    /// inputs of an extremum, which is the first one there.
    func unfoldReal(_ pass: BackwardPass, into gradients: [Tensor?]) {
        let dy = pass.outputGradient, inputs = (0..<pass.inputCount).map { pass.input($0) }
        let padding = padding(dy, pass.inputCount) { pass.inputMask($0) }
        guard padding.masks.contains(where: { $0 != nil }) else {
            return withRepeated(pass.kernels, inputs, dy.shape) { unfold(pass, $0, into: gradients) }
        }
        pass.kernels.withScratch(dy.elementCount) { scratch in
            let whole = scratch.viewed(count: dy.count, shape: dy.shape)
            whole.copy(from: dy)
            withOperands(pass.kernels, inputs, padding, dy.shape) { unfold(pass, $0, into: gradients) }
            for (position, gradient) in gradients.enumerated() {
                guard let gradient else { continue }
                for example in 0..<dy.count {
                    for step in 0..<padding.steps where !padding.isReal(position, example, step) {
                        Self.row(gradient, example, step).fill(with: 0)
                    }
                }
            }
            if operation != .multiply, let first = gradients[0] {
                padding.eachHidden { Self.row(first, $0, $1).copy(from: Self.row(whole, $0, $1)) }
            }
        }
    }
}
