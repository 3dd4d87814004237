/// A block of floats lent by a `Buffer`: `count` examples of one shape, dense, row-major.
///
/// A tensor is a view: writing through it is visible to every other view of the same memory, which lives as long as any
/// of them.
@safe public struct Tensor: @unchecked Sendable {
    /// The number of examples, `B`.
    public let count: Int
    /// The shape of one example.
    public let shape: Shape
    public let base: UnsafeMutablePointer<Float>
    fileprivate let memory: Memory

    init(_ memory: Memory, _ base: UnsafeMutablePointer<Float>, count: Int, shape: Shape) {
        self.memory = memory
        unsafe self.base = base
        self.count = count
        self.shape = shape
    }

    /// All elements of all examples.
    @inlinable public var elementCount: Int { count * shape.elementCount }

    /// Every element but those of the last axis: what a matrix of channels has as rows.
    public var rowCount: Int { count * shape.rowCount }

    @inlinable public subscript(index: Int) -> Float {
        get {
            precondition(index >= 0 && index < elementCount, "index \(index) of a tensor of \(elementCount)")
            return unsafe base[index]
        }
        nonmutating set {
            precondition(index >= 0 && index < elementCount, "index \(index) of a tensor of \(elementCount)")
            unsafe base[index] = newValue
        }
    }

    /// The same memory, seen as `count` examples of `shape`.
    public func viewed(count: Int, shape: Shape) -> Tensor {
        precondition(
            count * shape.elementCount == elementCount, "\(elementCount) elements cannot be \(count) × \(shape)")
        return unsafe Tensor(memory, base, count: count, shape: shape)
    }

    /// `count` elements from `offset` on, as one example.
    public func slice(at offset: Int, count: Int) -> Tensor {
        precondition(offset >= 0 && count >= 0 && offset + count <= elementCount, "a slice beyond its tensor")
        return unsafe Tensor(memory, base + offset, count: 1, shape: [count])
    }

    public func copy(from other: Tensor) {
        precondition(other.elementCount == elementCount, "\(other.elementCount) elements do not fill \(elementCount)")
        if unsafe base != other.base { unsafe base.update(from: other.base, count: elementCount) }
    }

    /// Copies some elements of another tensor to the places from `offset` on; the two may overlap.
    public func copy(_ elements: Range<Int>, of other: Tensor, to offset: Int) {
        precondition(
            elements.lowerBound >= 0 && elements.upperBound <= other.elementCount && offset >= 0
                && offset + elements.count <= elementCount,
            "elements \(elements) of \(other.elementCount) do not fit \(elementCount) from \(offset) on")
        unsafe (base + offset).update(from: other.base + elements.lowerBound, count: elements.count)
    }

    public func fill(_ elements: Range<Int>, with value: Float) {
        precondition(
            elements.lowerBound >= 0 && elements.upperBound <= elementCount,
            "elements \(elements) of a tensor of \(elementCount)")
        unsafe (base + elements.lowerBound).update(repeating: value, count: elements.count)
    }

    public func fill(with value: Float) { unsafe base.update(repeating: value, count: elementCount) }

    public func copy(from values: Span<Float>) {
        precondition(values.count == elementCount, "\(values.count) values do not fill \(elementCount)")
        unsafe values.withUnsafeBufferPointer { values in
            if let source = values.baseAddress { unsafe base.update(from: source, count: values.count) }
        }
    }

    public func copy(from values: some Collection<Float>) {
        precondition(values.count == elementCount, "\(values.count) values do not fill \(elementCount)")
        for (index, value) in values.enumerated() { unsafe base[index] = value }
    }

    /// Lends the elements for reading.
    public func withSpan<Result, Failure: Error>(
        _ body: (Span<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(unsafe UnsafeBufferPointer(start: base, count: elementCount).span)
    }

    /// Lends the elements for reading and writing.
    public func withMutableSpan<Result, Failure: Error>(
        _ body: (inout MutableSpan<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var span = unsafe UnsafeMutableBufferPointer(start: base, count: elementCount).mutableSpan
        return try body(&span)
    }

    /// The elements as an array.
    public var values: [Float] { unsafe Array(UnsafeBufferPointer(start: base, count: elementCount)) }
}

/// A tensor's memory read as a matrix of `rows` × `columns`, whose rows begin `stride` elements apart.
@safe public struct Matrix {
    public let rows: Int, columns: Int, stride: Int
    /// Whether the memory holds the transpose: (columns, rows) with `stride` between its rows.
    public let isTransposed: Bool
    public let base: UnsafeMutablePointer<Float>
    private let memory: Memory

    public init(_ tensor: Tensor, rows: Int, columns: Int, stride: Int? = nil, at offset: Int = 0) {
        let stride = stride ?? columns
        precondition(
            stride >= columns && offset >= 0
                && (rows == 0 || offset + (rows - 1) * stride + columns <= tensor.elementCount),
            "a matrix of \(rows) × \(columns), stride \(stride), at \(offset) does not fit \(tensor.elementCount) elements"
        )
        self.rows = rows
        self.columns = columns
        self.stride = stride
        isTransposed = false
        memory = tensor.memory
        unsafe base = tensor.base + offset
    }

    private init(transposing matrix: Matrix) {
        rows = matrix.columns
        columns = matrix.rows
        stride = matrix.stride
        isTransposed = !matrix.isTransposed
        memory = matrix.memory
        unsafe base = matrix.base
    }

    /// The transpose, without moving anything.
    public var transposed: Matrix { Matrix(transposing: self) }
}

extension Tensor {
    /// One row for each example.
    public var examples: Matrix { Matrix(self, rows: count, columns: shape.elementCount) }

    /// One row for each position, one column for each channel.
    public var rows: Matrix { Matrix(self, rows: rowCount, columns: shape.channels) }
}

extension Tensor {
    /// All elements, or pieces of them from everywhere: 262,144 say within some tenths of a percent what all of them come to.
    public var sample: Tensor {
        let (pieces, length) = (32, 8192)
        guard elementCount > pieces * length else { return self }
        let sample = Buffer(zeros: pieces * length).tensor
        for piece in 0..<pieces {
            let start = (elementCount - length) / (pieces - 1) * piece
            sample.copy(start..<(start + length), of: self, to: piece * length)
        }
        return sample
    }
}
