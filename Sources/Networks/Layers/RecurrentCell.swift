import Kernels
import Tensors

/// What one kind of recurrent layer does in one step; `Recurrent` walks it over time.
///
/// Blocks are time-major while a layer runs: (T, B, …), so that one step of all examples is one matrix.
protocol RecurrentCell: Sendable {
    var units: Int { get }
    /// Pre-activations a unit: 1 SimpleRNN, 3 GRU, 4 LSTM.
    var gateCount: Int { get }
    var useBias: Bool { get }
    /// The numbers a unit that a step hands to the next: its output, and what comes first of the extra numbers if 2.
    var stateCount: Int { get }
    /// Numbers a unit that a step leaves for later, beside its output and its gates.
    var extraCount: Int { get }
    /// Numbers a unit that a step leaves behind on the way back, beside the gradient of its gates.
    var extraGradientCount: Int { get }

    func parameters(features: Int) -> [ParameterSpec]
    /// The share of the bias that is added before the steps: the first `gateCount · units` numbers of it.
    /// `gates` holds x · kernel + bias on entry.
    func forward(_ step: RecurrentStep)
    /// Writes the step's gate gradient and `carry`, the gradient of the previous state.
    func backward(_ step: RecurrentStep)
    /// The gradient of the recurrent kernel, and of the bias rows the input does not see.
    func finishBackward(_ sequence: RecurrentSequence, _ pass: BackwardPass)
}

extension RecurrentCell {
    var stateCount: Int { 1 }
    var extraGradientCount: Int { 0 }
}

/// The memory of one step.
struct RecurrentStep {
    let kernels: KernelContext
    /// The state times the recurrent kernel.
    let product: GateProduct
    let bias: Tensor?
    /// One number an example, 0 where the frame is padding; nil where all are real.
    let mask: Tensor?
    let gates, previous, output: Tensor
    /// This step's extra numbers, and those of the step before.
    let extra, previousExtra: Tensor
    // In `backward`:
    let outputGradient, gateGradient, extraGradient, carry, stateGradient: Tensor
}

/// All steps of a batch, time-major.
struct RecurrentSequence {
    let product: GateProduct
    let steps, count, units: Int
    /// (T + 1, B, u): the states, the initial one first.
    let states: Tensor
    let extras, gateGradients, extraGradients: Tensor

    /// The states before each step, one row each.
    var previousStates: Tensor { states.slice(at: 0, count: steps * count * units) }
}

/// The product of rows with a kernel of several gates (n, G u), and in training with dropout.
///
///     y_k = (x ∘ m_k) K_k  for each gate k;  m is 0 or 1 / (1 − rate), the same at every step
struct GateProduct {
    let kernels: KernelContext
    let kernel: Tensor
    /// The kernel's transpose (G u, n), where it is at hand: the product of few rows with it is up to twice as fast as
    /// with the kernel read across.
    let transposed: Tensor?
    let units, gateCount: Int
    /// (1 or G, B, n); nil without dropout.
    let masks: Tensor?
    let maskCount: Int

    private var width: Int { kernel.shape[0] }

    /// y = x K, or y += x K, for the gates alone that are named; `y` has all gates in its rows.
    func apply(to x: Tensor, gates: Range<Int>, into y: Tensor, adding: Bool) {
        eachMask(gates) { gates, mask in
            withMasked(x, mask) { x in
                kernels.multiply(rows(x), columns(kernel, gates), into: columns(y, gates), adding: adding)
            }
        }
    }

    /// dx = dy Kᵀ, or dx += dy Kᵀ.
    func inputGradient(of dy: Tensor, gates: Range<Int>, into dx: Tensor, adding: Bool) {
        if masks != nil && !adding { dx.fill(with: 0) }
        eachMask(gates) { gates, mask in
            let (dy, kernel) = (columns(dy, gates), transposedRows(gates))
            guard let mask else { return kernels.multiply(dy, kernel, into: rows(dx), adding: adding) }
            kernels.withScratch(dx.elementCount) { part in
                kernels.multiply(dy, kernel, into: rows(part))
                apply(mask, to: part, into: part)
                addScaled(part, by: 1, to: dx)
            }
        }
    }

    /// dK = xᵀ dy, or dK += xᵀ dy.
    func kernelGradient(
        _ x: Tensor, gradientRows dy: Tensor, gates: Range<Int>, into dkernel: Tensor, adding: Bool = false
    ) {
        eachMask(gates) { gates, mask in
            withMasked(x, mask) { x in
                kernels.multiply(rows(x).transposed, columns(dy, gates), into: columns(dkernel, gates), adding: adding)
            }
        }
    }

    private func rows(_ x: Tensor) -> Matrix { Matrix(x, rows: x.elementCount / width, columns: width) }

    private func columns(_ y: Tensor, _ gates: Range<Int>) -> Matrix {
        let stride = gateCount * units
        return Matrix(
            y, rows: y.elementCount / stride, columns: gates.count * units, stride: stride, at: gates.lowerBound * units
        )
    }

    /// The transposed kernel of these gates.
    private func transposedRows(_ gates: Range<Int>) -> Matrix {
        guard let transposed else { return columns(kernel, gates).transposed }
        return Matrix(
            transposed, rows: gates.count * units, columns: width, at: gates.lowerBound * units * width)
    }

    /// Gates that share a mask at a time.
    private func eachMask(_ gates: Range<Int>, _ body: (Range<Int>, Tensor?) -> Void) {
        guard let masks else { return body(gates, nil) }
        let size = masks.elementCount / maskCount
        guard maskCount > 1 else { return body(gates, masks) }
        for gate in gates { body(gate..<gate + 1, masks.slice(at: gate * size, count: size)) }
    }

    private func withMasked(_ x: Tensor, _ mask: Tensor?, _ body: (Tensor) -> Void) {
        guard let mask else { return body(x) }
        kernels.withScratch(x.elementCount) { masked in
            apply(mask, to: x, into: masked)
            body(masked)
        }
    }

    /// One mask for the rows of every step.
    private func apply(_ mask: Tensor, to x: Tensor, into y: Tensor) {
        let size = mask.elementCount
        for offset in stride(from: 0, to: x.elementCount, by: size) {
            multiplyElements(x.slice(at: offset, count: size), mask, into: y.slice(at: offset, count: size))
        }
    }
}
