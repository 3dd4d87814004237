import Foundation

/// The slow twin of the kernel, in double precision.
public func softmax(_ z: [Double]) -> [Double] {
    let largest = z.max() ?? 0, e = z.map { exp($0 - largest) }, sum = e.reduce(0, +)
    return e.map { $0 / sum }
}

/// The slow twin of the kernel, in double precision.
public func sigmoid(_ z: Double) -> Double { 1 / (1 + exp(-z)) }
