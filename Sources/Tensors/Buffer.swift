#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A fixed-size block of floats with a single owner, aligned for vector instructions.
///
/// Fresh memory is zero. Large blocks come straight from the system in whole pages that are touched when first used.
@safe public struct Buffer: ~Copyable, @unchecked Sendable {
    public let count: Int
    @usableFromInline let base: UnsafeMutablePointer<Float>

    public init(zeros count: Int) {
        precondition(count >= 0, "a buffer cannot have \(count) elements")
        self.count = count
        let byteCount = max(count, 1) * MemoryLayout<Float>.stride
        let memory = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
            preconditionFailure("the system has no \(byteCount) bytes of memory left")
        }
        unsafe base = memory.bindMemory(to: Float.self, capacity: max(count, 1))
    }

    deinit { unsafe munmap(base, max(count, 1) * MemoryLayout<Float>.stride) }

    /// All elements as one example of shape (count).
    public var tensor: Tensor { unsafe Tensor(base, count: 1, shape: [count]) }

    /// The `count` examples of `shape` that begin at element `offset`.
    public func tensor(at offset: Int = 0, count: Int = 1, shape: Shape) -> Tensor {
        precondition(offset >= 0 && offset + count * shape.elementCount <= self.count, "a view beyond its buffer")
        return unsafe Tensor(base + offset, count: count, shape: shape)
    }

    @inlinable public subscript(index: Int) -> Float {
        get {
            precondition(index >= 0 && index < count, "index \(index) of a buffer of \(count)")
            return unsafe base[index]
        }
        nonmutating set {
            precondition(index >= 0 && index < count, "index \(index) of a buffer of \(count)")
            unsafe base[index] = newValue
        }
    }
}
