/// How long an axis is, or what is computed of such lengths: a number, or a number for each example.
struct ONNXExtent: Hashable {
    var count: Int
    var isPerExample = false

    init(_ count: Int, perExample: Bool = false) { (self.count, isPerExample) = (count, perExample) }
}

/// A value of the graph that is the same for all examples: an initializer, or what is computed of such.
///
/// An axis of examples has the length 1 here. Whole numbers are there; of others, weights among them, it is known how they are
/// computed, and they are when somebody asks for them.
struct ONNXConstant {
    enum Content {
        case whole([ONNXExtent])
        case real(() throws -> [Float])
    }

    let shape: [Int]
    let content: Content
    /// How the file has the numbers, or the first of them.
    private(set) var stored = ONNXTensor.Kind.float32

    /// Numbers of one constant, at most: 2 GiB of float32.
    static let countLimit = 1 << 29
    /// Whole numbers of one constant, at most: shapes, places, tables.
    static let wholeLimit = 1 << 20

    var count: Int { shape.reduce(1, *) }
    var isWhole: Bool { if case .whole = content { true } else { false } }

    private init(_ shape: [Int], _ content: Content) { (self.shape, self.content) = (shape, content) }

    /// The same, from numbers that the file has as `other` has its own.
    private func from(_ other: ONNXConstant) -> ONNXConstant {
        var result = self
        result.stored = other.stored
        return result
    }

    init(_ shape: [Int], whole numbers: [ONNXExtent]) { self.init(shape, .whole(numbers)) }

    init(_ shape: [Int], _ numbers: @escaping () throws -> [Float]) { self.init(shape, .real(numbers)) }

    init(_ tensor: ONNXTensor) throws(ONNXRefusal) {
        switch tensor.kind {
        case .bool, .int32, .int64, .uint64:
            guard tensor.count <= Self.wholeLimit else {
                throw ONNXRefusal("tensor '\(tensor.name)': has \(tensor.count) whole numbers")
            }
            self.init(tensor.shape, whole: tensor.wholes.map { ONNXExtent($0) })
        default: self.init(tensor.shape) { tensor.reals }
        }
        stored = tensor.kind
    }

    /// The numbers, row-major.
    func reals() throws -> [Float] {
        switch content {
        case .real(let numbers): return try numbers()
        case .whole(let extents): return try Self.plain(extents).map { Float($0) }
        }
    }

    /// Whole numbers; those of other constants if they are whole.
    func extents() throws -> [ONNXExtent] {
        guard case .whole(let extents) = content else {
            return try reals().map { number in
                guard let whole = Int(exactly: number.rounded(.towardZero)) else {
                    throw ONNXRefusal("has the number \(number) where a whole one is expected")
                }
                return ONNXExtent(whole)
            }
        }
        return extents
    }

    /// Whole numbers that do not depend on the number of examples.
    func wholes() throws -> [Int] { try Self.plain(extents()) }

    private static func plain(_ extents: [ONNXExtent]) throws -> [Int] {
        guard extents.allSatisfy({ !$0.isPerExample }) else {
            throw ONNXRefusal("computes with the number of examples, which is open")
        }
        return extents.map(\.count)
    }

    static func checked(_ shape: [Int]) throws -> [Int] {
        var count = 1
        for extent in shape {
            let (product, overflows) = count.multipliedReportingOverflow(by: extent)
            guard extent >= 0, !overflows, product <= countLimit else {
                throw ONNXRefusal("makes a constant of the shape \(shape)")
            }
            count = product
        }
        return shape
    }
}

// MARK: - The same numbers in other places

extension ONNXConstant {
    /// The same numbers under other axes.
    func reshaped(_ shape: [Int]) throws -> ONNXConstant {
        guard try Self.checked(shape).reduce(1, *) == count else {
            throw ONNXRefusal("gives a constant \(self.shape) the shape \(shape)")
        }
        return ONNXConstant(shape, content).from(self)
    }

    func transposed(_ order: [Int]) -> ONNXConstant {
        let strides = Self.strides(shape)
        return moved(order.map { shape[$0] }, order.map { strides[$0] }, from: 0)
    }

    /// Axes of 1 repeated.
    func expanded(_ target: [Int]) throws -> ONNXConstant {
        let padded = Array(repeating: 1, count: max(0, target.count - shape.count)) + shape
        let strides = Self.strides(padded)
        let goal = try Self.checked(
            zip(padded, Array(repeating: 1, count: padded.count - target.count) + target).map { old, new in
                guard old == new || old == 1 || new == 1 else {
                    throw ONNXRefusal("repeats \(shape) to fill \(target)")
                }
                return old == 1 ? new : old
            })
        return moved(goal, zip(padded.indices, strides).map { padded[$0] == 1 ? 0 : $1 }, from: 0)
    }

    /// `count` places of an axis, from `start` on, each `step` behind the one before.
    func slice(_ axis: Int, _ start: Int, count: Int, step: Int = 1) -> ONNXConstant {
        var strides = Self.strides(shape), extents = shape
        let offset = start * strides[axis]
        (extents[axis], strides[axis]) = (count, strides[axis] * step)
        return moved(extents, strides, from: offset)
    }

    /// Numbers at strides, in rows.
    private func moved(_ extents: [Int], _ strides: [Int], from offset: Int) -> ONNXConstant {
        switch content {
        case .whole(let numbers): ONNXConstant(extents, whole: Self.gathered(numbers, extents, strides, offset))
        case .real(let numbers):
            ONNXConstant(extents) { Self.gathered(try numbers(), extents, strides, offset) }.from(self)
        }
    }

    private static func strides(_ shape: [Int]) -> [Int] {
        var strides = [Int](repeating: 1, count: shape.count)
        for axis in shape.indices.reversed().dropFirst() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
        return strides
    }

    private static func gathered<Number>(
        _ numbers: [Number], _ extents: [Int], _ strides: [Int], _ offset: Int
    ) -> [Number] {
        let count = extents.reduce(1, *)
        var result: [Number] = [], place = [Int](repeating: 0, count: extents.count), source = offset
        result.reserveCapacity(count)
        for _ in 0..<count {
            result.append(numbers[source])
            for axis in extents.indices.reversed() {
                place[axis] += 1
                source += strides[axis]
                if place[axis] < extents[axis] { break }
                source -= strides[axis] * extents[axis]
                place[axis] = 0
            }
        }
        return result
    }

    /// Constants one behind the other along an axis.
    static func joined(_ parts: [ONNXConstant], axis: Int) throws -> ONNXConstant {
        guard let first = parts.first, first.shape.indices.contains(axis) else { throw ONNXRefusal("joins nothing") }
        var shape = first.shape
        shape[axis] = parts.reduce(0) { $0 + ($1.shape.indices.contains(axis) ? $1.shape[axis] : 0) }
        func others(_ shape: [Int]) -> [Int] { shape.enumerated().filter { $0.offset != axis }.map(\.element) }
        guard parts.allSatisfy({ others($0.shape) == others(shape) && $0.shape.count == shape.count }) else {
            throw ONNXRefusal("joins constants of the shapes \(parts.map(\.shape))")
        }
        let outer = try checked(shape)[..<axis].reduce(1, *)
        let widths = parts.map { $0.shape[axis...].reduce(1, *) }
        func interleaved<Number>(_ all: [[Number]]) -> [Number] {
            (0..<outer).flatMap { row in
                zip(all, widths).flatMap { numbers, width in numbers[(row * width)..<((row + 1) * width)] }
            }
        }
        if parts.allSatisfy(\.isWhole) {
            return ONNXConstant(shape, whole: interleaved(try parts.map { try $0.extents() }))
        }
        return ONNXConstant(shape) { interleaved(try parts.map { try $0.reals() }) }.from(first)
    }
}

// MARK: - Arithmetic

extension ONNXConstant {
    /// A function of every number.
    func mapped(_ function: @escaping (Float) -> Float) -> ONNXConstant {
        ONNXConstant(shape) { [self] in try reals().map(function) }.from(self)
    }

    /// A function of the numbers of two constants, axes of 1 repeated as NumPy does it.
    static func combined(
        _ first: ONNXConstant, _ second: ONNXConstant,
        whole: ((ONNXExtent, ONNXExtent) throws -> ONNXExtent)?, real: ((Float, Float) -> Float)?
    ) throws -> ONNXConstant {
        let x = try first.expanded(second.shape), y = try second.expanded(x.shape)
        if let whole, x.isWhole, y.isWhole {
            return ONNXConstant(x.shape, whole: try zip(x.extents(), y.extents()).map(whole))
        }
        guard let real else { throw ONNXRefusal("computes with constants that are no whole numbers") }
        return ONNXConstant(x.shape) { zip(try x.reals(), try y.reals()).map(real) }.from(first)
    }

    /// (…, M, K) · (K, N).
    static func product(_ x: ONNXConstant, _ y: ONNXConstant) throws -> ONNXConstant {
        guard let k = x.shape.last, y.shape.count == 2, y.shape[0] == k else {
            throw ONNXRefusal("multiplies constants of the shapes \(x.shape) and \(y.shape)")
        }
        let n = y.shape[1], shape = try checked(x.shape.dropLast() + [n])
        return ONNXConstant(shape) {
            let (a, b) = (try x.reals(), try y.reals())
            var result = [Float](repeating: 0, count: shape.reduce(1, *))
            for row in 0..<(n == 0 ? 0 : result.count / n) {
                for inner in 0..<k {
                    let factor = a[row * k + inner]
                    for column in 0..<n { result[row * n + column] += factor * b[inner * n + column] }
                }
            }
            return result
        }
    }
}
