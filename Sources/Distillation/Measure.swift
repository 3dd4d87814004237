import Foundation
import Tensors

/// The most memory the process has had.
///
/// Where the system has it, as its own file shows: what `getrusage` says is at least what the process had that started
/// this one.
func peakMemory() -> ByteCount {
    let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    if let line = status?.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
        let kibibytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int($0) })
    {
        return ByteCount(kibibytes * 1024)
    }
    var usage = rusage()
    unsafe getrusage(__rusage_who_t(Int32(RUSAGE_SELF.rawValue)), &usage)
    return ByteCount(usage.ru_maxrss * 1024)
}
