public import ModelFiles
import Tensors

extension SizeReport {
    /// The layers of a model in a table, their sum, and what the file takes beside them.
    public func table(width: Int? = nil) -> String {
        var table = TextTable([
            .path("layer"), .init("class", .left), .init("output", .left), .init("parameters"), .init("bytes"),
            .init("type", .left), .init("share"), .init("multiply-adds"),
        ])
        for row in rows { table.add(cells(row)) }
        table.addRule()
        table.add([
            "\(rows.count) layer\(rows.count == 1 ? "" : "s")", "", "", grouped(parameters), grouped(weights.bytes), "",
            percent(weights), multiplyAdds.map(grouped) ?? "",
        ])
        table.add(["overhead", "", "", "", grouped(overhead.bytes), "", percent(overhead)])
        table.add(["file", "", "", "", grouped(file.bytes), "", percent(file)])
        return table.text(width: width)
    }

    private func cells(_ row: Row) -> [String] {
        let hasNumbers = row.size.bytes > 0
        return [
            row.name, row.className, row.outputShape?.description ?? "", hasNumbers ? grouped(row.parameters) : "",
            hasNumbers ? grouped(row.size.bytes) : "", row.type, hasNumbers ? percent(row.size) : "",
            row.multiplyAdds.map { $0 > 0 ? grouped($0) : "" } ?? "",
        ]
    }

    private func percent(_ part: ByteCount) -> String {
        file.bytes == 0 ? "" : "\(fixed(Double(part.bytes) / Double(file.bytes) * 100, digits: 1)) %"
    }

    /// A sentence above the table: the file, and its size.
    public var title: String { "\(path): \(grouped(parameters)) parameters, \(file) (\(file.short))" }
}
