public import ModelFiles
public import Tensors

extension SizeReport {
    /// The layers of a model in a table, their sum, and what the file takes beside them.
    ///
    /// Where numbers are not stored as float32, each parameter has a line, too.
    public func table(width: Int? = nil) -> String {
        let isPlain = isPlain
        func bits(_ number: Double?) -> [String] { Self.bits(number, isPlain) }
        var table = TextTable(
            [
                .path("layer"), .words("class"), .init("output", .left), .init("parameters"), .init("bytes"),
                .init("type", .left),
            ] + (isPlain ? [] : [.init("bits")]) + [.init("share"), .init("multiply-adds")])
        for row in rows {
            table.add(cells(row, isPlain))
            for weight in isPlain ? [] : row.weights { table.add(cells(weight)) }
        }
        table.addRule()
        for member in members { table.add(cells(member, isPlain)) }
        table.add(
            [
                "\(rows.count) layer\(rows.count == 1 ? "" : "s")", "", "", grouped(parameters), grouped(weights.bytes),
                "",
            ]
                + bits(bitsPerWeight) + [percent(weights), multiplyAdds.map(grouped) ?? ""])
        func add(_ name: String, _ part: ByteCount) {
            table.add([name, "", "", "", grouped(part.bytes), ""] + bits(nil) + [percent(part)])
        }
        if optimizer.bytes > 0 { add("optimizer", optimizer) }
        add("overhead", overhead)
        add("file", file)
        if !isPlain { table.add(["in memory", "", "", "", grouped(loaded.bytes), "float32"]) }
        return table.text(width: width)
    }

    fileprivate static func percent(_ part: ByteCount, of whole: ByteCount) -> String {
        whole.bytes == 0 ? "" : "\(fixed(Double(part.bytes) / Double(whole.bytes) * 100, digits: 1)) %"
    }

    private func cells(_ row: Row, _ isPlain: Bool) -> [String] {
        let hasNumbers = row.size.bytes > 0
        // What several parameters have in common; else each has its own.
        let type = isPlain || Set(row.weights.map(\.type)).count < 2 ? row.type : ""
        return [
            row.name, row.className, row.outputShape?.description ?? "", hasNumbers ? grouped(row.parameters) : "",
            hasNumbers ? grouped(row.size.bytes) : "", type,
        ] + Self.bits(nil, isPlain) + [
            hasNumbers ? percent(row.size) : "", row.multiplyAdds.map { $0 > 0 ? grouped($0) : "" } ?? "",
        ]
    }

    private func cells(_ weight: Weight) -> [String] {
        [
            "  \(weight.name)", "", "\(weight.shape)", grouped(weight.shape.elementCount), grouped(weight.size.bytes),
            weight.type,
        ] + Self.bits(weight.bitsPerWeight, false) + [percent(weight.size)]
    }

    /// The cell of bits for each number, in a table that has such a column.
    private static func bits(_ number: Double?, _ isPlain: Bool) -> [String] {
        isPlain ? [] : [number.map { fixed($0, digits: 2) } ?? ""]
    }

    private func cells(_ member: Member, _ isPlain: Bool) -> [String] {
        [
            "\(member.name): \(member.layerCount) layer\(member.layerCount == 1 ? "" : "s")", "",
            "\(fixed(member.share, digits: 3)) of mean", grouped(member.parameters), grouped(member.size.bytes), "",
        ] + Self.bits(nil, isPlain) + [percent(member.size), member.multiplyAdds.map(grouped) ?? ""]
    }

    private func percent(_ part: ByteCount) -> String { Self.percent(part, of: file) }

    /// A sentence above the table: the file, and its size.
    public var title: String { "\(path): \(grouped(parameters)) parameters, \(file) (\(file.short))" }
}

extension [SizeReport] {
    /// Several models in a table, and their sum; with a budget, the share of it that each takes.
    public func table(budget: ByteCount? = nil, width: Int? = nil) -> String {
        let used = ByteCount(reduce(0) { $0 + $1.file.bytes }), whole = budget ?? used
        var table = TextTable([
            .path("model"), .init("parameters"), .init("bytes"), .init(budget == nil ? "share" : "of the budget"),
        ])
        for report in self {
            table.add([
                report.path, grouped(report.parameters), grouped(report.file.bytes),
                SizeReport.percent(report.file, of: whole),
            ])
        }
        table.addRule()
        table.add([
            "\(count) models", grouped(reduce(0) { $0 + $1.parameters }), grouped(used.bytes),
            SizeReport.percent(used, of: whole),
        ])
        return table.text(width: width)
    }
}
