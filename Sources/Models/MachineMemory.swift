import Foundation
import Tensors

/// How much memory a process may have here, and who says so.
struct MachineMemory: Equatable {
    let limit: Int
    /// What has the limit: "this machine has".
    let holder: String

    /// The least of what the machine has, its containers allow and the shell's limits allow; nil where none is known.
    ///
    /// - Parameters:
    ///   - root: Where the system's own files are, for tests.
    ///   - addressSpace: What a process maps beside the memory that it fills.
    static func current(root: String = "", addressSpace: Int = 0) -> MachineMemory? {
        let all = [machine(root), unifiedGroup(root), memoryGroup(root), processLimit(root, addressSpace)]
        return all.compactMap(\.self).min { $0.limit < $1.limit }
    }

    private static func lines(_ path: String) -> [Substring] {
        ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n")
    }

    /// Memory and swap.
    private static func machine(_ root: String) -> MachineMemory? {
        let lines = lines("\(root)/proc/meminfo")
        func kibibytes(_ key: String) -> Int? {
            lines.first { $0.hasPrefix(key + ":") }?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap {
                Int($0)
            }
        }
        guard let memory = kibibytes("MemTotal") else { return nil }
        return MachineMemory(limit: (memory + (kibibytes("SwapTotal") ?? 0)) << 10, holder: "this machine has")
    }

    /// The group of a controller, as the process's own file has it: `0::/system.slice`, `4:memory:/docker/1a2b`.
    private static func group(_ root: String, _ isWanted: (Substring) -> Bool) -> Substring? {
        for line in lines("\(root)/proc/self/cgroup") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            if parts.count == 3, isWanted(parts[1]) { return parts[2] }
        }
        return nil
    }

    /// The least limit of a group and of all that it is in. Inside a container the group's path is that of the machine,
    /// and the file system begins at the container's own group.
    private static func least(_ folder: String, _ group: Substring, _ file: String) -> MachineMemory? {
        var path = group, limits: [Int] = []
        while true {
            if let text = lines("\(folder)\(path)/\(file)").first, let limit = Int(text), limit < 1 << 60 {
                limits.append(limit)
            }
            guard let slash = path.lastIndex(of: "/") else { break }
            path = path[..<slash]
        }
        return limits.min().map { MachineMemory(limit: $0, holder: "the container (cgroup) allows") }
    }

    private static func unifiedGroup(_ root: String) -> MachineMemory? {
        group(root) { $0.isEmpty }.flatMap { least("\(root)/sys/fs/cgroup", $0, "memory.max") }
    }

    private static func memoryGroup(_ root: String) -> MachineMemory? {
        group(root) { $0.split(separator: ",").contains("memory") }.flatMap {
            least("\(root)/sys/fs/cgroup/memory", $0, "memory.limit_in_bytes")
        }
    }

    /// `ulimit -v`, of which some goes to what is mapped and not filled.
    private static func processLimit(_ root: String, _ addressSpace: Int) -> MachineMemory? {
        let start = "Max address space"
        guard let line = lines("\(root)/proc/self/limits").first(where: { $0.hasPrefix(start) }),
            let soft = line.dropFirst(start.count).split(separator: " ").first.flatMap({ Int($0) })
        else { return nil }
        return MachineMemory(limit: max(0, soft - addressSpace), holder: "'ulimit -v' allows")
    }
}

/// A run that needs more memory than there is.
public struct MemoryError: Error, CustomStringConvertible {
    let needed: Int
    let memory: MachineMemory
    var advice = trainingAdvice

    public static let trainingAdvice =
        "Choose a smaller --student or --width, a smaller --batch-size or fewer --threads, or a machine with more"
    /// What helps where nothing is trained.
    public static let inferenceAdvice = "Choose fewer --threads, or a machine with more"

    /// What the program itself takes: a job on 1,400 images of 64 pixels was measured to take 75 million bytes.
    public static let base = 72 << 20

    public var description: String {
        "this needs about \(ByteCount(needed).short) of memory, and \(memory.holder) \(ByteCount(memory.limit).short). \(advice)"
    }

    /// Refuses what needs more memory than there is, before any of it is taken.
    ///
    /// - Parameters:
    ///   - needed: The bytes beside those of the program itself.
    ///   - advice: What the user may do.
    public static func check(_ needed: Int, threads: Int, advice: String = inferenceAdvice) throws(MemoryError) {
        guard var error = refusal(of: base + needed, threads: threads) else { return }
        error.advice = advice
        throw error
    }

    /// What a process maps beside the memory that it fills: libraries, and for each thread a stack and what its allocator
    /// keeps free.
    private static func addressSpace(threads: Int) -> Int { 160 << 20 + threads * (8 << 20) }

    /// The error of a plan that does not fit here; nil for one that does.
    public static func refusal(of needed: Int, threads: Int) -> MemoryError? {
        guard let memory = MachineMemory.current(addressSpace: addressSpace(threads: threads)),
            needed > memory.limit
        else { return nil }
        return MemoryError(needed: needed, memory: memory)
    }
}
