import Datasets
import Foundation
import Tensors
import Training

/// The mean cross-entropy of probabilities, or binary cross-entropy summed over classes.
func crossEntropy(_ probabilities: Tensor, labels: Tensor, labelKind: LabelKind) -> Double {
    var sum = 0.0
    for index in 0..<labels.elementCount {
        let p = min(max(Double(probabilities[index]), 1e-12), 1 - 1e-12)
        if labels[index] > 0 { sum -= log(p) } else if labelKind == .multilabel { sum -= log1p(-p) }
    }
    return sum / Double(max(labels.rowCount, 1))
}

/// The most memory the process has had.
///
/// Where the system has it, as its own file says: what `getrusage` says is at least what the process had that started
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
