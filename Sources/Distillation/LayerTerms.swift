import ModelFiles
import Networks
import Tensors

/// The terms of a loss that compare layers, connected to the networks (`FeatureLoss`): nodes at the student's layers whose
/// values the objective sees, and nodes at a teacher's layers that give their targets.
struct LayerTerms {
    /// One term: which of the student's taps it sees, and which values of which teacher.
    struct Place: Hashable, Sendable {
        let term: Int
        let taps: Range<Int>
        let teacher: Int
        let values: Range<Int>
    }

    /// The student's graph with the taps.
    private(set) var student: LayerGraph
    /// For each teacher whose layers are compared, its graph, and the values wanted of it.
    private(set) var teachers: [Int: (graph: LayerGraph, values: [LayerGraph.Value])] = [:]
    private(set) var places: [Place] = []

    private let studentName: String
    private let built: BuiltArchitecture
    private var problems: [String] = []

    /// - Parameter teacher: The layers of a teacher; nil for one that has none.
    /// - Throws: `LossError` with everything that does not fit.
    init(
        _ terms: [LossTerm], student built: BuiltArchitecture, teachers names: [String],
        teacher open: (Int) -> BuiltArchitecture?
    ) throws {
        self.built = built
        student = built.graph
        studentName = built.architecture.name
        for (index, term) in terms.enumerated() {
            let pairs = term.measure.pairs
            guard !pairs.isEmpty else { continue }
            // Which one is meant has been made sure of: `CompressionRequest.refuseUnclearTeachers`.
            guard let teacher = term.teacher.map(names.firstIndex(of:)) ?? 0 else { continue }
            guard let architecture = open(teacher) else {
                problems.append(
                    "loss '\(term.loss.name)': the teacher '\(names[teacher])' has predictions, and no layers")
                continue
            }
            var (graph, values) = teachers[teacher] ?? (architecture.graph, [])
            let firstTap = student.taps.count, firstValue = values.count
            for (number, pair) in pairs.enumerated() {
                add(pair, term, "\(index) \(number)", architecture, names[teacher], &graph, &values)
            }
            graph.finish(outputs: graph.outputs, logits: graph.logits, head: graph.head)
            teachers[teacher] = (graph, values)
            places.append(
                Place(
                    term: index, taps: firstTap..<student.taps.count, teacher: teacher,
                    values: firstValue..<values.count))
        }
        if !problems.isEmpty { throw LossError(problems: problems) }
        for (teacher, item) in teachers {
            var graph = item.graph
            graph.finish(outputs: graph.outputs + item.values, logits: graph.logits, head: graph.head)
            teachers[teacher] = (graph, item.values)
        }
    }

    private mutating func add(
        _ pair: [LossTerm.LayerPair], _ term: LossTerm, _ suffix: String, _ teacher: BuiltArchitecture,
        _ teacherName: String, _ graph: inout LayerGraph, _ values: inout [LayerGraph.Value]
    ) {
        guard let loss = term.loss.feature else { return }
        let of = "loss '\(term.loss.name)'"
        func find(_ name: String, in model: BuiltArchitecture, _ owner: String) -> LayerGraph.Value? {
            if let value = model.value(of: name) { return value }
            problems.append("\(of): \(owner) has no layer '\(name)'\(didYouMean(name, model.layerNames))")
            return nil
        }
        let mine = pair.map { find($0.student, in: built, "the student '\(studentName)'") }.compactMap(\.self)
        let other = pair.map { find($0.teacher, in: teacher, "the teacher '\(teacherName)'") }.compactMap(\.self)
        guard mine.count == pair.count, other.count == pair.count else { return }
        do {
            let names = FeatureNames(
                pair: suffix, adapter: "\(teacherName) \(pair[0].student) \(pair[0].teacher)")
            let (learned, given) = try loss.connect(mine, in: &student, other, in: &graph, names: names)
            let (found, wanted) = (student.shape(of: learned), graph.shape(of: given))
            guard found == wanted else {
                problems.append(mismatch(of, loss.needs(found), pair, wanted, teacherName))
                return
            }
            student.tap(learned)
            values.append(given)
        } catch {
            let layers = pair.map { "'\($0.student)' and '\($0.teacher)'" }.joined(separator: ", ")
            problems.append("\(of): \(layers): \(error)")
        }
    }

    private func mismatch(
        _ of: String, _ found: String, _ pair: [LossTerm.LayerPair], _ wanted: Shape, _ teacher: String
    ) -> String {
        let mine = pair.map(\.student).joined(separator: " → "), other = pair.map(\.teacher).joined(separator: " → ")
        return "\(of): '\(mine)' of the student gives \(found); '\(other)' of '\(teacher)' gives \(wanted)"
    }
}

/// A loss that the labels, the student or a teacher does not allow.
public struct LossError: Error, CustomStringConvertible {
    public let problems: [String]
    public var description: String { problems.joined(separator: "\n") }
}
