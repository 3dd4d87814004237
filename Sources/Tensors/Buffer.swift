import Synchronization

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
/// Tensors that view the block keep its memory, so that a view never outlives what it shows.
public struct Buffer: ~Copyable, Sendable {
    private let memory: Memory

    /// - Parameter inPieces: Whether pieces of it will be used alone, and what lies between them must take no memory.
    public init(zeros count: Int, inPieces: Bool = false) { memory = Memory(count, file: nil, inPieces: inPieces) }

    /// Memory that whoever has the same file sees too, for instance another process.
    ///
    /// - Parameter file: The descriptor of a file of `count` floats or more, which may be closed afterwards.
    public init(sharing file: Int32, count: Int) { memory = Memory(count, file: file) }

    public var count: Int { memory.count }

    /// All elements as one example of shape (count).
    public var tensor: Tensor { unsafe Tensor(memory, memory.base, count: 1, shape: [count]) }

    /// The `count` examples of `shape` that begin at element `offset`.
    public func tensor(at offset: Int = 0, count: Int = 1, shape: Shape) -> Tensor {
        precondition(offset >= 0 && offset + count * shape.elementCount <= self.count, "a view beyond its buffer")
        return unsafe Tensor(memory, memory.base + offset, count: count, shape: shape)
    }

    public subscript(index: Int) -> Float {
        get {
            precondition(index >= 0 && index < count, "index \(index) of a buffer of \(count)")
            return unsafe memory.base[index]
        }
        nonmutating set {
            precondition(index >= 0 && index < count, "index \(index) of a buffer of \(count)")
            unsafe memory.base[index] = newValue
        }
    }
}

/// What happens where the system has no memory left for a block.
///
/// Who plans ahead never comes here; there is no way back, since nothing can go on without the block.
public enum MemoryExhaustion {
    private static let handler = Mutex<(@Sendable (Int) -> Never)?>(nil)

    /// Sets what is done then: `body` receives the number of bytes, and ends the process.
    public static func handle(by body: @escaping @Sendable (Int) -> Never) { handler.withLock { $0 = body } }

    static func report(_ byteCount: Int) -> Never {
        if let body = handler.withLock({ $0 }) { body(byteCount) }
        preconditionFailure("the system has no \(byteCount) bytes of memory left")
    }
}

/// Pages of the system, given back when nobody views them any more.
@safe final class Memory: @unchecked Sendable {
    let count: Int
    let base: UnsafeMutablePointer<Float>

    /// From this size on, memory comes in pages of 2 MiB where the system has them: the processor finds its way in fewer.
    private static let largePages = 16 << 20

    init(_ count: Int, file: Int32?, inPieces: Bool = false) {
        precondition(count >= 0, "a buffer cannot have \(count) elements")
        self.count = count
        let (byteCount, isTooLarge) = max(count, 1).multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
        if isTooLarge { MemoryExhaustion.report(.max) }
        let kind = file == nil ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED
        let memory = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, kind, file ?? -1, 0)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
            MemoryExhaustion.report(byteCount)
        }
        #if os(Linux)
            if inPieces {
                unsafe madvise(memory, byteCount, MADV_NOHUGEPAGE)
            } else if byteCount >= Self.largePages {
                unsafe madvise(memory, byteCount, MADV_HUGEPAGE)
            }
        #endif
        unsafe base = memory.bindMemory(to: Float.self, capacity: max(count, 1))
    }

    deinit { unsafe munmap(base, max(count, 1) * MemoryLayout<Float>.stride) }
}
