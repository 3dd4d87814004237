import Kernels
import ModelFiles
import Networks
import Tensors

/// The terms of a loss that compare layers, wired to the networks: nodes at the student's layers whose values the
/// objective sees, and nodes at a teacher's layers that give what these should be.
///
///     fsp         the larger of two layers max-pooled to the smaller one's size, then FlowMatrix (Yim et al., 2017)
///     hint        a Dense layer of the teacher's channels on the student's layer, which learns (Romero et al., 2015)
///     attention   AttentionMap of each layer (Zagoruyko and Komodakis, 2017)
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
    /// For each teacher that is asked for layers, its graph, and the values wanted of it.
    private(set) var teachers: [Int: (graph: LayerGraph, values: [LayerGraph.Value])] = [:]
    private(set) var places: [Place] = []

    private let studentName: String
    private let built: BuiltArchitecture
    private var problems: [String] = []

    /// - Parameter teacher: Opens the architecture of a teacher.
    /// - Throws: `LossError` with everything that does not fit.
    init(
        _ terms: [LossTerm], student built: BuiltArchitecture, teachers names: [String],
        teacher open: (Int) throws -> BuiltArchitecture
    ) throws {
        self.built = built
        student = built.graph
        studentName = built.architecture.name
        var opened: [Int: BuiltArchitecture] = [:]
        for (index, term) in terms.enumerated() {
            let pairs = term.measure.pairs
            guard !pairs.isEmpty else { continue }
            // Which one is meant has been made sure of: `CompressionRequest.refuseUnclearTeachers`.
            guard let teacher = term.teacher.map(names.firstIndex(of:)) ?? 0 else { continue }
            let architecture = try opened[teacher] ?? open(teacher)
            opened[teacher] = architecture
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
        let of = "loss '\(term.kind.rawValue)'"
        func find(_ name: String, in model: BuiltArchitecture, _ owner: String) -> LayerGraph.Value? {
            if let value = model.value(of: name) { return value }
            problems.append("\(of): \(owner) has no layer '\(name)'\(didYouMean(name, model.layerNames))")
            return nil
        }
        let mine = pair.map { find($0.student, in: built, "the student '\(studentName)'") }.compactMap(\.self)
        let other = pair.map { find($0.teacher, in: teacher, "the teacher '\(teacherName)'") }.compactMap(\.self)
        guard mine.count == pair.count, other.count == pair.count else { return }
        do {
            let (learned, given): (LayerGraph.Value, LayerGraph.Value)
            switch term.kind {
            case .fsp:
                learned = try flow(mine[0], mine[1], "fsp \(suffix)", &student)
                given = try flow(other[0], other[1], "fsp \(suffix)", &graph)
            case .attention:
                learned = try student.add(student.freeName("attention \(suffix)"), AttentionMap(), to: mine)
                given = try graph.add(graph.freeName("attention \(suffix)"), AttentionMap(), to: other)
            default:
                let channels = graph.shape(of: other[0]).channels
                // Named by what it learns, it goes on from the first stage to the next wherever the pair stands there.
                let name = student.freeName("hint \(teacherName) \(pair[0].student) \(pair[0].teacher)")
                learned = try student.add(name, Dense(units: channels), to: mine)
                given = other[0]
            }
            let (found, wanted) = (student.shape(of: learned), graph.shape(of: given))
            guard found == wanted else {
                problems.append(mismatch(of, term, pair, found, wanted, teacherName))
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
        _ of: String, _ term: LossTerm, _ pair: [LossTerm.LayerPair], _ found: Shape, _ wanted: Shape,
        _ teacher: String
    ) -> String {
        let mine = pair.map(\.student).joined(separator: " → "), other = pair.map(\.teacher).joined(separator: " → ")
        let what =
            switch term.kind {
            case .fsp: "a matrix of \(found), which needs the same numbers of channels"
            case .attention: "a map of \(found), which needs the same height and width"
            default: "\(found), which needs the same height and width, or as many steps"
            }
        return "\(of): '\(mine)' of the student gives \(what); '\(other)' of '\(teacher)' gives \(wanted)"
    }

    /// Adds the FSP matrix of two layers, whose heights and widths are made equal.
    private func flow(
        _ first: LayerGraph.Value, _ second: LayerGraph.Value, _ name: String, _ graph: inout LayerGraph
    ) throws(ShapeError) -> LayerGraph.Value {
        let a = graph.shape(of: first), b = graph.shape(of: second)
        guard a.rank == 3, b.rank == 3 else {
            throw ShapeError(
                "the flow between layers is that of pictures (height, width, channels), found \(a) and \(b)")
        }
        func pooled(_ value: LayerGraph.Value, _ from: Shape, to size: Shape, _ suffix: String) throws(ShapeError)
            -> LayerGraph.Value
        {
            guard from[0] != size[0] || from[1] != size[1] else { return value }
            guard from[0] % size[0] == 0, from[1] % size[1] == 0 else {
                throw ShapeError("\(from) cannot be pooled to \(size[0]) × \(size[1]), which does not divide it")
            }
            return try graph.add(
                graph.freeName("\(name) \(suffix)"), Pooling2D(.max, poolSize: (from[0] / size[0], from[1] / size[1])),
                to: [value])
        }
        let isFirstLarger = a[0] * a[1] > b[0] * b[1]
        let left = isFirstLarger ? try pooled(first, a, to: b, "first") : first
        let right = isFirstLarger ? second : try pooled(second, b, to: a, "second")
        return try graph.add(graph.freeName(name), FlowMatrix(), to: [left, right])
    }
}

/// A loss that the labels, the student or a teacher does not allow.
public struct LossError: Error, CustomStringConvertible {
    public let problems: [String]
    public var description: String { problems.joined(separator: "\n") }
}
