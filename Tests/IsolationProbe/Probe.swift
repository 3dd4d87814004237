import Foundation
import Isolation

/// A program that asks services to do harm, and prints what came of it, a line for each: what the tests of Isolation run,
/// since a test process has many threads.
@main
enum Probe {
    static let services: [String: Isolation.Service] = [
        "echo": { request, _ in request },
        "crash": { _, _ in
            raise(SIGSEGV)
            return []
        },
        "exit": { _, _ in exit(3) },
        "hang": { _, _ in
            while getpid() != 0 {}
            return []
        },
        "eat": { _, _ in
            // More than the limit, and less than any machine has.
            let memory = mmap(nil, 300 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            return Array((memory == MAP_FAILED ? "refused" : "granted").utf8)
        },
        "open": { _, _ in
            let before = open("/dev/null", O_RDONLY)
            Isolation.closeDoors()
            return Array("\(before >= 0) \(open("/dev/null", O_RDONLY) >= 0)".utf8)
        },
        "share": { request, shared in
            guard let shared else { return [] }
            let written = pwrite(shared.descriptor, request, request.count, 0)
            return Array("\(written)".utf8)
        },
        "talk": { _, _ in
            print("nobody hears this")
            return Array(repeating: 7, count: 1 << 20)
        },
    ]

    static func main() {
        if CommandLine.arguments.count > 1 {
            // Without a server, in this process.
            print(ask("echo", "here"))
            return
        }
        Isolation.start(services)
        for name in ["echo", "crash", "exit", "hang", "eat", "open", "talk", "echo"] { print(ask(name, "hello")) }
        if let memory = try? MemoryFile(byteCount: 16) {
            print(ask("share", "seen", memory))
            var bytes = [UInt8](repeating: 0, count: 4)
            pread(memory.descriptor, &bytes, 4, 0)
            print(String(decoding: bytes, as: UTF8.self))
        }
    }

    static func ask(_ name: String, _ text: String, _ shared: MemoryFile? = nil) -> String {
        do throws(IsolationError) {
            let limits = Isolation.Limits(seconds: 1, memory: 64 << 20)
            let bytes = try Isolation.run(name, Array(text.utf8), shared: shared, limits: limits) { request, _ in
                request
            }
            return bytes.count > 100 ? "\(bytes.count) bytes" : String(decoding: bytes, as: UTF8.self)
        } catch {
            return "\(error)"
        }
    }
}
