import Foundation
import Tensors
import Training

/// The mean cross-entropy of probabilities, or binary cross-entropy summed over classes.
func crossEntropy(_ probabilities: Tensor, labels: Tensor, task: Task) -> Double {
    var sum = 0.0
    for index in 0..<labels.elementCount {
        let p = min(max(Double(probabilities[index]), 1e-12), 1 - 1e-12)
        if labels[index] > 0 { sum -= log(p) } else if task == .manyLabels { sum -= log1p(-p) }
    }
    return sum / Double(max(labels.rowCount, 1))
}

/// The most memory the process has had, in bytes.
func peakMemory() -> ByteCount {
    var usage = rusage()
    unsafe getrusage(__rusage_who_t(Int32(RUSAGE_SELF.rawValue)), &usage)
    return ByteCount(usage.ru_maxrss * 1024)
}
