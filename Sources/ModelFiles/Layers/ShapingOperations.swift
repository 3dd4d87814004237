import Kernels
import Networks
import Tensors

// Operations that take parts of tensors, put them together, compare them, or leave them as they are.

extension LayerCatalog {
    static let shapingOperations = selections + comparisons + furtherFunctions

    private static let selections: [LayerEntry] = [
        LayerEntry(name: "ops.get_item", remark: "what stands in brackets: `x[:, -1]`, `x[..., ::-1]`") { item(&$0) },
        LayerEntry(name: "ops.take") { settings in
            settings.require("batch_dims", .null, or: 0)
            let places = settings.integers("indices"), isOne = settings.options["indices"]?.array == nil
            settings.write(settings.options["indices"] ?? .null, to: "indices")
            guard let axis = axis(&settings) else { return [] }
            let parts = [LayerPart(AxisSelection([(axis: axis, rule: .places(places))]))]
            return isOne ? LayerPart.chain([parts[0].named("places"), LayerPart(UnitAxes(.remove([axis])))]) : parts
        },
        LayerEntry(name: "ops.split") { split(&$0) },
        LayerEntry(name: "ops.unstack") { settings in
            settings.know(["num"])
            guard let axis = axis(&settings, default: 0) else { return [] }
            let count = settings.options["num"]?.integer ?? settings.call.resultCount
            if settings.options["num"]?.integer != nil { _ = settings.integer("num") }
            return (0..<min(count, 1_000)).flatMap { index in
                let taken = LayerPart("place_\(index)", AxisSelection([(axis: axis, rule: .places([index]))]))
                var result = LayerPart(
                    index == 0 ? "" : "part_\(index)", UnitAxes(.remove([axis])), inputs: [.part(2 * index)])
                result.isResult = true
                return [taken, result]
            }
        },
        LayerEntry(name: "ops.stack") { settings in
            let axis = settings.integer("axis", default: 0, in: -16...16), count = settings.call.inputCount
            let axes = (0..<count).map { position in
                LayerPart("axis_\(position)", UnitAxes(.insert(axis)), inputs: [.positions(position..<(position + 1))])
            }
            guard count > 1 else { return axes.map { $0.named("") } }
            return axes + [
                LayerPart("", Unmasked(Concatenate(axis: axis)), inputs: (0..<count).map { .part($0) })
            ]
        },
        LayerEntry(name: "ops.flip") { settings in
            let axes = settings.integers("axis", default: [])
            if axes.isEmpty {
                settings.fail("has no 'axis'; over all axes, that of examples included, is not supported")
            }
            refuseExamples(axes, &settings)
            return [LayerPart(AxisSelection(axes.map { (axis: $0, rule: .slice(step: -1)) }))]
        },
        LayerEntry(name: "ops.roll") { settings in
            let shifts = settings.integers("shift"), axes = settings.integers("axis", default: [])
            guard shifts.count == axes.count else {
                settings.fail("expected a 'shift' for each 'axis', found \(shifts.count) and \(axes.count)")
                return []
            }
            refuseExamples(axes, &settings)
            return [LayerPart(AxisSelection(zip(axes, shifts).map { (axis: $0, rule: .rolled($1)) }))]
        },
        LayerEntry(name: "ops.repeat") { settings in
            let count = settings.integer("repeats")
            guard let axis = axis(&settings) else { return [] }
            return [LayerPart(AxisSelection([(axis: axis, rule: .repeated(count))]))]
        },
        LayerEntry(name: "ops.tile") { settings in
            let counts = settings.integers("repeats")
            guard counts.first == 1, counts.allSatisfy({ $0 > 0 }) else {
                settings.fail("option 'repeats': the examples must stay what they are, found \(counts)")
                return []
            }
            return [
                LayerPart(AxisSelection(counts.enumerated().dropFirst().map { (axis: $0, rule: .tiled($1)) }))
            ]
        },
        LayerEntry(name: "ops.pad") { pad(&$0) },
        LayerEntry(name: "ops.swapaxes") { settings in
            let (first, second) = (settings.integer("axis1", in: -16...16), settings.integer("axis2", in: -16...16))
            return [LayerPart(AxisMove(.swap(first, second)))]
        },
        LayerEntry(name: "ops.moveaxis") {
            [LayerPart(AxisMove(.move($0.integers("source"), to: $0.integers("destination"))))]
        },
        LayerEntry(
            name: "ops.einsum",
            remark:
                "of two inputs, or of one and a constant; of Keras 2 in files of TensorFlow 2.0 to 2.3, and written as .keras"
        ) { einsum(&$0) },
        LayerEntry(name: "ops.one_hot", training: .stops) { settings in
            settings.know(["dtype"])
            settings.require("sparse", false)
            settings.require("axis", -1)
            return [LayerPart(OneHot(count: settings.integer("num_classes")))]
        },
    ]

    private static let comparisons: [LayerEntry] =
        [
            LayerEntry(name: "ops.where") { settings in choice(&settings) },
            LayerEntry(name: "ops.logical_not", training: .stops) { _ in function(.isZero) },
            LayerEntry(name: "ops.any", training: .stops) { truth(.maximum, &$0) },
            LayerEntry(name: "ops.all", training: .stops) { truth(.minimum, &$0) },
        ]
        + Comparison.Kind.allCases.map { kind in
            LayerEntry(name: "ops.\(kind.rawValue)", training: .stops) { settings in
                let (constants, inputs) = constants(["x1", "x2"], &settings)
                return constants + [LayerPart("", Comparison(kind), inputs: inputs)]
            }
        }

    private static let furtherFunctions: [LayerEntry] = [
        LayerEntry(name: "ops.cast", training: .identity, remark: "to whole numbers by leaving out the fraction") {
            cast(&$0)
        },
        LayerEntry(name: "ops.convert_to_tensor", training: .identity) { settings in
            settings.know(["sparse", "ragged"])
            return cast(&settings)
        },
        LayerEntry(name: "ops.copy", training: .identity) { same(&$0) },
        LayerEntry(name: "ops.stop_gradient", training: .stops) { _ in unmasked([LayerPart(StopGradient())]) },
        LayerEntry(name: "ops.zeros_like") { settings in
            settings.know(["dtype"])
            return affine(&settings, [0], [0])
        },
        LayerEntry(name: "ops.ones_like") { settings in
            settings.know(["dtype"])
            return affine(&settings, [0], [1])
        },
        LayerEntry(name: "ops.hard_sigmoid") { activation("hard_sigmoid", &$0) },
        LayerEntry(name: "ops.hard_silu") { activation("hard_silu", &$0) },
        LayerEntry(name: "ops.log1p") { _ in
            unmasked(
                LayerPart.chain([
                    LayerPart("sum", Rescaling(scale: 1, offset: 1)), LayerPart(ElementwiseFunction(.logarithm)),
                ]))
        },
        LayerEntry(name: "ops.sign", training: .stops) { _ in function(.sign) },
        LayerEntry(name: "ops.floor", training: .stops) { _ in function(.floor) },
        LayerEntry(name: "ops.sin") { _ in function(.sine) },
        LayerEntry(name: "ops.cos") { _ in function(.cosine) },
        LayerEntry(name: "ops.erf") { _ in function(.errorFunction) },
        LayerEntry(name: "ops.normalize") { settings in
            let axis = settings.integer("axis", default: -1, in: -16...16)
            settings.require("order", 2)
            // y = x / max(‖x‖, epsilon), with Keras's epsilon of numbers if none is given
            let epsilon = settings.number("epsilon", default: 1e-7)
            return unmasked(along([axis], RowScaling(.length, epsilon: epsilon * epsilon)))
        },
        LayerEntry(name: "ops.logsumexp") { reduce(.logSumExp, &$0) },
        LayerEntry(name: "ops.var") { spread(&$0, root: false) },
        LayerEntry(name: "ops.std") { spread(&$0, root: true) },
        LayerEntry(name: "ops.norm") { settings in
            settings.require("ord", .null, or: 2)
            guard let sum = reduction(.sum, &settings) else { return [] }
            // Keras on JAX takes no list of one axis here.
            if sum.axes.count == 1 { settings.write(.integer(sum.axes[0]), to: "axis") }
            return unmasked(
                LayerPart.chain([
                    LayerPart("squares", ElementwiseFunction(.square)), LayerPart("sum", sum),
                    LayerPart(ElementwiseFunction(.squareRoot)),
                ]))
        },
    ]
}

// MARK: - Parts of tensors

extension LayerCatalog {
    /// The option `axis`, which is not that of the examples; nil after a problem.
    private static func axis(_ settings: inout LayerSettings, default fallback: Int? = nil) -> Int? {
        let axis = settings.integer("axis", default: fallback, in: -16...16)
        refuseExamples([axis], &settings)
        return axis == 0 ? nil : axis
    }

    private static func refuseExamples(_ axes: [Int], _ settings: inout LayerSettings) {
        if axes.contains(0) { settings.fail("option 'axis': works along the examples, which stay what they are") }
    }

    private static func item(_ settings: inout LayerSettings) -> [LayerPart] {
        settings.know(["key"])
        guard let json = settings.options["key"], let key = SliceKey(json) else {
            settings.fail(
                "takes the key \(settings.options["key"] ?? .null); only numbers, slices, '...' and None are supported"
            )
            return []
        }
        settings.write(json, to: "key")
        switch key.entries.first {
        case .slice(start: nil, stop: nil, step: 1), .ellipsis, nil: break
        default:
            settings.fail("takes some of the examples, which stay together. Begin with ':', as in x[:, 0]")
            return []
        }
        let cut = key.entries.firstIndex { if case .ellipsis = $0 { true } else { false } }
        let front = key.entries[..<(cut ?? key.entries.count)].dropFirst()
        let back = cut.map { key.entries[($0 + 1)...] } ?? []
        guard !back.contains(where: { if case .ellipsis = $0 { true } else { false } }) else {
            settings.fail("has two '...' in its brackets")
            return []
        }
        var change = ItemChange()
        for entry in front { change.add(entry, forwards: true) }
        change.restart()
        for entry in back.reversed() { change.add(entry, forwards: false) }
        return change.parts
    }

    /// What brackets do to the axes behind that of the examples, from one end and then from the other.
    private struct ItemChange {
        private var rules: [(axis: Int, rule: AxisSelection.Rule)] = []
        private var removed: [Int] = []
        private var inserted: [Int] = []
        /// How many axes of the input and of the result there were.
        private var source = 0, result = 0

        mutating func restart() { (source, result) = (0, 0) }

        mutating func add(_ entry: SliceKey.Entry, forwards: Bool) {
            let sign = forwards ? 1 : -1
            switch entry {
            case .ellipsis: break
            case .newAxis:
                result += 1
                inserted.append(sign * result)
            case .index(let place):
                source += 1
                rules.append((axis: sign * source, rule: .places([place])))
                removed.append(sign * source)
            case .slice(let start, let stop, let step):
                source += 1
                result += 1
                if start != nil || stop != nil || step != 1 {
                    rules.append((axis: sign * source, rule: .slice(start: start, stop: stop, step: step)))
                }
            }
        }

        var parts: [LayerPart] {
            var parts: [LayerPart] = rules.isEmpty ? [] : [LayerPart("places", AxisSelection(rules))]
            if !removed.isEmpty { parts.append(LayerPart("axes", UnitAxes(.remove(removed)))) }
            for (index, axis) in inserted.enumerated() {
                parts.append(LayerPart("axis_\(index)", UnitAxes(.insert(axis))))
            }
            if parts.isEmpty { parts = [LayerPart(Identity())] }
            parts[parts.count - 1].suffix = ""
            parts[parts.count - 1].masks = .dropped
            return LayerPart.chain(parts)
        }
    }

    private static func split(_ settings: inout LayerSettings) -> [LayerPart] {
        guard let axis = axis(&settings, default: 0) else { return [] }
        let rules: [AxisSelection.Rule]
        if settings.options["indices_or_sections"]?.array == nil {
            let count = settings.integer("indices_or_sections", in: 1...10_000)
            rules = (0..<count).map { .part($0, of: count) }
        } else {
            let ends = settings.integers("indices_or_sections", most: 10_000)
            rules = zip([0] + ends, ends.map { $0 as Int? } + [nil]).map { .slice(start: $0, stop: $1) }
        }
        return rules.enumerated().map { index, rule in
            var part = LayerPart(index == 0 ? "" : "part_\(index)", AxisSelection([(axis: axis, rule: rule)]))
            part.isResult = true
            return part
        }
    }

    private static func pad(_ settings: inout LayerSettings) -> [LayerPart] {
        let word = settings.word("mode", default: "constant", of: AxisSelection.Edge.allCases.map(\.rawValue))
        let fill = settings.number("constant_values", default: 0)
        settings.know(["pad_width"])
        let limit = 0...LayerSettings.largestInteger
        let pairs = (settings.options["pad_width"]?.array ?? []).map { pair in
            (pair.array ?? []).compactMap(\.integer).filter(limit.contains)
        }
        guard !pairs.isEmpty, pairs.allSatisfy({ $0.count == 2 }), pairs[0] == [0, 0] else {
            settings.fail(
                "option 'pad_width': expected two numbers for each axis, none but 0 for that of the examples, found "
                    + "\(settings.options["pad_width"] ?? .null)")
            return []
        }
        settings.write(settings.options["pad_width"] ?? .null, to: "pad_width")
        settings.enlarge(by: pairs.joined().max() ?? 1)
        let edge = AxisSelection.Edge(rawValue: word) ?? .constant
        let rules = pairs.enumerated().dropFirst().filter { $0.element != [0, 0] }
        return [
            LayerPart(
                AxisSelection(
                    rules.map { (axis: $0.offset, rule: .padded(before: $0.element[0], after: $0.element[1], edge)) },
                    fill: fill))
        ]
    }
}

// MARK: - Conditions and identities

extension LayerCatalog {
    /// A constant is the same for every example: its term gets their letter, `bij,jk->bik` becomes `bij,bjk->bik`.
    private static func einsum(_ settings: inout LayerSettings) -> [LayerPart] {
        let names = ["x1", "x2"], (constants, inputs) = constants(names, &settings)
        var terms = settings.text("subscripts").filter { $0 != " " }.split(
            separator: ",", maxSplits: 1, omittingEmptySubsequences: false
        ).map(String.init)
        if terms.count == 2, constants.count == 1 {
            let place = settings.options["x1"]?.isNull == false ? 0 : 1
            terms[place] = String(terms[1 - place].prefix(1)) + terms[place]
        }
        return constants + [LayerPart("", Einsum(terms.joined(separator: ",")), inputs: inputs)]
    }

    /// Constants as parts of their own, and what an operation reads with them.
    private static func constants(
        _ names: [String], _ settings: inout LayerSettings
    ) -> ([LayerPart], inputs: [LayerPart.Input]) {
        settings.know(names)
        var parts: [LayerPart] = [], inputs: [LayerPart.Input] = [], position = 0
        for name in names {
            if settings.options[name]?.isNull == false {
                let (shape, numbers) = settings.array(name)
                let constant = ConstantInput(numbers: numbers, shape: shape, isFirst: false)
                inputs.append(.part(parts.count))
                parts.append(LayerPart(name, constant.layer, inputs: [.positions(0..<1)]))
            } else {
                inputs.append(.positions(position..<(position + 1)))
                position += 1
            }
        }
        return (parts, inputs)
    }

    private static func choice(_ settings: inout LayerSettings) -> [LayerPart] {
        let (constants, inputs) = constants(["condition", "x1", "x2"], &settings)
        return constants + [LayerPart("", Choice(), inputs: inputs)]
    }

    /// Whether anything is not 0, or everything, along some axes.
    private static func truth(_ kind: Reduction.Kind, _ settings: inout LayerSettings) -> [LayerPart] {
        guard let reduction = reduction(kind, &settings) else { return [] }
        return unmasked(
            LayerPart.chain([
                LayerPart("false", ElementwiseFunction(.isZero)), LayerPart("true", ElementwiseFunction(.isZero)),
                LayerPart(reduction),
            ]))
    }

    /// Numbers in another form are the same numbers here, unless whole ones are asked for.
    private static func cast(_ settings: inout LayerSettings) -> [LayerPart] {
        let type = settings.text("dtype", default: "float32")
        if type.contains("float") { return same(&settings) }
        if type == "bool" {
            return unmasked(
                LayerPart.chain([
                    LayerPart("false", ElementwiseFunction(.isZero)), LayerPart(ElementwiseFunction(.isZero)),
                ]))
        }
        guard ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"].contains(type) else {
            settings.fail("option 'dtype': expected a type of numbers, found \(type)")
            return []
        }
        return function(.truncated)
    }

    private static func same(_ settings: inout LayerSettings) -> [LayerPart] {
        settings.offer("Activation", ["activation": "linear"])
        var part = LayerPart(Identity())
        part.masks = .dropped
        return [part]
    }

    /// The mean square of the distances from the mean, or its root.
    private static func spread(_ settings: inout LayerSettings, root: Bool) -> [LayerPart] {
        guard let mean = reduction(.mean, &settings, keepsDimensions: true), let last = reduction(.mean, &settings)
        else { return [] }
        let parts = [
            LayerPart("mean", mean), LayerPart("distance", Merge(.subtract), inputs: [.all, .part(0)]),
            LayerPart("square", ElementwiseFunction(.square), inputs: [.part(1)]),
            LayerPart("", last, inputs: [.part(2)]),
        ]
        guard root else { return unmasked(parts) }
        return unmasked(
            parts.dropLast() + [
                parts[3].named("variance"), LayerPart("", ElementwiseFunction(.squareRoot), inputs: [.part(3)]),
            ])
    }
}

extension LayerPart {
    /// The same part by another name.
    fileprivate func named(_ suffix: String) -> LayerPart {
        var part = self
        part.suffix = suffix
        return part
    }
}
