import COpenBLAS
public import Tensors

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The libraries that can compute matrix products and convolutions.
public enum KernelLibrary: String, Sendable, CaseIterable {
    /// oneDNN: just-in-time kernels; there when the package trait `OneDNN` is on, as it is by default.
    case oneDNN
    /// OpenBLAS for matrix products, and convolutions through them.
    case openBLAS

    /// The libraries to compute with, the fastest first: those in this build, but for oneDNN where the environment has
    /// `COMPRESS_WITHOUT_ONEDNN`.
    public static let available: [KernelLibrary] = {
        #if OneDNN
            if unsafe getenv("COMPRESS_WITHOUT_ONEDNN") == nil { return [.oneDNN, .openBLAS] }
        #endif
        return [.openBLAS]
    }()
}

/// What one worker needs to run kernels: scratch memory and the compiled kernels of the shapes it has met.
///
/// A context belongs to one thread at a time. It grows while shapes are new and allocates nothing afterwards.
public final class KernelContext {
    public let library: KernelLibrary
    var convolutions: [AnyHashable: AnyObject] = [:]
    private var scratchBlocks: [Scratch] = []
    private var scratchDepth = 0

    public init(library: KernelLibrary = KernelLibrary.available[0]) {
        self.library = library
        limitKernelThreads()
    }

    /// Lends `count` floats, contents undefined, for the duration of `body`. Calls may nest.
    public func withScratch<Result>(_ count: Int, _ body: (Tensor) -> Result) -> Result {
        if scratchDepth == scratchBlocks.count { scratchBlocks.append(Scratch(count)) }
        if scratchBlocks[scratchDepth].buffer.count < count { scratchBlocks[scratchDepth] = Scratch(count) }
        let tensor = scratchBlocks[scratchDepth].buffer.tensor(count: 1, shape: [count])
        scratchDepth += 1
        defer { scratchDepth -= 1 }
        return body(tensor)
    }

    private final class Scratch {
        let buffer: Buffer
        init(_ count: Int) { buffer = Buffer(zeros: count) }
    }
}

/// Keeps the C libraries from starting threads of their own on the calling thread: workers are the only threads.
public func limitKernelThreads() {
    openblas_set_num_threads(1)
    // oneDNN uses OpenMP; its runtime counts threads for each calling thread separately.
    if let symbol = unsafe dlsym(UnsafeMutableRawPointer(bitPattern: 0), "omp_set_num_threads") {
        typealias SetThreadCount = @convention(c) (Int32) -> Void
        unsafe unsafeBitCast(symbol, to: SetThreadCount.self)(1)
    }
}
