import CMPI
import Foundation

/// The processes that a launcher of MPI has started, `mpirun -n 8` or `srun`.
///
/// The library is the user's own, opened at run time and only where a launcher has started this process: a plain run
/// neither needs nor touches it. MPI moves bytes and computes nothing.
public struct MPI: Peers {
    public let rank: Int
    public let count: Int
    public let means: String

    /// What a launcher says to each process that it starts.
    public struct Launch: Hashable, Sendable {
        /// How many processes it has started, and which of them this is.
        public let count: Int
        public let rank: Int
        /// The variable that says so.
        let variable: String
        /// The names of libraries, the likely one first.
        let libraries: [String]

        private static let openMPI = "libmpi.so.40", mpich = "libmpi.so.12", standard = "libmpi_abi.so.1"

        /// - Returns: nil where no launcher has started this process, or it alone.
        public init?(_ environment: [String: String]) {
            for (size, rank, libraries) in [
                ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", [Self.openMPI, Self.standard]),
                ("PMI_SIZE", "PMI_RANK", [Self.mpich, Self.standard]),
                ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID", [Self.openMPI, Self.mpich, Self.standard]),
            ] {
                guard let number = environment[size].flatMap({ Int($0) }), number > 1 else { continue }
                (count, variable) = (number, size)
                self.rank = environment[rank].flatMap { Int($0) } ?? 0
                self.libraries = environment["COMPRESS_MPI_LIBRARY"].map { [$0] } ?? libraries
                return
            }
            return nil
        }
    }

    /// Opens the library, and waits for the others.
    ///
    /// - Throws: `MPIError` where there is none, or it knows of another number of processes than the launcher.
    public init(_ launch: Launch) throws(MPIError) {
        var world = cmpi_world(), message = [CChar](repeating: 0, count: Int(CMPI_MESSAGE_SIZE))
        guard unsafe cmpi_start(launch.libraries.joined(separator: ":"), &world, &message) == 0 else {
            let bytes = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            throw MPIError(launch, .noLibrary(String(decoding: bytes, as: UTF8.self)))
        }
        (rank, count) = (Int(world.rank), Int(world.count))
        means = unsafe withUnsafeBytes(of: &world.library) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        // N programs that each believe to be alone would write the same files.
        guard count == launch.count else { throw MPIError(launch, .otherCount(count, means)) }
    }

    public func exchange<Number: BitwiseCopyable>(
        _ out: Span<Number>, to: Int, _ into: inout MutableSpan<Number>, from: Int
    ) {
        unsafe out.withUnsafeBytes { out in
            unsafe into.withUnsafeMutableBytes { into in
                unsafe cmpi_exchange(
                    out.baseAddress, out.count, Int32(to), into.baseAddress, into.count, Int32(from))
            }
        }
    }

    public func abort(_ code: Int32) { cmpi_abort(code) }

    public func end() { cmpi_end() }
}

/// Why processes that were started together cannot work together.
public struct MPIError: Error, CustomStringConvertible {
    enum Reason: Hashable {
        case noLibrary(String)
        case otherCount(Int, String)
    }

    private let launch: MPI.Launch
    private let reason: Reason

    init(_ launch: MPI.Launch, _ reason: Reason) { (self.launch, self.reason) = (launch, reason) }

    public var description: String {
        let start = "a launcher has started \(launch.count) processes (\(launch.variable)), "
        switch reason {
        case .noLibrary(let words):
            return start
                + "and no library of MPI can be used (\(launch.libraries.joined(separator: ", "))): \(words). Install it, "
                + "or name it in COMPRESS_MPI_LIBRARY"
        case .otherCount(let count, let library):
            return start
                + "but '\(library)' knows of \(count): use the launcher of that library, or name the launcher's library in "
                + "COMPRESS_MPI_LIBRARY"
        }
    }
}
