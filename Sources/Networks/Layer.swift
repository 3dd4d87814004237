import Kernels
public import Tensors

/// One operation of a network. A layer is a recipe: it owns no memory and never changes.
///
/// Memory is lent to it by a pass. `forward` writes the whole output; `backward` *overwrites* the gradients it is asked
/// for: where a value or a parameter has several users, the graph does the adding.
public protocol Layer: Sendable {
    /// States the output, parameters and saved values for one example of the given inputs.
    func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan
    /// Computes the output of a batch.
    func forward(_ pass: ForwardPass)
    /// Computes the gradients of the inputs and parameters, given the gradient of the output.
    func backward(_ pass: BackwardPass)
}

/// What a layer needs, stated before any memory exists.
public struct LayerPlan: Sendable {
    /// The shape of one example of the output.
    public var output: Shape
    public var parameters: [ParameterSpec]
    /// Numbers kept from `forward` to `backward`, a block of each shape for every example.
    public var saved: [Shape]
    /// When the output is the input's own memory, so that there is nothing to compute.
    public var sharing: MemorySharing
    public var mask: MaskRule
    /// How many leading axes of the output a computed mask has a number for.
    public var maskAxes: Int
    /// Whether it takes the masks that its inputs still have, and what becomes of them.
    public var maskReading: MaskReading
    /// Whether later layers find no masks attached to its inputs (Keras's MultiHeadAttention).
    public var takesMasks = false
    /// Multiplications with additions in one example's forward pass.
    public var multiplyAdds: Int
    /// What `backward` reads again of what `forward` saw. The memory of the rest is others' in the meantime.
    public var backwardReads = BackwardReads.all
    /// Whether the gradient of the first parameter is xᵀ dy over all rows of a batch, with the input x and what `backward`
    /// leaves at the output's gradient: the pass may ask that it be left out, `BackwardPass.defersKernel`.
    public var mayDeferKernel = false

    public init(
        output: Shape, parameters: [ParameterSpec] = [], saved: [Shape] = [], sharing: MemorySharing = .never,
        mask: MaskRule = .none, maskAxes: Int = 1, maskReading: MaskReading = .planned, multiplyAdds: Int = 0
    ) {
        self.output = output
        self.parameters = parameters
        self.saved = saved
        self.sharing = sharing
        self.mask = mask
        self.maskAxes = maskAxes
        self.maskReading = maskReading
        self.multiplyAdds = multiplyAdds
    }
}

/// Values that are needed twice: shapes are always known, masks always kept.
public struct BackwardReads: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    public static let inputs = BackwardReads(rawValue: 1)
    public static let output = BackwardReads(rawValue: 2)
    public static let all: BackwardReads = [.inputs, .output]
}

public enum MemorySharing: Sendable {
    case never
    /// The layer does nothing at inference: dropout.
    case atInference
    /// The layer only renames axes: it is never called.
    case always
}

/// What becomes of the mask of a sequence, one number a frame: 1 where it is real, 0 where it is padding.
///
/// A mask of sequences of sequences (T, T′, C) has a number for every step of both.
public enum MaskRule: Sendable {
    /// The output has no mask.
    case none
    /// The output has the first input's mask, if that has one.
    case first
    /// The layer computes a mask.
    case computed
    /// A frame is real if it is real in any input; no mask unless all inputs have one (Keras 3's merge layers).
    case any
    /// A frame is real if it is real in every input that has a mask (Keras 2's merge layers).
    case all
    /// The masks of inputs that are joined in time, one behind another; an input without a mask is real.
    case joined
}

/// Which masks a layer reads, where a network loses some while it runs.
///
/// In Keras 3 a tensor has its mask twice: in the plan of the network, and attached to the tensor while the network runs.
/// Layers with `takesMasks` take the attached ones off their inputs: a layer that reads these inputs later, and the attached
/// masks, finds none.
public enum MaskReading: Sendable {
    /// The mask of the plan, whatever was taken off.
    case planned
    /// The mask that is still attached.
    case attached
}

/// The name, shape and initial values of one parameter.
public struct ParameterSpec: Hashable, Sendable {
    public enum Role: Hashable, Sendable {
        case trainable
        /// A moving average of batch statistics: new = momentum · old + (1 − momentum) · batch.
        case statistic(momentum: Float)
    }

    public var name: String
    public var shape: Shape
    public var initializer: Initializer
    public var role: Role

    public init(_ name: String, _ shape: Shape, _ initializer: Initializer, role: Role = .trainable) {
        self.name = name
        self.shape = shape
        self.initializer = initializer
        self.role = role
    }
}
