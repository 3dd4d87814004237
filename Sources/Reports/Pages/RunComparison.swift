public import ModelFiles
import Tensors

/// Runs side by side, from what their `report.json` hold.
public struct RunComparison {
    private let runs: [(name: String, facts: JSON)]

    /// - Parameter runs: What each is called, and its facts.
    public init(_ runs: [(name: String, facts: JSON)]) { self.runs = runs }

    private var pages: [RunPage] { runs.map { RunPage($0.facts) } }

    /// Those that all runs have.
    private var metrics: [(key: String, title: String)] {
        let pages = pages
        return (pages.first?.metrics ?? []).filter { metric in
            pages.allSatisfy { $0.metrics.contains { $0.key == metric.key } }
        }
    }

    // MARK: - For the terminal and programs

    public func table(width: Int? = nil) -> String {
        let metrics = metrics
        var table = TextTable(
            [.path("run"), .init("parameters"), .init("bytes"), .init("bits")] + metrics.map { .init($0.title) }
                + metrics.prefix(1).map { .init("ensemble's \($0.title)") } + [.init("agreement")])
        for (run, page) in zip(runs, pages) {
            let student = page.student
            table.add(
                [
                    run.name, student?["parameters"]?.integer.map(grouped) ?? "",
                    student?["bytes"]?.integer.map(grouped) ?? "",
                    student?["bits_per_weight"]?.number.map { fixed($0, digits: 2) } ?? "",
                ] + metrics.map { student?[$0.key]?.number.map { fixed($0, digits: 4) } ?? "" }
                    + metrics.prefix(1).map {
                        page.result?["ensemble"]?[$0.key]?.number.map { fixed($0, digits: 4) } ?? "—"
                    }
                    + [student?["agreement"]?.number.map { "\(fixed($0 * 100, digits: 1)) %" } ?? "—"])
        }
        return table.text(width: width)
    }

    /// Of each run its directory and what the main job prints with `--json`.
    public var json: JSON {
        .array(runs.map { ["run": .string($0.name), "result": $0.facts["result"] ?? .null] })
    }

    // MARK: - The page

    public var html: String {
        var page = Page(title: "\(runs.count) runs compared")
        page.program = pages.first?.facts["program"]?.string ?? "compress"
        page.head = "<h1>\(runs.count) runs compared</h1><p>\(runs.map(\.name).joined(separator: ", "))</p>"
        page.add("results", "Students", results)
        page.add("size", "\(metrics.first?.title.firstUppercased ?? "Accuracy") against bytes", tradeOff)
        page.add("curves", "Learning curves", curves)
        page.add("settings", "Settings that differ", settings)
        return page.html
    }

    /// Colors in the order of the runs.
    private static let styles = ["student", "ensemble", "baseline", "teacher", "other"]

    private func style(_ index: Int) -> String { Self.styles[index % Self.styles.count] }

    private var results: Markup {
        let titles: [Markup] = metrics.enumerated().map {
            "<th class=\"\($0 == 0 ? "" : "wideonly")\">\($1.title.firstUppercased)</th>"
        }
        let rows: [Markup] = zip(runs, pages).enumerated().map { index, pair in
            let (run, page) = pair, student = page.student
            let cells: [Markup] = metrics.enumerated().map { place, metric in
                let value = student?[metric.key]?.number, high = student?["interval"]?[metric.key]?[1]?.number
                let margin = high.flatMap { high in value.map { " ± \(fixed(high - $0, digits: 4))" } } ?? ""
                return """
                    <td class="\(place == 0 ? "" : "wideonly")">\(value.map { fixed($0, digits: 4) } ?? "—")<small>\(margin)</small></td>
                    """
            }
            let error = page.facts["predictions"]?["student"]?["calibration_error"]?.number
            return """
                <tr><td class="name"><span class="swatch \(style(index))"></span>\(fileName(run.name))<br><small>\(page.facts["architecture"]?.string ?? "")</small></td>\
                <td class="wideonly">\(student?["parameters"]?.integer.map(grouped) ?? "")</td><td>\(student?["bytes"]?.integer.map(grouped) ?? "")</td>\
                <td class="wideonly">\(student?["bits_per_weight"]?.number.map { fixed($0, digits: 2) } ?? "")</td>\(cells)\
                <td class="wideonly">\(student?["agreement"]?.number.map { share($0) } ?? "—")</td>\
                <td class="wideonly">\(error.map { fixed($0, digits: 4) } ?? "—")</td></tr>
                """
        }
        return """
            <div class="scroll"><table><thead><tr><th class="text">Run</th><th class="wideonly">Parameters</th><th>Bytes</th>\
            <th class="wideonly">Bits a weight</th>\(titles)<th class="wideonly">Agreement</th><th class="wideonly">Calibration error</th>\
            </tr></thead><tbody>\(rows)</tbody></table></div>
            """
    }

    private var tradeOff: Markup {
        guard let metric = metrics.first else { return "" }
        let groups = zip(runs, pages).enumerated().map { index, pair in
            let name = fileName(pair.0.name)
            return (
                name: name, style: style(index),
                points: [ModelPoint(pair.1.student, name, metric.key)].compactMap(\.self)
            )
        }
        return """
            <p>\(frontierNote(groups.flatMap(\.points)))</p>\
            <div class="charts">\(tradeOffChart(groups, title: "\(metric.title.firstUppercased) of the students on test examples").svg())</div>
            """
    }

    private var curves: Markup {
        guard let metric = metrics.first else { return "" }
        func chart(_ title: String, _ key: String, epochs: Bool) -> Chart {
            Chart(
                title: title, x: epochs ? "epoch" : "step",
                series: zip(runs, pages).enumerated().compactMap { index, pair in
                    guard let training = pair.1.trainings.first else { return nil }
                    let columns = epochs ? training.epochs : training.steps
                    let points = training.points(key, over: epochs ? "epoch" : "step", of: columns).filter {
                        $0.y.isFinite
                    }
                    return points.isEmpty
                        ? nil : .init(name: fileName(pair.0.name), style: style(index), points: points)
                })
        }
        let charts: [Markup] = [
            chart("\(metric.title.firstUppercased) on validation examples", "validation_\(metric.key)", epochs: true)
                .svg(),
            chart("Learning rate", "learning_rate", epochs: false).svg(),
        ]
        return "<div class=\"charts\">\(charts)</div>"
    }

    private var settings: Markup {
        let all = runs.map { $0.facts["settings"]?.object ?? [:] }
        let keys = all.flatMap(\.keys).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        let rows: [Markup] = keys.compactMap { key in
            let values = all.map { $0[key].map { $0.string ?? $0.compact } ?? "—" }
            guard Set(values).count > 1 else { return nil }
            let cells: [Markup] = values.map { "<td class=\"name\">\($0)</td>" }
            return "<tr><td class=\"name\">\(key)</td>\(cells)</tr>"
        }
        guard !rows.isEmpty else { return "<p>None: they differ in data, teachers or seeds of the files alone.</p>" }
        let titles: [Markup] = runs.map { "<th class=\"text\">\(fileName($0.name))</th>" }
        return """
            <div class="scroll"><table><thead><tr><th class="text">Setting</th>\(titles)</tr></thead><tbody>\(rows)</tbody></table></div>
            """
    }
}
