public import ModelFiles
public import Tensors

extension SizeReport {
    /// The layers of a model in a table, their sum, and what the file takes beside them.
    public func table(width: Int? = nil) -> String {
        var table = TextTable([
            .path("layer"), .init("class", .left), .init("output", .left), .init("parameters"), .init("bytes"),
            .init("type", .left), .init("share"), .init("multiply-adds"),
        ])
        for row in rows { table.add(cells(row)) }
        table.addRule()
        for member in members { table.add(cells(member)) }
        table.add([
            "\(rows.count) layer\(rows.count == 1 ? "" : "s")", "", "", grouped(parameters), grouped(weights.bytes), "",
            percent(weights), multiplyAdds.map(grouped) ?? "",
        ])
        if optimizer.bytes > 0 {
            table.add(["optimizer state", "", "", "", grouped(optimizer.bytes), "", percent(optimizer)])
        }
        table.add(["overhead", "", "", "", grouped(overhead.bytes), "", percent(overhead)])
        table.add(["file", "", "", "", grouped(file.bytes), "", percent(file)])
        return table.text(width: width)
    }

    fileprivate static func percent(_ part: ByteCount, of whole: ByteCount) -> String {
        whole.bytes == 0 ? "" : "\(fixed(Double(part.bytes) / Double(whole.bytes) * 100, digits: 1)) %"
    }

    private func cells(_ row: Row) -> [String] {
        let hasNumbers = row.size.bytes > 0
        return [
            row.name, row.className, row.outputShape?.description ?? "", hasNumbers ? grouped(row.parameters) : "",
            hasNumbers ? grouped(row.size.bytes) : "", row.type, hasNumbers ? percent(row.size) : "",
            row.multiplyAdds.map { $0 > 0 ? grouped($0) : "" } ?? "",
        ]
    }

    private func cells(_ member: Member) -> [String] {
        [
            "\(member.name): \(member.layerCount) layer\(member.layerCount == 1 ? "" : "s")", "",
            "\(fixed(member.share, digits: 3)) of mean", grouped(member.parameters), grouped(member.size.bytes), "",
            percent(member.size), member.multiplyAdds.map(grouped) ?? "",
        ]
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
