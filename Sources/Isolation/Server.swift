import CIsolation
import Glibc
import Synchronization

/// The process that forks children, seen from the program.
struct Server: Sendable {
    private let socket: Int32

    /// Whether this process is a child that runs a service.
    static let isChild = Atomic(false)

    /// What is asked of the server; beside it go the files of request, response, how it ended, and shared memory.
    private struct Message {
        var service: Int32
        var seconds: Int32
        var memory: Int64
        /// 0 if the last file is only there to be one.
        var isSharing: Int32
        var padding: Int32 = 0
    }

    private static let fileCount = 4

    /// The status of a child that never was; the system's are not negative.
    private static let couldNotFork: Int32 = -1

    private let names: [String]

    /// Forks the server; nil if the system refuses.
    init?(_ services: [String: Isolation.Service]) {
        var ends: [Int32] = [0, 0]
        guard unsafe socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            return nil
        }
        names = services.keys.sorted()
        socket = ends[0]
        switch isolation_fork() {
        case 0:
            close(ends[0])
            Self.serve(ends[1], names.compactMap { services[$0] })
        case 1...: close(ends[1])
        default:
            close(ends[0])
            close(ends[1])
            return nil
        }
    }

    // MARK: In the program

    func run(
        _ name: String, _ bytes: [UInt8], _ shared: MemoryFile?, _ limits: Isolation.Limits
    ) throws(IsolationError) -> [UInt8] {
        guard let service = names.firstIndex(of: name) else { preconditionFailure("there is no service '\(name)'") }
        var request = try Pipe(), response = try Pipe(), ending = try Pipe()
        var message = Message(
            service: Int32(service), seconds: Int32(limits.seconds), memory: Int64(limits.memory),
            isSharing: shared == nil ? 0 : 1)
        let files = [
            request.reading, response.writing, ending.writing, shared?.descriptor ?? request.reading,
        ]
        guard unsafe isolation_send(socket, &message, MemoryLayout<Message>.size, files, Int32(Self.fileCount)) == 0
        else {
            throw .unavailable("the process that was to start it is gone")
        }
        // The child's ends are the only ones now, so that a pipe ends when the child does.
        request.closeReading()
        response.closeWriting()
        ending.closeWriting()
        request.write(bytes)
        request.closeWriting()
        let answer = response.readAll(limit: Isolation.responseLimit)
        // A child that still writes gets no further.
        response.closeReading()
        let bytes = ending.readAll(limit: MemoryLayout<Int32>.size)
        guard bytes.count == MemoryLayout<Int32>.size else {
            throw .unavailable("the process that was to start it is gone")
        }
        let status = bytes.reversed().reduce(Int32(0)) { $0 << 8 | Int32($1) }
        guard status != Self.couldNotFork else { throw .unavailable("it could not be forked") }
        let signal = isolation_signal(status)
        guard signal == 0 else {
            let ranOut = [SIGXCPU, SIGALRM].contains(signal)
            throw ranOut ? .tooSlow(seconds: limits.seconds) : .crashed(signal: Int(signal))
        }
        let code = isolation_exit_code(status)
        guard code == 0 else { throw .exited(code: Int(code)) }
        return answer
    }

    // MARK: In the server

    private static func serve(_ socket: Int32, _ services: [Isolation.Service]) -> Never {
        // Whoever stops the program does it by the program; without it the socket ends, and so does this.
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE] { signal(number, SIG_IGN) }
        // The last words of a broken child are for nobody, and a pipe that we keep open has no end.
        let nowhere = unsafe open("/dev/null", O_RDWR)
        for standard in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] { dup2(nowhere, standard) }
        if nowhere > STDERR_FILENO { close(nowhere) }
        var message = Message(service: 0, seconds: 0, memory: 0, isSharing: 0)
        var files = [Int32](repeating: 0, count: fileCount)
        while unsafe isolation_receive(socket, &message, MemoryLayout<Message>.size, &files, Int32(fileCount)) == 1 {
            let keeper = isolation_fork()
            if keeper == 0 {
                close(socket)
                keep(services[Int(message.service)], message, files)
            }
            if keeper < 0 { report(couldNotFork, to: Pipe(writing: dup(files[2]))) }
            for file in files { close(file) }
            // Those that have ended meanwhile.
            while waitpid(-1, nil, WNOHANG) > 0 {}
        }
        _exit(0)
    }

    /// Runs a child, waits for its end, and says how that was.
    private static func keep(_ service: Isolation.Service, _ message: Message, _ files: [Int32]) -> Never {
        let child = isolation_fork()
        if child == 0 {
            close(files[2])
            work(service, message, files)
        }
        let ending = Pipe(writing: files[2])
        for file in files where file != files[2] { close(file) }
        var status = couldNotFork
        if child > 0 { while unsafe waitpid(child, &status, 0) < 0 && errno == EINTR {} }
        report(status, to: ending)
        _exit(0)
    }

    private static func report(_ status: Int32, to ending: borrowing Pipe) {
        ending.write((0..<4).map { UInt8(truncatingIfNeeded: status >> (8 * $0)) })
    }

    // MARK: In the child

    private static func work(_ service: Isolation.Service, _ message: Message, _ files: [Int32]) -> Never {
        isChild.store(true, ordering: .relaxed)
        let request = Pipe(reading: files[0]), response = Pipe(writing: files[1])
        let shared = message.isSharing == 0 ? nil : MemoryFile(adopting: files[3])
        isolation_limit((shared?.byteCount ?? 0) + Int(message.memory), UInt32(message.seconds))
        response.write(service(request.readAll(limit: Isolation.responseLimit), shared))
        _exit(0)
    }
}
