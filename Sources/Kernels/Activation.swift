import CVector
public import Tensors

/// An elementwise activation function, by Keras's name.
public struct Activation: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case linear, relu, tanh, sigmoid, elu, selu, softplus, softsign, exponential, relu6
        case hardSigmoid = "hard_sigmoid", leakyReLU = "leaky_relu", hardTanh = "hard_tanh"
        case softShrink = "soft_shrink", hardShrink = "hard_shrink", tanhShrink = "tanh_shrink"
        case sparsePlus = "sparse_plus", sparseSigmoid = "sparse_sigmoid"
        /// Keras 2's hard sigmoid, 0.2 x + 0.5; Keras 3's is x / 6 + 0.5.
        case hardSigmoid2 = "hard_sigmoid (Keras 2)"
        case gelu, silu, mish, hardSilu = "hard_silu", logSigmoid = "log_sigmoid", squareplus
        /// GELU by tanh: the layer's `approximate`, which no name in a file can ask for.
        case geluTanh = "gelu (approximate)"
    }

    public let kind: Kind
    /// The negative slope of `leakyReLU`, the alpha of `elu`.
    public let slope: Float

    public init(_ kind: Kind, slope: Float? = nil) {
        self.kind = kind
        self.slope = slope ?? (kind == .leakyReLU ? 0.2 : 1)
    }

    /// The function Keras knows under `name` (`swish` and `celu` included), or nil.
    public init?(keras name: String, isKeras2: Bool = false) {
        switch name {
        case "swish": self.init(.silu)
        case "hard_swish": self.init(.hardSilu)
        case "celu": self.init(.elu)
        case "hard_sigmoid" where isKeras2: self.init(.hardSigmoid2)
        case Kind.hardSigmoid2.rawValue, Kind.geluTanh.rawValue: return nil
        default:
            guard let kind = Kind(rawValue: name) else { return nil }
            self.init(kind)
        }
    }

    /// Whether the derivative needs the input; that of the others is computed from the output.
    public var needsInput: Bool { code >= CV_FROM_INPUT }

    var code: Int32 {
        let code =
            switch kind {
            case .linear: CV_LINEAR
            case .relu: CV_RELU
            case .tanh: CV_TANH
            case .sigmoid: CV_SIGMOID
            case .elu: CV_ELU
            case .selu: CV_SELU
            case .softplus: CV_SOFTPLUS
            case .softsign: CV_SOFTSIGN
            case .exponential: CV_EXPONENTIAL
            case .relu6: CV_RELU6
            case .hardSigmoid: CV_HARD_SIGMOID
            case .hardSigmoid2: CV_HARD_SIGMOID_K2
            case .leakyReLU: CV_LEAKY_RELU
            case .hardTanh: CV_HARD_TANH
            case .softShrink: CV_SOFT_SHRINK
            case .hardShrink: CV_HARD_SHRINK
            case .tanhShrink: CV_TANH_SHRINK
            case .sparsePlus: CV_SPARSE_PLUS
            case .sparseSigmoid: CV_SPARSE_SIGMOID
            case .gelu: CV_GELU
            case .silu: CV_SILU
            case .mish: CV_MISH
            case .hardSilu: CV_HARD_SILU
            case .logSigmoid: CV_LOG_SIGMOID
            case .squareplus: CV_SQUAREPLUS
            case .geluTanh: CV_GELU_TANH
            }
        return Int32(code)
    }
}

/// y = f(x); y may be x.
public func activate(_ activation: Activation, _ x: Tensor, into y: Tensor) {
    precondition(x.elementCount == y.elementCount)
    unsafe cv_activate(activation.code, activation.slope, x.elementCount, x.base, y.base)
}

/// dx = dy · f′, where `value` is x if the activation needs its input, else y; dx may be dy.
public func activateGradient(_ activation: Activation, value: Tensor, outputGradient dy: Tensor, into dx: Tensor) {
    precondition(value.elementCount == dy.elementCount && dy.elementCount == dx.elementCount)
    unsafe cv_activate_gradient(
        activation.code, activation.slope, dy.elementCount, value.base, dy.base, dx.base)
}

/// y = f(y + bias), the bias added to every row.
public func addBias(_ bias: Tensor?, to y: Matrix, then activation: Activation) {
    precondition(y.stride == y.columns && !y.isTransposed && (bias?.elementCount ?? y.columns) == y.columns)
    if let bias {
        unsafe cv_bias_activate(activation.code, activation.slope, y.rows, y.columns, bias.base, y.base)
    } else {
        unsafe cv_bias_activate(activation.code, activation.slope, y.rows, y.columns, nil, y.base)
    }
}

/// The settings of Keras's ReLU layer: min(x, max_value) if x > threshold; else slope · (x − threshold).
public struct Rectifier: Hashable, Sendable {
    public let maximum, negativeSlope, threshold: Float
    public init(maximum: Float = .infinity, negativeSlope: Float = 0, threshold: Float = 0) {
        (self.maximum, self.negativeSlope, self.threshold) = (maximum, negativeSlope, threshold)
    }
}

/// y = rectified x.
public func rectify(_ settings: Rectifier, _ x: Tensor, into y: Tensor) {
    precondition(x.elementCount == y.elementCount)
    unsafe cv_relu_layer(
        settings.maximum, settings.negativeSlope, settings.threshold, x.elementCount, x.base, y.base)
}

/// dx = dy times the rectifier's slope at x.
public func rectifyGradient(_ settings: Rectifier, _ x: Tensor, outputGradient dy: Tensor, into dx: Tensor) {
    precondition(x.elementCount == dy.elementCount && dy.elementCount == dx.elementCount)
    unsafe cv_relu_layer_gradient(
        settings.maximum, settings.negativeSlope, settings.threshold, x.elementCount, x.base, dy.base, dx.base)
}

/// y = a · sigmoid(b) over the last axis, a being the first half of x and b the second (Dauphin et al., 2017).
public func gateLinearly(_ x: Tensor, into y: Tensor) {
    precondition(x.elementCount == 2 * y.elementCount && x.shape.channels == 2 * y.shape.channels)
    unsafe cv_glu(y.rowCount, y.shape.channels, x.base, y.base)
}

/// da = dy · sigmoid(b), db = dy · a · sigmoid(b) (1 − sigmoid(b)).
public func gateLinearlyGradient(_ x: Tensor, outputGradient dy: Tensor, into dx: Tensor) {
    precondition(x.elementCount == 2 * dy.elementCount && dx.elementCount == x.elementCount)
    unsafe cv_glu_gradient(dy.rowCount, dy.shape.channels, x.base, dy.base, dx.base)
}

/// y = Keras's sparsemax of x over the last axis (after Martins and Astudillo, 2016).
///
///     y = max(x − t, 0),  t = (Σ the partial sums of the support, largest first, − 1) / its size
///
/// The paper has the last partial sum alone; Keras 3 adds up all of them, and models were trained with that.
public func sparsemax(_ x: Tensor, into y: Tensor) {
    precondition(x.elementCount == y.elementCount)
    unsafe cv_sparsemax(x.rowCount, x.shape.channels, x.base, y.base)
}

/// dx of `sparsemax`, overwritten; it may not be dy.
public func sparsemaxGradient(_ x: Tensor, _ y: Tensor, outputGradient dy: Tensor, into dx: Tensor) {
    precondition(x.elementCount == dy.elementCount && y.elementCount == dy.elementCount)
    precondition(dy.elementCount == dx.elementCount)
    unsafe cv_sparsemax_gradient(y.rowCount, y.shape.channels, x.base, y.base, dy.base, dx.base)
}

/// y = softmax(x / temperature) over the last axis; y may be x.
public func softmax(_ x: Tensor, temperature: Float = 1, into y: Tensor) {
    precondition(x.elementCount == y.elementCount)
    unsafe cv_softmax(x.rowCount, x.shape.channels, temperature, x.base, y.base)
}

/// dx = y (dy − y·dy) over the last axis.
public func softmaxGradient(_ y: Tensor, outputGradient dy: Tensor, into dx: Tensor) {
    precondition(y.elementCount == dy.elementCount && dy.elementCount == dx.elementCount)
    unsafe cv_softmax_gradient(y.rowCount, y.shape.channels, y.base, dy.base, dx.base)
}

/// result = log Σ exp(x / temperature) over the last axis.
public func logSumExp(_ x: Tensor, temperature: Float = 1, into result: Tensor) {
    precondition(result.elementCount == x.rowCount)
    unsafe cv_log_sum_exp(x.rowCount, x.shape.channels, temperature, x.base, result.base)
}

/// p = softmax(z / temperature) over the last axis; returns Σ q log p.
public func softCrossEntropy(_ z: Tensor, targets q: Tensor, temperature: Float, probabilities p: Tensor) -> Double {
    precondition(q.elementCount == z.elementCount && p.elementCount == z.elementCount)
    return unsafe cv_soft_cross_entropy(z.rowCount, z.shape.channels, temperature, q.base, z.base, p.base)
}
