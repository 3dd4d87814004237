import Datasets
import Foundation
import Tensors

/// A teacher's classes in another order than the data's, found from its predictions for held-out examples.
struct ClassOrder: Hashable {
    /// For each of the data's classes the place that it has in the teacher's output.
    let places: [Int]
    /// What the order is called, if it has a name.
    let name: String?
    /// The share of examples whose first class is true with this order, and how many examples it was not learned from.
    let hitRate: Double
    let count: Int

    /// Orders of more classes take too long to find.
    private static let mostClasses = 1024

    /// Finds the order on one half of the examples, and looks at the other half; nil where it is no better than the data's.
    ///
    /// - Parameters:
    ///   - first: The class with the largest logit of each example.
    ///   - names: Those of the data's classes.
    static func found(_ first: [Int], of examples: HeldOutExamples, names: [String]?) -> ClassOrder? {
        let classes = examples.classCount
        guard classes >= 2, classes <= mostClasses else { return nil }
        let rows = RandomKey(seed: 0).permutation(of: first.count)
        let learning = Array(rows.prefix(rows.count / 2)), testing = Array(rows.dropFirst(rows.count / 2))
        func hits(_ places: [Int]) -> [Bool] {
            var meaning = [Int](repeating: 0, count: classes)
            for (label, place) in places.enumerated() { meaning[place] = label }
            return testing.map { examples.hasLabel($0, meaning[first[$0]]) }
        }
        let now = hits(Array(0..<classes))
        func order(_ places: [Int], _ name: String?) -> (order: ClassOrder, hits: [Bool]) {
            let hits = hits(places), rate = Double(hits.count { $0 }) / Double(max(hits.count, 1))
            return (ClassOrder(places: places, name: name, hitRate: rate, count: hits.count), hits)
        }
        // A common order that is as good as the learned one is the likelier one: it has all classes right, rare ones, too.
        var best = order(learned(first, learning, examples), nil)
        for (places, name) in common(classes, names) {
            let other = order(places, name)
            if other.order.hitRate >= best.order.hitRate { best = other }
        }
        return isBetter(best.hits, than: now) ? best.order : nil
    }

    /// The order that most first classes agree with.
    private static func learned(_ first: [Int], _ rows: [Int], _ examples: HeldOutExamples) -> [Int] {
        let classes = examples.classCount
        // How often a class of the data met a place of the output; of equal ones, each class keeps its place.
        var counts = [[Double]](repeating: [Double](repeating: 0, count: classes), count: classes)
        for label in 0..<classes { counts[label][label] = 0.5 }
        for row in rows {
            for label in 0..<classes where examples.hasLabel(row, label) { counts[label][first[row]] += 1 }
        }
        return assignment(counts)
    }

    /// Orders in which files list classes: by their names or numbers as text, and backwards.
    private static func common(_ classes: Int, _ names: [String]?) -> [(places: [Int], name: String)] {
        func places(_ texts: [String]) -> [Int] {
            let sorted = texts.indices.sorted { (texts[$0], $0) < (texts[$1], $1) }
            var places = [Int](repeating: 0, count: classes)
            for (place, label) in sorted.enumerated() { places[label] = place }
            return places
        }
        return [
            (Array((0..<classes).reversed()), "backwards"),
            (places((0..<classes).map(String.init)), "sorted as text: 0, 1, 10, 11, …, 2, as folders with numbers are"),
        ] + (names.map { [(places($0), "in the alphabetical order of their names, as folders are")] } ?? [])
    }
}

/// Whether predictions are right more often than others for the same examples, by no accident (McNemar, 1947), and by so much
/// that it matters.
func isBetter(_ hits: [Bool], than others: [Bool], deviations: Double = TeacherSkill.deviations) -> Bool {
    let gained = Double(zip(hits, others).count { $0 && !$1 }), lost = Double(zip(hits, others).count { !$0 && $1 })
    let wrong = Double(others.count { !$0 })
    return gained - lost >= deviations * (gained + lost).squareRoot() && gained - lost >= 0.2 * wrong && gained > 0
}

/// The column of each row, no two the same, for which the sum is largest: the Hungarian method (Kuhn, 1955) with
/// potentials, n³ steps.
///
/// - Parameter values: A square matrix, by rows.
func assignment(_ values: [[Double]]) -> [Int] {
    let n = values.count
    // Rows and columns count from 1; 0 stands for none.
    var rowPotential = [Double](repeating: 0, count: n + 1), columnPotential = rowPotential
    var rowOf = [Int](repeating: 0, count: n + 1), previous = rowOf
    for row in values.indices {
        rowOf[0] = row + 1
        var column = 0, least = [Double](repeating: .infinity, count: n + 1)
        var isUsed = [Bool](repeating: false, count: n + 1)
        repeat {
            isUsed[column] = true
            let current = rowOf[column]
            var step = Double.infinity, next = 0
            for other in 1..<(n + 1) where !isUsed[other] {
                let cost = -values[current - 1][other - 1] - rowPotential[current] - columnPotential[other]
                if cost < least[other] { (least[other], previous[other]) = (cost, column) }
                if least[other] < step { (step, next) = (least[other], other) }
            }
            for other in 0..<(n + 1) {
                if isUsed[other] {
                    rowPotential[rowOf[other]] += step
                    columnPotential[other] -= step
                } else {
                    least[other] -= step
                }
            }
            column = next
        } while rowOf[column] != 0
        while column != 0 {
            rowOf[column] = rowOf[previous[column]]
            column = previous[column]
        }
    }
    var result = [Int](repeating: 0, count: n)
    for column in 1..<(n + 1) { result[rowOf[column] - 1] = column - 1 }
    return result
}
