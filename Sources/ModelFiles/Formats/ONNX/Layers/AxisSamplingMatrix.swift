import Kernels

extension AxisSampling {
    /// The place that each output is, where it is one as it is; nil where some are made of several.
    var places: [Int]? { taps == 1 && weights.allSatisfy { $0 == 1 } ? first : nil }

    /// The weight of each of so many inputs in each output, output by output.
    func matrix(of inputs: Int) -> [Float] {
        var matrix = [Float](repeating: 0, count: outputCount * inputs)
        for output in 0..<outputCount {
            for tap in 0..<taps where weights[output * taps + tap] != 0 {
                matrix[output * inputs + first[output] + tap] += weights[output * taps + tap]
            }
        }
        return matrix
    }
}
