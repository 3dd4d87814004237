public import Tensors

/// The ensemble's softened predictions for the rows of a split: what the student imitates.
public final class SoftTargets: Sendable {
    public let temperature: Float
    public let task: Task
    public let classCount: Int
    /// Rows × classes: probabilities at the temperature.
    private let probabilities: Buffer
    /// Σ q log q of each row, which makes a cross-entropy a divergence.
    private let negativeEntropies: [Double]
    /// Where each row of the file is in `probabilities`; −1 for rows that are not there.
    private let places: [Int32]

    /// - Parameters:
    ///   - ensemble: Probabilities at `temperature`, one row for each of `rows`.
    ///   - rows: The rows of the file that they belong to.
    public init(_ ensemble: Tensor, rows: [Int], task: Task, temperature: Float) {
        self.temperature = temperature
        self.task = task
        let classes = ensemble.shape.channels
        classCount = classes
        probabilities = Buffer(zeros: ensemble.elementCount)
        probabilities.tensor.copy(from: ensemble)
        var places = [Int32](repeating: -1, count: (rows.max() ?? -1) + 1)
        for (place, row) in rows.enumerated() { places[row] = Int32(place) }
        self.places = places
        negativeEntropies = (0..<rows.count).map { row in
            ensemble.slice(at: row * classes, count: classes).values.reduce(0.0) { sum, q in
                let q = Double(q)
                return sum + logarithmTerm(q) + (task == .manyLabels ? logarithmTerm(1 - q) : 0)
            }
        }
    }

    /// The probabilities of a row of the file.
    public subscript(row: Int) -> Tensor {
        precondition(row < places.count && places[row] >= 0, "row \(row) has no soft targets")
        return probabilities.tensor.slice(at: Int(places[row]) * classCount, count: classCount)
    }

    func negativeEntropy(row: Int) -> Double { negativeEntropies[Int(places[row])] }
}
