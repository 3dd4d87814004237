import Tensors

// Other views of the same numbers: only where a layer needs its axes in another order are numbers moved.

extension ONNXImport {
    /// The same value in a tensor of other axes.
    ///
    /// - Parameter groups: Which axes of the tensor each new one is made of, that of the examples first. Those of no group have an
    ///   extent of 1, and are dropped.
    mutating func regroup(_ feature: ONNXFeature, _ groups: [[Int]]) throws -> ONNXFeature {
        let groups = groups.count == 1 ? groups + [[]] : groups, kept = Array(groups.joined())
        var result = feature, order = kept
        order += feature.extents.indices.filter { !kept.contains($0) }
        let moving = order.filter { feature.extents[$0] > 1 }
        let extents = groups.map { group in group.reduce(1) { $0 * feature.extents[$1] } }
        if moving != moving.sorted() {
            let dims = Array(order.dropFirst())
            result = try layer(
                "Permute", ["dims": .array(dims.map { .integer($0) })], result,
                extents: dims.map { feature.extents[$0] })
        }
        if result.extents != extents {
            let target = Array(extents.dropFirst())
            result = try layer(
                "Reshape", ["target_shape": .array(target.map { .integer($0) })], result, extents: target)
        }
        result.axes = feature.regrouped(groups)
        result.extents = extents
        return result
    }

    /// The same value with one of its axes being one of the tensor's.
    mutating func isolated(_ feature: ONNXFeature, _ axis: Int) throws -> ONNXFeature {
        let factors = feature.axes[axis]
        if factors.count == 1 && factors[0] != 0 { return feature }
        guard !factors.contains(0) else { throw ONNXRefusal("works along the examples, which stay by themselves") }
        var groups: [[Int]] = feature.extents.indices.filter { !factors.dropFirst().contains($0) }.map { [$0] }
        guard let first = factors.first, let place = groups.firstIndex(of: [first]) else {
            // An axis of 1.
            var result = try regroup(feature, groups + [[]])
            result.axes[axis] = [groups.count]
            return result
        }
        groups[place] = factors
        return try regroup(feature, groups)
    }

    /// The same value in a tensor whose axes are those of the value in another order.
    ///
    /// - Parameters:
    ///   - axes: Of the value, which are axes of the tensor then, in this order, the last ones of it.
    ///   - isAll: Whether these and the examples are all there is.
    mutating func ordered(_ feature: ONNXFeature, _ axes: [Int], isAll: Bool = false) throws -> ONNXFeature {
        var feature = feature
        for axis in axes { feature = try isolated(feature, axis) }
        let last = axes.map { feature.axes[$0][0] }
        let others = feature.extents.indices.dropFirst().filter {
            !last.contains($0) && (!isAll || feature.extents[$0] > 1)
        }
        return try regroup(feature, [[0]] + others.map { [$0] } + last.map { [$0] })
    }

    /// The same value, its axes those of the tensor.
    mutating func plain(_ feature: ONNXFeature) throws -> ONNXFeature {
        guard feature.axes.first == [0] else {
            throw ONNXRefusal("has the examples elsewhere than in an axis of their own, the first")
        }
        var feature = feature
        for axis in 1..<max(feature.rank, 1) { feature = try isolated(feature, axis) }
        return try regroup(feature, feature.axes)
    }

    // MARK: - Reshaping

    /// The same numbers under other axes.
    ///
    /// - Parameter target: Each may be a number where the examples are, if the file was exported for so many.
    mutating func reshaped(_ feature: ONNXFeature, _ target: [ONNXExtent]) throws -> ONNXFeature {
        let target = try resolved(target, feature)
        var feature = feature
        // Every round splits an axis of the tensor in two; there is nothing to split in the end.
        for _ in 0..<64 {
            switch Grouping(feature, target) {
            case .found(let axes):
                feature.axes = axes
                return feature
            case .needs(let axis, let outer):
                feature = try split(feature, axis, outer)
            case .impossible:
                guard feature.axes.first == [0], feature.rank > 2 else { break }
                feature = try plain(feature)
                feature = try regroup(feature, [[0], Array(1..<feature.extents.count)])
                feature.axes = [[0], [1]]
            }
        }
        throw ONNXRefusal("gives \(words(feature.shape)) the shape \(words(target)), which mixes examples with others")
    }

    private func words(_ shape: [ONNXExtent]) -> String {
        "(\(shape.map { $0.isPerExample ? ($0.count == 1 ? "N" : "\($0.count)·N") : "\($0.count)" }.joined(separator: ", ")))"
    }

    /// Finds out which axis has the examples, and the extent that is left open (−1).
    private func resolved(_ target: [ONNXExtent], _ feature: ONNXFeature) throws -> [ONNXExtent] {
        var target = target, shape = feature.shape
        let open = target.indices.filter { target[$0] == ONNXExtent(-1) }
        guard open.count <= 1, target.enumerated().allSatisfy({ $1.count > 0 || open.contains($0) }) else {
            throw ONNXRefusal("gives \(words(shape)) the shape \(words(target))")
        }
        let known = target.filter { $0.count > 0 }.reduce(1) {
            $0.multipliedReportingOverflow(by: $1.count).partialValue
        }
        let hasExamples = target.contains(where: \.isPerExample)
        let factor = hasExamples ? 1 : examples ?? 0
        if let open = open.first {
            // Either the examples are among the numbers, or they are in the open extent.
            let total = feature.count
            if hasExamples {
                target[open] = ONNXExtent(known > 0 ? total / known : 0)
            } else if let place = place(of: target, in: feature, factor), known % factor == 0, known > 0 {
                target[open] = ONNXExtent(total * factor / known)
                target[place] = ONNXExtent(target[place].count / factor, perExample: true)
            } else {
                target[open] = ONNXExtent(known > 0 ? total / known : 0, perExample: true)
            }
        } else if !hasExamples, let place = place(of: target, in: feature, factor) {
            target[place] = ONNXExtent(target[place].count / factor, perExample: true)
        }
        shape = target
        guard shape.reduce(1, { $0.multipliedReportingOverflow(by: $1.count).partialValue }) == feature.count,
            shape.filter(\.isPerExample).count == 1
        else { throw ONNXRefusal("gives \(words(feature.shape)) the shape \(words(target))") }
        return target
    }

    /// The axis of numbers that holds the examples of a file that was exported for `factor` of them: as much is before it as
    /// before the examples now.
    private func place(of target: [ONNXExtent], in feature: ONNXFeature, _ factor: Int) -> Int? {
        guard factor > 0 else { return nil }
        let before = feature.axes.joined().prefix { $0 != 0 }.reduce(1) { $0 * feature.extents[$1] }
        var product = 1
        for (place, extent) in target.enumerated() {
            if product == before, extent.count > 0, extent.count % factor == 0 { return place }
            guard extent.count > 0, product < before else { return nil }
            product *= extent.count
        }
        return nil
    }

    /// An axis of the tensor becomes two.
    mutating func split(_ feature: ONNXFeature, _ axis: Int, _ outer: Int) throws -> ONNXFeature {
        var extents = feature.extents
        extents.replaceSubrange(axis...axis, with: [outer, extents[axis] / outer])
        let target = Array(extents.dropFirst())
        var result = try layer(
            "Reshape", ["target_shape": .array(target.map { .integer($0) })], feature, extents: target)
        result.axes = feature.axes.map { factors in
            factors.flatMap { $0 < axis ? [$0] : $0 == axis ? [axis, axis + 1] : [$0 + 1] }
        }
        return result
    }

    /// How the axes of a value make up other axes, in their order.
    private enum Grouping {
        case found([[Int]])
        /// An axis of the tensor is to be two, the outer one so long.
        case needs(axis: Int, outer: Int)
        case impossible

        init(_ feature: ONNXFeature, _ target: [ONNXExtent]) {
            var rest = feature.axes.joined().filter { $0 == 0 || feature.extents[$0] > 1 }[...], axes: [[Int]] = []
            for extent in target {
                var group: [Int] = [], count = extent.count, needsExamples = extent.isPerExample
                while count > 1 || needsExamples {
                    guard let factor = rest.first else {
                        self = .impossible
                        return
                    }
                    if factor == 0 {
                        guard needsExamples else {
                            self = .impossible
                            return
                        }
                        needsExamples = false
                    } else if count % feature.extents[factor] == 0 {
                        count /= feature.extents[factor]
                    } else {
                        guard count > 1, feature.extents[factor] % count == 0 else {
                            self = .impossible
                            return
                        }
                        self = .needs(axis: factor, outer: count)
                        return
                    }
                    group.append(factor)
                    rest = rest.dropFirst()
                }
                axes.append(group)
            }
            self = rest.isEmpty ? .found(axes) : .impossible
        }
    }

    // MARK: - Several values

    /// Values in tensors whose axes are in the same order, so that they can be added; axes of 1 where a value has none.
    ///
    /// - Parameter free: The axis that may be of any length in each: where they are joined.
    mutating func aligned(_ features: [ONNXFeature], but free: Int? = nil) throws -> [ONNXFeature] {
        let rank = features.map(\.rank).max() ?? 0
        var features = features.map { feature in
            var feature = feature
            feature.axes = Array(repeating: [], count: rank - feature.rank) + feature.axes
            return feature
        }
        for axis in 0..<rank where axis != free { try unify(&features, axis) }
        // The axes of the tensor, by those of the value and their places there.
        struct Slot: Hashable { let axis, place: Int }
        func slots(_ feature: ONNXFeature) -> [Slot] {
            let named = feature.axes.enumerated().flatMap { axis, factors in
                factors.enumerated().filter { $1 != 0 && feature.shape[axis].count > 1 }.map {
                    ($1, Slot(axis: axis, place: $0))
                }
            }
            return named.sorted { $0.0 < $1.0 }.map(\.1)
        }
        let all = features.map(slots)
        var order = all.max { $0.count < $1.count } ?? []
        for slot in all.joined() where !order.contains(slot) { order.append(slot) }
        let examples = features[0].axes
        var aligned: [ONNXFeature] = []
        for (feature, own) in zip(features, all) {
            let groups = order.map { own.contains($0) ? [feature.axes[$0.axis][$0.place]] : [] }
            var result = try regroup(feature, [[0]] + groups)
            result.axes = (0..<rank).map { axis in
                let width = features.map { $0.axes[axis].count }.max() ?? 0
                return (0..<width).compactMap { place in
                    if examples[axis].indices.contains(place), examples[axis][place] == 0 { return 0 }
                    return order.firstIndex(of: Slot(axis: axis, place: place)).map { $0 + 1 }
                }
            }
            aligned.append(result)
        }
        return aligned
    }

    /// Gives an axis of several values the same factors, or one.
    private mutating func unify(_ features: inout [ONNXFeature], _ axis: Int) throws {
        func structure(_ feature: ONNXFeature) -> [Int] { feature.axes[axis].map { $0 == 0 ? 0 : feature.extents[$0] } }
        var wide = features.indices.filter { features[$0].shape[axis] != ONNXExtent(1) }
        guard Set(wide.map { structure(features[$0]) }).count > 1 else { return }
        for index in wide where features[index].axes[axis].count > 1 {
            features[index] = try isolated(features[index], axis)
        }
        wide.removeAll { features[$0].shape[axis] == ONNXExtent(1) }
        guard Set(wide.map { features[$0].shape[axis] }).count == 1 else {
            throw ONNXRefusal(
                "joins values of the shapes \(features.map { words($0.shape) }.joined(separator: " and "))")
        }
    }

    /// A value, and a constant as it lies beside its tensor.
    ///
    /// The value gets axes of 1 where the constant alone is longer.
    mutating func aligned(
        _ feature: ONNXFeature, _ constant: ONNXConstant
    ) throws -> (feature: ONNXFeature, constant: ONNXConstant, extents: [Int]) {
        let rank = max(feature.rank, constant.shape.count)
        var feature = feature
        feature.axes = Array(repeating: [], count: rank - feature.rank) + feature.axes
        let shape = Array(repeating: 1, count: rank - constant.shape.count) + constant.shape
        for (axis, extent) in shape.enumerated() where extent != 1 {
            let own = feature.shape[axis]
            if own == ONNXExtent(1) {
                if feature.axes[axis].count != 1 { feature = try isolated(feature, axis) }
            } else if own != ONNXExtent(extent) {
                throw ONNXRefusal("joins \(words(feature.shape)) with a constant of \(shape)")
            }
        }
        var extents = feature.extents, factors: [Int] = [], split: [Int] = []
        for (axis, extent) in shape.enumerated() {
            let own = feature.axes[axis].filter { $0 != 0 }
            factors += own
            if extent != 1, own.count == 1 { extents[own[0]] = extent }
            split += own.map { extent == 1 ? 1 : extents[$0] }
        }
        // What belongs to no axis of the value is 1 long.
        for axis in extents.indices.dropFirst() where !factors.contains(axis) {
            factors.append(axis)
            split.append(1)
        }
        let order = extents.indices.dropFirst().compactMap { factors.firstIndex(of: $0) }
        return (feature, try constant.reshaped(split).transposed(order), Array(extents.dropFirst()))
    }
}
