import Datasets
import Tensors

/// How a teacher's classes are matched with the data's.
public enum ClassMatch: Hashable, Sendable {
    /// Both name them, in one order.
    case named
    /// Both name them, in different orders: for each of the data's classes, the place it has in the teacher's output.
    case permuted([Int])
    /// Not both name them; their order is taken to be the data's.
    case assumed

    public var order: [Int]? { if case .permuted(let order) = self { order } else { nil } }

    /// Matches names; where both lists are there, one is the other in some order.
    ///
    /// - Parameter source: Where the teacher's names are, in words.
    /// - Throws: What the differences are, as a sentence about the teacher.
    init(_ names: [String]?, in source: String, with data: ExampleFile) throws(ClassMismatch) {
        if let names {
            guard names.count == data.classCount else {
                throw ClassMismatch(
                    "\(source) has \(grouped(names.count)) name\(names.count == 1 ? "" : "s"), but '\(data.path)' has "
                        + "\(grouped(data.classCount)) classes")
            }
            if let twice = repeated(names) { throw ClassMismatch("\(source) has the class '\(twice)' twice") }
        }
        guard let names, let wanted = data.classNames else {
            self = .assumed
            return
        }
        if let twice = repeated(wanted) { throw ClassMismatch("'\(data.path)' names the class '\(twice)' twice") }
        let places = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) }), known = Set(wanted)
        let unknown = names.filter { !known.contains($0) }, missing = wanted.filter { places[$0] == nil }
        guard missing.isEmpty else {
            throw ClassMismatch(
                "\(source) has \(quoted(unknown)), which '\(data.path)' has not, and lacks \(quoted(missing))")
        }
        let order = wanted.compactMap { places[$0] }
        self = order == Array(order.indices) ? .named : .permuted(order)
    }

    /// Takes the order that the user gives.
    ///
    /// - Throws: A sentence about the teacher, where it does not have the data's number of classes.
    init(order: [Int], with data: ExampleFile) throws(ClassMismatch) {
        guard order.count == data.classCount else {
            throw ClassMismatch(
                "--teacher-classes gives the order of \(grouped(order.count)) classes, but '\(data.path)' has "
                    + "\(grouped(data.classCount))")
        }
        self = .permuted(order)
    }
}

struct ClassMismatch: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension ClassMatch: CustomStringConvertible {
    /// As the plan shows it.
    public var description: String {
        switch self {
        case .named: "by name"
        case .permuted: "reordered"
        case .assumed: "assumed"
        }
    }
}

private func repeated(_ names: [String]) -> String? {
    var seen = Set<String>()
    return names.first { !seen.insert($0).inserted }
}

/// A few names: `'cat', 'dog' and 3 more`.
private func quoted(_ names: [String]) -> String {
    let shown = names.prefix(5).map { "'\($0)'" }.joined(separator: ", ")
    return names.count > 5 ? "\(shown) and \(names.count - 5) more" : shown
}
