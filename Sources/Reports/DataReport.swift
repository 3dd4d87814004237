public import Datasets
import Foundation
public import ModelFiles
import Tensors

/// What is in a file of examples.
public struct DataReport {
    private let file: ExampleFile
    private let survey: DataSurvey

    public init(_ file: ExampleFile, _ survey: DataSurvey) { (self.file, self.survey) = (file, survey) }

    private var classes: Range<Int> { 0..<file.classCount }
    /// Classes that tables have: of more those with the most and with the fewest training examples.
    private static let mostClasses = 40

    private func name(_ label: Int) -> String {
        guard let names = file.classNames, names.indices.contains(label) else { return "\(label)" }
        return names[label]
    }

    public var title: String {
        let labels = file.labelKind == .multilabel ? "multi-label" : "multiclass"
        return "\(file.path): examples of (\(file.exampleShape.map { "\($0)" }.joined(separator: ", "))), "
            + "\(grouped(file.classCount)) classes, \(labels)"
    }

    // MARK: - For people

    public func text(width: Int? = nil) -> String {
        numbers.text(width: width) + "\n" + classTable.text(width: width)
            + notes.map { wrapped($0, width: width, indentation: 2) + "\n" }.joined()
    }

    private var numbers: TextTable {
        var table = TextTable([
            .init("split", .left), .init("examples"), .init("input", .left), .init("shape", .left),
            .init("type", .left),
            .init("min"), .init("max"), .init("mean"), .init("std"),
        ])
        for split in survey.splits {
            for (index, input) in split.inputs.enumerated() {
                func cell(_ number: Double?) -> String { number.map { Self.short($0) } ?? "" }
                let isEmpty = input.average == nil
                table.add([
                    index == 0 ? split.name : "", index == 0 ? grouped(split.count) : "", input.name,
                    "(\(input.shape.map { "\($0)" }.joined(separator: ", ")))", input.type,
                    isEmpty ? "" : Self.short(Double(input.least)), isEmpty ? "" : Self.short(Double(input.greatest)),
                    cell(input.average), cell(input.deviation),
                ])
            }
        }
        return table
    }

    /// Six figures that count.
    private static func short(_ number: Double) -> String { String(format: "%.6g", number) }

    private var shownClasses: [Int] {
        guard classes.count > Self.mostClasses, let train = survey.splits.first else { return Array(classes) }
        let order = classes.sorted { (train.classCounts[$1], $0) < (train.classCounts[$0], $1) }
        return Array(order.prefix(Self.mostClasses / 2) + order.suffix(Self.mostClasses / 2))
    }

    private var classTable: TextTable {
        var table = TextTable([.words("class")] + survey.splits.map { .init($0.name) })
        for (place, label) in shownClasses.enumerated() {
            if classes.count > Self.mostClasses, place == Self.mostClasses / 2 { table.addRule() }
            table.add([name(label)] + survey.splits.map { grouped($0.classCounts[label]) })
        }
        return table
    }

    /// What is worth knowing of labels and lengths, and what is odd.
    private var notes: [String] {
        var notes: [String] = []
        if classes.count > Self.mostClasses {
            notes.append(
                "classes: the \(Self.mostClasses / 2) with the most training examples and the \(Self.mostClasses / 2) "
                    + "with the fewest of \(grouped(classes.count))")
        }
        for split in survey.splits {
            if let input = split.inputs.first, input.examples < split.count {
                notes.append("\(split.name): numbers of \(grouped(input.examples)) examples, spread evenly over all")
            }
            if let lengths = split.lengths {
                notes.append(
                    "\(split.name): lengths from \(grouped(lengths.least)) to \(grouped(lengths.greatest)), "
                        + "\(fixed(lengths.mean, digits: 1)) on average")
            }
            if file.labelKind == .multilabel {
                let without = split.unlabeled > 0 ? "; \(grouped(split.unlabeled)) examples without any" : ""
                notes.append("\(split.name): \(fixed(split.labelsPerExample, digits: 2)) labels an example\(without)")
            }
            let empty = split.emptyClasses
            if !empty.isEmpty {
                let some = empty.prefix(5).map { "'\(name($0))'" }.joined(separator: ", ")
                let more = empty.count > 5 ? " and \(grouped(empty.count - 5)) more" : ""
                notes.append("warning: \(split.name) has no example of \(some)\(more)")
            }
        }
        return notes + file.warnings.map { "warning: \($0)" }
    }

    // MARK: - For programs

    public var json: JSON {
        [
            "path": .string(file.path), "shape": .array(file.exampleShape.map { .integer($0) }),
            "classes": .integer(file.classCount),
            "class_names": file.classNames.map { .array($0.map { .string($0) }) } ?? .null,
            "labels": .string(file.labelKind == .multilabel ? "multilabel" : "multiclass"),
            "splits": .array(survey.splits.map(json)), "warnings": .array(file.warnings.map { .string($0) }),
        ]
    }

    private func json(_ split: DataSurvey.Split) -> JSON {
        var object: JSON.Object = [
            "name": .string(split.name), "examples": .integer(split.count),
            "inputs": .array(
                split.inputs.map { input in
                    let isEmpty = input.average == nil
                    return [
                        "name": .string(input.name), "shape": .array(input.shape.map { .integer($0) }),
                        "type": .string(input.type), "examined": .integer(input.examples),
                        "min": isEmpty ? .null : .number(Double(input.least)),
                        "max": isEmpty ? .null : .number(Double(input.greatest)),
                        "mean": input.average.map { .number($0) } ?? .null,
                        "deviation": input.deviation.map { .number($0) } ?? .null,
                    ]
                }), "class_counts": .array(split.classCounts.map { .integer($0) }),
        ]
        if file.labelKind == .multilabel { object["without_labels"] = .integer(split.unlabeled) }
        if let lengths = split.lengths {
            object["lengths"] = [
                "min": .integer(lengths.least), "mean": .number(lengths.mean), "max": .integer(lengths.greatest),
            ]
        }
        return .object(object)
    }

    // MARK: - As a page

    /// - Throws: What reading a few of the examples throws.
    public func html(program: String) throws -> String {
        var page = Page(title: "\(fileName(file.path)): data")
        page.program = program
        let warnings: [Markup] = notes.map { note in
            "<li class=\"\(note.hasPrefix("warning: ") ? "warning" : "")\">\(note.firstUppercased)</li>"
        }
        page.head = "<h1>\(fileName(file.path))</h1><p>\(title.dropFirst(file.path.count + 2).firstUppercasedText)</p>"
        page.add(
            "splits", "Splits", note: "Numbers as models get them.",
            "\(numbersTable)\(Markup.only(!warnings.isEmpty, "<ul>\(warnings)</ul>"))")
        page.add("classes", "Classes", note: "Training examples of each class.", classBars)
        page.add(
            "images", "Images",
            note: "Training examples of each class: the darkest, then the brightest.", try images())
        return page.html
    }

    private var numbersTable: Markup {
        let rows: [Markup] = survey.splits.flatMap { split in
            split.inputs.map { input in
                let range =
                    input.average == nil
                    ? "—" : "\(Self.short(Double(input.least))) … \(Self.short(Double(input.greatest)))"
                return """
                    <tr><td class="name">\(split.name) <small>\(input.name), \(input.type)</small></td><td>\(grouped(split.count))</td><td>\(range)</td>\
                    <td class="wideonly">\(input.average.map(Self.short) ?? "—")</td><td class="wideonly">\(input.deviation.map(Self.short) ?? "—")</td></tr>
                    """
            }
        }
        return """
            <div class="scroll"><table><thead><tr><th class="text">Split</th><th>Examples</th><th>Range</th><th class="wideonly">Mean</th>\
            <th class="wideonly">Standard deviation</th></tr></thead><tbody>\(rows)</tbody></table></div>
            """
    }

    private var classBars: Markup {
        guard let train = survey.splits.first else { return "" }
        let most = Double(max(train.classCounts.max() ?? 1, 1))
        let lines: [Markup] = shownClasses.map { label in
            """
            <span>\(name(label))</span><div class="bar">\(bar(Double(train.classCounts[label]) / most, "student"))</div>\
            <em>\(grouped(train.classCounts[label]))</em>
            """
        }
        return "<div class=\"bars\">\(lines)</div>"
    }

    /// A row of images for each class; nothing where examples are no images.
    private func images() throws -> Markup {
        guard let train = survey.splits.first, !train.extremes.isEmpty else { return "" }
        let all = train.extremes.map { $0.least.map(\.example) + $0.greatest.reversed().map(\.example) }
        guard let first = all.first(where: { !$0.isEmpty })?.first,
            let probe = try survey.numbers(ofSplit: 0, [first]).first, image(probe) != nil
        else { return "" }
        let rows: [Markup] = try all.enumerated().map { label, examples in
            let images: [Markup] = try zip(examples, survey.numbers(ofSplit: 0, examples)).compactMap {
                example, numbers in
                image(numbers).map { image in
                    """
                    <img alt="training example \(example)" title="training example \(example)" \
                    src="data:image/png;base64,\(Data(image.png).base64EncodedString())">
                    """
                }
            }
            return "<tr><td class=\"name\">\(name(label))</td><td class=\"sheet\">\(images)</td></tr>"
        }
        return "<table><tbody>\(rows)</tbody></table>"
    }

    private func image(_ numbers: [Float]) -> DrawnImage? {
        DrawnImage(numbers, shape: file.exampleShape, isSpectrogram: file.train.hasFrameCounts)
    }
}

extension Substring {
    fileprivate var firstUppercasedText: String { String(self).firstUppercased }
}
