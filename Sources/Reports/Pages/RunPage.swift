public import ModelFiles
import Tensors

/// The page of a run, made of what `report.json` holds and nothing else. What is missing there is left out.
public struct RunPage {
    let facts: JSON

    public init(_ facts: JSON) { self.facts = facts }

    var result: JSON? { facts["result"] }
    var student: JSON? { result?["student"] }
    /// How far a run is that has not ended; nil for one that has.
    var state: String? { facts["state"]?.string }
    var path: String { student?["path"]?.string ?? "student" }

    /// The metrics: their keys and titles, the deciding one first.
    var metrics: [(key: String, title: String)] {
        (facts["metrics"]?.array ?? []).compactMap { metric in
            metric["name"]?.string.map { ($0, metric["title"]?.string ?? $0) }
        }
    }

    public var html: String {
        var page = Page(title: "\(fileName(path)): report")
        page.program = facts["program"]?.string ?? "compress"
        page.run = facts["run"]?.string ?? ""
        page.head = head
        page.foot = state == nil ? "Every figure is in report.json." : ""
        page.add("results", state == nil ? "Results" : "Plan", note: resultsNote, results)
        page.add("curves", "Learning curves", note: curvesNote, curves)
        page.add("size", "\(metrics.first?.title.firstUppercased ?? "Accuracy") against bytes", tradeOff)
        page.add("layers", "Bytes by layer", note: layersNote, layers)
        page.add("classes", "Classes", note: classesNote, classes)
        page.add("confusion", "Confusion matrix", note: confusionNote, confusion)
        page.add("calibration", "Calibration", note: calibrationNote, calibration)
        page.add("disagreements", "Disagreements", note: disagreementsNote, disagreements)
        if state == nil { page.add("load", "Load the student", loading) }
        page.add("settings", "Settings", settings)
        return page.html
    }

    // MARK: - Head

    private var head: Markup {
        let teachers = result?["teachers"]?.array?.count ?? 0, data = facts["data"]
        let examples =
            data?["train"]?.integer.map {
                " trained on \(grouped($0)) examples of \(fileName(data?["path"]?.string ?? "")), "
            } ?? ", "
        let words = "One student of \(teachers) teacher\(teachers == 1 ? "" : "s"),\(examples.dropLast(2))"
        return """
            <h1>\(path)</h1><p>\(String(words))</p>\(verdict)<div class="tiles">\(tiles)</div>
            """
    }

    private var verdict: Markup {
        if let state { return "<div class=\"verdict open\">\(state.firstUppercased)</div>" }
        let budget = result?["budget"], fits = budget?["fits"]?.bool ?? false
        guard let limit = budget?["limit"]?.number, let used = budget?["used"]?.number else { return "" }
        return """
            <div class="verdict \(fits ? "fits" : "over")">\(fits ? "✓" : "✗") \(facts["verdict"]?.string ?? "")</div>\
            <div class="meter\(fits ? "" : " full")">\(bar(used / max(limit, 1), ""))</div>
            """
    }

    private var tiles: [Markup] {
        guard let metric = metrics.first else { return [] }
        func tile(_ number: String?, _ words: String) -> Markup? {
            number.map { "<div class=\"tile\"><b>\($0)</b><span>\(words)</span></div>" }
        }
        func figure(_ model: JSON?) -> String? { model?[metric.key]?.number.map { fixed($0, digits: 4) } }
        let (mine, all) = (student?["weights_bytes"]?.number, result?["ensemble"]?["weights_bytes"]?.number)
        let ratio = all.flatMap { all in mine.map { all / max($0, 1) } }
        return [
            tile(figure(student), "\(metric.title) of the student on test examples"),
            tile(figure(result?["ensemble"]), "\(metric.title) of the ensemble"),
            tile(figure(result?["baseline"]), "\(metric.title) of the same network on labels alone"),
            tile(
                ratio.map { fixed($0 < 1 ? 1 / $0 : $0, digits: 1) + "×" },
                "\((ratio ?? 1) < 1 ? "larger" : "smaller") weights than the ensemble’s"),
            tile(student?["agreement"]?.number.map { share($0) }, "of test examples where student and ensemble agree"),
        ].compactMap(\.self)
    }

    // MARK: - Results

    private var resultsNote: String {
        if state != nil { return "Nothing is measured on test examples before the end." }
        guard let count = facts["test_examples"]?.integer else { return "" }
        return
            "On \(grouped(count)) test examples, ± half of the interval that has the figure with a probability of 95 %."
    }

    private var results: Markup {
        let titles: [Markup] = metrics.enumerated().map { index, metric in
            "<th class=\"\(index == 0 ? "" : "wideonly")\">\(metric.title.firstUppercased)</th>"
        }
        var rows: [Markup] = (result?["teachers"]?.array ?? []).map { teacher in
            row("teacher", "Teacher", teacher["name"]?.string ?? teacher["path"]?.string ?? "", teacher)
        }
        if let ensemble = result?["ensemble"] { rows.append(row("ensemble", "Ensemble", "", ensemble, "rule")) }
        for other in result?["comparisons"]?.array ?? [] {
            rows.append(row("other", other["name"]?.string ?? "", "", other))
        }
        if let student { rows.append(row("student", "Student", path, student, "main")) }
        if let baseline = result?["baseline"] {
            rows.append(row("baseline", "Labels alone", "the same network", baseline))
            if let best = baseline["best"] { rows.append(row("baseline", "Labels alone", bestEpoch(best), best)) }
        }
        let hasErrors = metrics.count == 1
        let remarks: [Markup] = (facts["remarks"]?.array ?? []).compactMap(\.string).map { text in
            "<li class=\"\(text.hasPrefix("warning: ") ? "warning" : "")\">\(text.firstUppercased)</li>"
        }
        return """
            <div class="scroll"><table><thead><tr><th class="text">Model</th><th class="wideonly">Parameters</th><th>Bytes</th>\
            <th class="wideonly">Validation</th>\(titles)\(Markup.only(hasErrors, "<th class=\"wideonly\">Errors</th>"))</tr></thead>\
            <tbody>\(rows)</tbody></table></div><ul>\(remarks)</ul>
            """
    }

    private func bestEpoch(_ best: JSON) -> String {
        let epochs = best["epoch"]?.array?.compactMap(\.integer) ?? [best["epoch"]?.integer].compactMap(\.self)
        return "at its best epoch, \(epochs.map { "\($0)" }.joined(separator: ", "))"
    }

    private func row(_ style: String, _ role: String, _ name: String, _ model: JSON, _ line: String = "") -> Markup {
        func number(_ key: String) -> String { model[key]?.integer.map(grouped) ?? "" }
        let first = metrics.first?.key ?? "", validation = model["validation"]?[first]?.number
        let cells: [Markup] = metrics.enumerated().map { index, metric in
            let value = model[metric.key]?.number
            let text = value.map { fixed($0, digits: 4) } ?? "—"
            let high = model["interval"]?[metric.key]?[1]?.number
            let margin = high.flatMap { high in value.map { " ± \(fixed(high - $0, digits: 4))" } } ?? ""
            return "<td class=\"\(index == 0 ? "" : "wideonly")\">\(text)<small>\(margin)</small></td>"
        }
        let errors: Markup = metrics.count == 1 ? "<td class=\"wideonly\">\(number("errors"))</td>" : ""
        return """
            <tr class="\(line)"><td class="name"><span class="swatch \(style)"></span>\(role)\
            \(Markup.only(!name.isEmpty, "<br><small>\(name)</small>"))</td><td class="wideonly">\(number("parameters"))</td>\
            <td>\(number("bytes"))</td><td class="wideonly">\(validation.map { fixed($0, digits: 4) } ?? "")</td>\(cells)\(errors)</tr>
            """
    }

    private var settings: Markup {
        let rows: [Markup] = (facts["settings"]?.object?.members ?? []).map { member in
            "<tr><td class=\"name\">\(member.key)</td><td class=\"name\">\(member.value.string ?? member.value.compact)</td></tr>"
        }
        guard !rows.isEmpty else { return "" }
        return """
            <p>Loss: \(facts["loss"]?.string ?? "")</p><details><summary>All settings, by the keys of a configuration file</summary>\
            <table><tbody>\(rows)</tbody></table></details>
            """
    }
}

extension String {
    var firstUppercased: String { prefix(1).uppercased() + dropFirst() }
}
