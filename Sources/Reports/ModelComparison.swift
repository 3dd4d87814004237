public import ModelFiles
import Tensors

extension SizeReport {
    /// Two models layer by layer: layers of the same class in the same order stand side by side.
    public func table(beside other: SizeReport, width: Int? = nil) -> String {
        var table = TextTable([
            .path("A: layer"), .path("B: layer"), .words("class"), .init("A: output", .left),
            .init("B: output", .left), .init("A: parameters"), .init("B: parameters"), .init("A: bytes"),
            .init("B: bytes"),
        ])
        func number(_ row: Row?, _ value: (Row) -> Int) -> String {
            row.map { $0.parameters > 0 ? grouped(value($0)) : "" } ?? ""
        }
        for (mine, theirs) in pairs(with: other) {
            let isSameName = mine?.name == theirs?.name, shapes = (mine?.outputShape, theirs?.outputShape)
            let isSameShape = shapes.0 == shapes.1
            table.add([
                mine?.name ?? "—", isSameName ? "" : theirs?.name ?? "—", mine?.className ?? theirs?.className ?? "",
                shapes.0.map { "\($0)" } ?? "", isSameShape ? "" : shapes.1.map { "\($0)" } ?? "",
                number(mine, \.parameters), number(theirs, \.parameters), number(mine, \.size.bytes),
                number(theirs, \.size.bytes),
            ])
        }
        table.addRule()
        table.add([
            "file", "", "", "", "", grouped(parameters), grouped(other.parameters), grouped(file.bytes),
            grouped(other.file.bytes),
        ])
        return "A is \(path), B is \(other.path); what B has alike is left out\n" + table.text(width: width)
    }

    /// More layers than this are compared by their places alone.
    private static let mostLayers = 2000

    /// The longest common run of classes in order, of several the one with the most equal shapes and names; layers of one model alone
    /// stand alone.
    private func pairs(with other: SizeReport) -> [(Row?, Row?)] {
        let (mine, theirs) = (rows, other.rows)
        guard max(mine.count, theirs.count) <= Self.mostLayers else {
            return (0..<max(mine.count, theirs.count)).map { index in
                (
                    mine.indices.contains(index) ? mine[index] : nil,
                    theirs.indices.contains(index) ? theirs[index] : nil
                )
            }
        }
        func worth(_ a: Row, _ b: Row) -> Int {
            guard a.className == b.className else { return 0 }
            return 8 + (a.outputShape == b.outputShape ? 2 : 0) + (a.name == b.name ? 1 : 0)
        }
        // best[i][j] of what comes from layer i and layer j on.
        let columns = theirs.count + 1
        var best = [Int](repeating: 0, count: (mine.count + 1) * columns)
        for i in mine.indices.reversed() {
            for j in theirs.indices.reversed() {
                let worth = worth(mine[i], theirs[j]),
                    alone = max(best[(i + 1) * columns + j], best[i * columns + j + 1])
                best[i * columns + j] = worth > 0 ? max(alone, worth + best[(i + 1) * columns + j + 1]) : alone
            }
        }
        var pairs: [(Row?, Row?)] = [], i = 0, j = 0
        while i < mine.count || j < theirs.count {
            if i < mine.count, j < theirs.count, worth(mine[i], theirs[j]) > 0,
                best[i * columns + j] == worth(mine[i], theirs[j]) + best[(i + 1) * columns + j + 1]
            {
                pairs.append((mine[i], theirs[j]))
                (i, j) = (i + 1, j + 1)
            } else if j == theirs.count || (i < mine.count && best[(i + 1) * columns + j] >= best[i * columns + j + 1])
            {
                pairs.append((mine[i], nil))
                i += 1
            } else {
                pairs.append((nil, theirs[j]))
                j += 1
            }
        }
        return pairs
    }
}
