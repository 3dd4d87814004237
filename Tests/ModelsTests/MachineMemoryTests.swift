import Foundation
import TestSupport
import Testing

@testable import Models

/// How much memory there is, by the system's own files.
@Suite struct MachineMemoryTests {
    /// Writes files of a system into a folder, and asks there.
    private func memory(_ files: [String: String], addressSpace: Int = 0) throws -> MachineMemory? {
        try withTemporaryFolder { folder in
            for (name, text) in files {
                let url = folder.appending(path: name)
                try FileManager.default.createDirectory(
                    at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
                try text.write(to: url, atomically: true, encoding: .utf8)
            }
            return MachineMemory.current(root: folder.path, addressSpace: addressSpace)
        }
    }

    private let machine = [
        "proc/meminfo": "MemTotal:        1000 kB\nMemFree:          10 kB\nSwapTotal:        24 kB\n",
        "proc/self/limits": "Limit                     Soft Limit           Hard Limit           Units\n"
            + "Max address space         unlimited            unlimited            bytes\n",
    ]

    @Test func isThatOfTheMachine() throws {
        #expect(try memory(machine) == MachineMemory(limit: 1024 << 10, holder: "this machine has"))
        #expect(try memory([:]) == nil)
    }

    /// A group's limit is that of all that it is in.
    @Test func isThatOfTheContainer() throws {
        var files = machine
        files["proc/self/cgroup"] = "0::/jobs/one\n"
        files["sys/fs/cgroup/jobs/one/memory.max"] = "max\n"
        files["sys/fs/cgroup/jobs/memory.max"] = "4096\n"
        #expect(try memory(files) == MachineMemory(limit: 4096, holder: "the container (cgroup) allows"))
        // Inside, the group's own folder is where the file system of groups begins.
        files["sys/fs/cgroup/jobs/memory.max"] = nil
        files["sys/fs/cgroup/memory.max"] = "8192\n"
        #expect(try memory(files)?.limit == 8192)
        files["sys/fs/cgroup/memory.max"] = "max\n"
        #expect(try memory(files)?.holder == "this machine has")
    }

    @Test func isThatOfTheFirstKindOfGroups() throws {
        var files = machine
        files["proc/self/cgroup"] = "5:cpu,memory:/docker/1a2b\n1:name=systemd:/\n"
        files["sys/fs/cgroup/memory/memory.limit_in_bytes"] = "9223372036854771712\n"
        files["sys/fs/cgroup/memory/docker/1a2b/memory.limit_in_bytes"] = "2048\n"
        #expect(try memory(files)?.limit == 2048)
    }

    @Test func isThatOfTheShell() throws {
        var files = machine
        files["proc/self/limits"] = "Max address space         500000               unlimited            bytes\n"
        #expect(try memory(files) == MachineMemory(limit: 500_000, holder: "'ulimit -v' allows"))
        #expect(try memory(files, addressSpace: 400_000)?.limit == 100_000)
        #expect(try memory(files, addressSpace: 600_000)?.limit == 0)
    }

    @Test func saysWhatIsNeededAndWhatThereIs() {
        let error = MemoryError(
            needed: 4_000_000_000_000, memory: MachineMemory(limit: 24_000_000_000, holder: "this machine has"))
        #expect(
            error.description
                == "this needs about 4000 GB of memory, and this machine has 24.0 GB. Choose a smaller --student or --width, a "
                + "smaller --batch-size or fewer --threads, or a machine with more")
    }

    @Test func refusesNothingThatFits() {
        #expect(MemoryError.refusal(of: 1 << 20, threads: 2) == nil)
        #expect(MemoryError.refusal(of: 1 << 60, threads: 2) != nil)
    }
}
