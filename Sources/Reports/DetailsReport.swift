import ModelFiles
public import Models
import Tensors

/// Where a model's predictions are right and where they are wrong: by class, by how sure they are, and what is taken for what.
public struct DetailsReport: Sendable {
    private let details: PredictionDetails
    private let classNames: [String]?

    /// Rows of tables for people; of more classes those with the lowest F1 are shown.
    private static let most = (classes: 40, pairs: 10)

    public init(_ details: PredictionDetails, classNames: [String]?) {
        (self.details, self.classNames) = (details, classNames)
    }

    private func name(_ label: Int) -> String {
        guard let classNames, classNames.indices.contains(label) else { return "\(label)" }
        return classNames[label]
    }

    /// Tables of the classes and of the most frequent mistakes, and a sentence on calibration.
    public func text(width: Int? = nil) -> String {
        let all = details.classes.indices.filter {
            details.classes[$0].support > 0 || details.classes[$0].predicted > 0
        }
        let isCut = all.count > Self.most.classes
        let shown =
            isCut
            ? Array(
                all.sorted { (details.classes[$0].f1 ?? 0, $0) < (details.classes[$1].f1 ?? 0, $1) }
                    .prefix(Self.most.classes)) : all
        var table = TextTable([
            .init("class", .left), .init("examples"), .init("precision"), .init("recall"), .init("F1"),
        ])
        func cell(_ number: Double?) -> String { number.map { fixed($0, digits: 4) } ?? "—" }
        for index in shown {
            let counts = details.classes[index]
            table.add([
                name(index), grouped(counts.support), cell(counts.precision), cell(counts.recall), cell(counts.f1),
            ])
        }
        let note = isCut ? "\(shown.count) of \(grouped(all.count)) classes, those with the lowest F1 first\n" : ""
        let error =
            "expected calibration error: \(fixed(details.calibrationError, digits: 4)) (\(PredictionDetails.binCount) bins)\n"
        return note + table.text(width: width) + mistakes(width) + "\n" + error
    }

    private func mistakes(_ width: Int?) -> String {
        let pairs = details.mostFrequentConfusions.prefix(Self.most.pairs)
        guard !pairs.isEmpty else { return "" }
        var table = TextTable([.words("class"), .words("taken for"), .init("examples")])
        for pair in pairs { table.add([name(pair.label), name(pair.predicted), grouped(pair.count)]) }
        return "\n" + table.text(width: width)
    }

    /// The keys `classes`, `confusion` and `calibration` of `evaluate --per-class --json`.
    var jsonMembers: [JSON.Object.Member] {
        let classes = details.classes.enumerated().map { index, counts in
            JSON.object(
                JSON.Object(
                    [
                        .init("class", .integer(index)), .init("name", .string(name(index))),
                        .init("examples", .integer(counts.support)), .init("predicted", .integer(counts.predicted)),
                        .init("right", .integer(counts.right)),
                    ] + (counts.json.object?.members ?? [])))
        }
        let confusion = details.confusion(limits: (classes: 200, pairs: 10_000), name)
        return [.init("classes", .array(classes))] + (confusion.map { [.init("confusion", $0)] } ?? [])
            + [.init("calibration", details.calibration)]
    }
}
