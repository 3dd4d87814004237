public import Datasets
import Kernels
import Tensors
public import Testing
public import Training

/// What an objective says of the logits of a batch: the mean of each term, and the gradient of their sum.
public func evaluateObjective(
    _ objective: some Objective<TrainingBatch>, _ logits: [[Double]], on batch: ExampleBatch, progress: Double = 0
) -> (terms: [Double], gradient: [[Double]]) {
    evaluateObjective(objective, logits, on: TrainingBatch(batch), progress: progress)
}

/// The same of a batch as it is trained on.
public func evaluateObjective<Examples: Batch>(
    _ objective: some Objective<Examples>, _ logits: [[Double]], on batch: Examples, progress: Double = 0
) -> (terms: [Double], gradient: [[Double]]) {
    let count = logits.count, classes = logits[0].count
    let memory = Buffer(zeros: 2 * count * classes), shape: Shape = [classes]
    let z = memory.tensor(count: count, shape: shape)
    let gradient = memory.tensor(at: count * classes, count: count, shape: shape)
    z.copy(from: logits.flatMap { $0.map { Float($0) } })
    // An objective writes its gradient, whatever was there.
    gradient.fill(with: .nan)
    let sums = objective.evaluate(
        z, taps: [], batch, 0..<count, progress: progress, scale: 1 / Float(count), gradient: gradient,
        kernels: KernelContext())
    let values = gradient.values.map { Double($0) }
    return (
        sums.map { $0 / Double(count) },
        (0..<count).map { Array(values[($0 * classes)..<(($0 + 1) * classes)]) }
    )
}

/// Expects numbers within 1e-6, relative where they are larger than 1.
public func expectClose(
    _ found: Double, _ expected: Double, tolerance: Double = 1e-6, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(abs(found - expected) <= tolerance * max(1, abs(expected)), sourceLocation: sourceLocation)
}

public func expectClose(
    _ found: [Double], _ expected: [Double], tolerance: Double = 1e-6, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(found.count == expected.count, sourceLocation: sourceLocation)
    for (found, expected) in zip(found, expected) {
        expectClose(found, expected, tolerance: tolerance, sourceLocation: sourceLocation)
    }
}

public func expectClose(
    _ found: [[Double]], _ expected: [[Double]], tolerance: Double = 1e-6,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    expectClose(
        found.flatMap(\.self), expected.flatMap(\.self), tolerance: tolerance, sourceLocation: sourceLocation)
}
