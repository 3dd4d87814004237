import Kernels
import Networks
import Tensors

// Operations of Keras 3 and TensorFlow. Unlike layers they know no masks: their results have none.

extension LayerCatalog {
    static let operations = (basicOperations + shapingOperations).map(\.asOperation)

    private static let basicOperations: [LayerEntry] = [
        LayerEntry(name: "ops.add") { sum(&$0, sign: 1) },
        LayerEntry(name: "ops.subtract") { sum(&$0, sign: -1) },
        LayerEntry(name: "ops.multiply") { settings in
            guard let constant = constant(&settings) else { return merge(.multiply, "Multiply", &settings) }
            guard constant.isVector else { return merge(.multiply, with: constant) }
            return affine(&settings, constant.numbers, constant.numbers.map { _ in 0 })
        },
        LayerEntry(name: "ops.true_divide") { settings in
            guard var constant = constant(&settings) else {
                return [
                    LayerPart("reciprocal", ElementwiseFunction(.quotient(1)), inputs: [.positions(1..<2)]),
                    LayerPart(
                        "", Unmasked(Merge(.multiply, needsSameRank: true)), inputs: [.positions(0..<1), .part(0)]),
                ]
            }
            guard !constant.isFirst || constant.numbers.count > 1 else {
                return function(.quotient(constant.numbers[0]))
            }
            guard !constant.isFirst else {
                return [
                    LayerPart("constant", constant.layer), LayerPart("reciprocal", ElementwiseFunction(.quotient(1))),
                    LayerPart("", Unmasked(Merge(.multiply, needsSameRank: true)), inputs: [.part(0), .part(1)]),
                ]
            }
            constant.numbers = constant.numbers.map { 1 / $0 }
            guard constant.isVector else { return merge(.multiply, with: constant) }
            return affine(&settings, constant.numbers, constant.numbers.map { _ in 0 })
        },
        LayerEntry(name: "ops.maximum") { settings in
            guard let constant = constant(&settings) else { return merge(.maximum, "Maximum", &settings) }
            guard constant.numbers.count == 1 else { return merge(.maximum, with: constant) }
            return function(.clip(constant.numbers[0], .infinity))
        },
        LayerEntry(name: "ops.minimum") { settings in
            guard let constant = constant(&settings) else { return merge(.minimum, "Minimum", &settings) }
            guard constant.numbers.count == 1 else { return merge(.minimum, with: constant) }
            return function(.clip(-.infinity, constant.numbers[0]))
        },
        LayerEntry(name: "ops.power", remark: "the base or the exponent is a number") { settings in
            guard let constant = constant(&settings) else {
                settings.fail("a tensor to the power of a tensor is not supported")
                return []
            }
            if constant.numbers.count != 1 {
                settings.fail("takes one constant number, found \(constant.numbers.count)")
            }
            let number = constant.numbers[0]
            if constant.isFirst { return function(.exponential(base: number)) }
            return function(number == 2 ? .square : .power(number))
        },
        LayerEntry(name: "ops.negative") { affine(&$0, [-1], [0]) },
        LayerEntry(name: "ops.absolute") { _ in function(.absolute) },
        LayerEntry(name: "ops.log") { _ in function(.logarithm) },
        LayerEntry(name: "ops.sqrt") { _ in function(.squareRoot) },
        LayerEntry(name: "ops.square") { _ in function(.square) },
        LayerEntry(name: "ops.rsqrt") { _ in function(.power(-0.5)) },
        LayerEntry(name: "ops.reciprocal") { _ in function(.quotient(1)) },
        LayerEntry(name: "ops.clip") { function(.clip($0.number("x_min"), $0.number("x_max"))) },
        LayerEntry(name: "ops.exp") { activation("exponential", &$0) },
        LayerEntry(name: "ops.relu") { activation("relu", &$0) },
        LayerEntry(name: "ops.sigmoid") { activation("sigmoid", &$0) },
        LayerEntry(name: "ops.tanh") { activation("tanh", &$0) },
        LayerEntry(name: "ops.selu") { activation("selu", &$0) },
        LayerEntry(name: "ops.softplus") { activation("softplus", &$0) },
        LayerEntry(name: "ops.softsign") { activation("softsign", &$0) },
        LayerEntry(name: "ops.silu") { activation("swish", &$0) },
        LayerEntry(name: "ops.relu6") { _ in elementwise(Activation(.relu6)) },
        LayerEntry(name: "ops.elu") { elementwise(Activation(.elu, slope: $0.number("alpha", default: 1))) },
        LayerEntry(name: "ops.leaky_relu") {
            elementwise(Activation(.leakyReLU, slope: $0.number("negative_slope", default: 0.2)))
        },
        LayerEntry(name: "ops.gelu") { settings in
            // TensorFlow takes the exact function by default, Keras 3 its approximation.
            let isApproximate = settings.bool("approximate", default: settings.dialect == .keras3)
            return elementwise(Activation(isApproximate ? .geluTanh : .gelu))
        },
        LayerEntry(name: "ops.softmax") { settings in
            let axis = settings.integer("axis", default: -1, in: -16...16)
            if axis == -1 { settings.offer("Activation", ["activation": "softmax"]) }
            return axis == -1 && settings.endsNetwork ? [LayerPart(Softmax())] : unmasked(along([axis], Softmax()))
        },
        LayerEntry(name: "ops.log_softmax") { settings in
            let axis = settings.integer("axis", default: -1, in: -16...16)
            return unmasked(along([axis], LogSoftmax()))
        },
        LayerEntry(name: "ops.mean", remark: "not over all axes") { reduce(.mean, &$0) },
        LayerEntry(name: "ops.sum", remark: "not over all axes") { reduce(.sum, &$0) },
        LayerEntry(name: "ops.max", remark: "not over all axes") { reduce(.maximum, &$0) },
        LayerEntry(name: "ops.min", remark: "not over all axes") { reduce(.minimum, &$0) },
        LayerEntry(name: "ops.reshape", remark: "the axis of examples stays") { settings in
            let shape = settings.integers("newshape")
            guard shape.count > 1 else {
                settings.fail("option 'newshape': the axis of examples must stay, found \(shape)")
                return []
            }
            let target = Array(shape.dropFirst())
            settings.offer("Reshape", ["target_shape": .array(target.map { .integer($0) })])
            return [LayerPart(Reshape(to: target))]
        },
        LayerEntry(name: "ops.transpose", remark: "the axis of examples stays") { settings in
            let axes = settings.integers("axes")
            guard axes.first == 0 else {
                settings.fail("option 'axes': the axis of examples must stay the first, found \(axes)")
                return []
            }
            let order = Array(axes.dropFirst())
            settings.offer("Permute", ["dims": .array(order.map { .integer($0) })])
            return [LayerPart(Permute(order))]
        },
        LayerEntry(name: "ops.expand_dims") { settings in
            [LayerPart(UnitAxes(.insert(settings.integer("axis", in: -16...16))))]
        },
        LayerEntry(name: "ops.squeeze") { settings in
            let axes = settings.integers("axis", default: [])
            return [LayerPart(UnitAxes(.remove(axes.isEmpty ? nil : axes)))]
        },
        LayerEntry(name: "ops.concatenate") { settings in
            // Without an axis it is the first, that of the examples, which the layer refuses.
            let axis = settings.integer("axis", default: 0, in: -16...16)
            settings.offer("Concatenate", ["axis": .integer(axis)])
            return [LayerPart(Unmasked(Concatenate(axis: axis)))]
        },
        LayerEntry(
            name: "ops.matmul",
            unsaidInKeras3: { options in
                ["transpose_a", "transpose_b"].filter { options[$0] == true }.map {
                    "Keras 3's product of matrices has no '\($0)'; a Permute before it does the same"
                }
            }
        ) { settings in
            [
                LayerPart(
                    MatrixProduct(
                        transposesFirst: settings.bool("transpose_a", default: false),
                        transposesSecond: settings.bool("transpose_b", default: false)))
            ]
        },
    ]

    /// Numbers in a graph that stand for one of the inputs of an operation.
    struct ConstantInput {
        var numbers: [Float]
        /// Of all axes but leading ones of 1, among them that of the examples.
        let shape: [Int]
        /// Whether it stands for the first input.
        let isFirst: Bool

        /// Whether it is one number, or one for each channel.
        var isVector: Bool { shape.count < 2 }
        var layer: Constant { Constant(numbers, shape: shape.isEmpty ? [1] : Shape(shape)) }
    }

    /// The constant that stands for one of two inputs, if one does.
    private static func constant(_ settings: inout LayerSettings) -> ConstantInput? {
        settings.know(["x1", "x2"])
        for name in ["x1", "x2"] where settings.options[name]?.isNull == false {
            let (shape, numbers) = settings.array(name)
            if settings.call.inputCount != 1 { settings.fail("takes one input beside its constant '\(name)'") }
            return ConstantInput(numbers: numbers, shape: shape, isFirst: name == "x1")
        }
        return nil
    }

    private static func sum(_ settings: inout LayerSettings, sign: Float) -> [LayerPart] {
        guard let constant = constant(&settings) else {
            return sign > 0 ? merge(.add, "Add", &settings) : merge(.subtract, "Subtract", &settings)
        }
        guard constant.isVector else { return merge(sign > 0 ? .add : .subtract, with: constant) }
        // c − x = −x + c, and x − c = x + (−c)
        return affine(
            &settings, constant.numbers.map { _ in constant.isFirst ? sign : 1 },
            constant.numbers.map { constant.isFirst ? $0 : sign * $0 })
    }

    static func merge(_ operation: Merge.Operation, with constant: ConstantInput) -> [LayerPart] {
        [
            LayerPart("constant", constant.layer),
            LayerPart(
                "", Unmasked(Merge(operation, needsSameRank: true)),
                inputs: constant.isFirst ? [.part(0), .all] : [.all, .part(0)]),
        ]
    }

    static func merge(
        _ operation: Merge.Operation, _ layer: String, _ settings: inout LayerSettings
    ) -> [LayerPart] {
        settings.offer(layer, [:])
        return [LayerPart(Unmasked(Merge(operation, needsSameRank: true)))]
    }

    static func affine(_ settings: inout LayerSettings, _ scale: [Float], _ offset: [Float]) -> [LayerPart] {
        func json(_ numbers: [Float]) -> JSON {
            numbers.count == 1 ? .number(Double(numbers[0])) : .array(numbers.map { .number(Double($0)) })
        }
        settings.offer("Rescaling", ["scale": json(scale), "offset": json(offset)])
        return unmasked([
            LayerPart(
                scale.count == 1
                    ? Rescaling(scale: scale[0], offset: offset[0]) as any Layer
                    : ChannelScaling(scale: scale, offset: offset))
        ])
    }

    static func function(_ function: ElementwiseFunction.Function) -> [LayerPart] {
        unmasked([LayerPart(ElementwiseFunction(function))])
    }

    static func elementwise(_ activation: Activation) -> [LayerPart] {
        unmasked([LayerPart(ElementwiseActivation(activation))])
    }

    static func activation(_ name: String, _ settings: inout LayerSettings) -> [LayerPart] {
        settings.offer("Activation", ["activation": .string(name)])
        guard let activation = Activation(keras: name) else { return [] }
        let part = LayerPart(ElementwiseActivation(activation))
        // The last one gives predictions, where no mask matters, and is to be found as what it is.
        return settings.endsNetwork ? [part] : unmasked([part])
    }

    static func unmasked(_ parts: [LayerPart]) -> [LayerPart] {
        parts.map { part in
            var part = part
            part.layer = Unmasked(part.layer)
            return part
        }
    }

    static func reduce(_ kind: Reduction.Kind, _ settings: inout LayerSettings) -> [LayerPart] {
        settings.require("initial", .null)
        guard let reduction = reduction(kind, &settings) else { return [] }
        return [LayerPart(reduction)]
    }

    /// A reduction over the axes that the options name; nil after a problem.
    static func reduction(
        _ kind: Reduction.Kind, _ settings: inout LayerSettings, keepsDimensions: Bool = false
    ) -> Reduction? {
        let axes = settings.integers("axis", default: [])
        let keepDimensions = settings.bool("keepdims", default: false) || keepsDimensions
        guard !axes.isEmpty else {
            settings.fail("has no 'axis'; over all axes, that of examples included, is not supported")
            return nil
        }
        return Reduction(kind, axes: axes, keepDimensions: keepDimensions)
    }
}
