import ModelFiles
import Tensors

// Where the student is right and where it is wrong.

extension RunPage {
    private var predictions: JSON? { facts["predictions"] }
    private var isMultilabel: Bool { facts["data"]?["labels"]?.string == "multilabel" }

    // MARK: - Classes

    /// Classes with a bar, and those in the table.
    private static let mostClasses = (bars: 30, rows: 200)

    private var classRows: [JSON] { predictions?["classes"]?["shown"]?.array ?? [] }

    /// By how much the ensemble finds more of a class than the student; of a student by itself what it does not find.
    private func loss(_ row: JSON) -> Double {
        let mine = row["student"]?["recall"]?.number ?? 1
        return (row["ensemble"].map { $0["recall"]?.number ?? 1 } ?? 1) - mine
    }

    /// The worst first, where there are too many to see them all.
    private func shownClasses(_ most: Int) -> [JSON] {
        let rows = classRows
        guard rows.count > most else { return rows }
        func examples(_ index: Int) -> Int { rows[index]["examples"]?.integer ?? 0 }
        let order = rows.indices.sorted {
            (loss(rows[$1]), examples($1), $0) < (loss(rows[$0]), examples($0), $1)
        }
        return order.prefix(most).map { rows[$0] }
    }

    var classesNote: String {
        let all = predictions?["classes"]?["count"]?.integer ?? classRows.count
        let what =
            "Recall: which share of a class’s test examples is found"
            + (isMultilabel ? ", with a probability of at least 0.5." : ".")
        guard all > Self.mostClasses.bars else { return what }
        return "\(what) Of \(grouped(all)) classes the \(Self.mostClasses.bars) in which the student loses most."
    }

    var classes: Markup {
        let hasEnsemble = classRows.contains { $0["ensemble"] != nil }
        let lines: [Markup] = shownClasses(Self.mostClasses.bars).map { row in
            let mine = row["student"]?["recall"]?.number, other = row["ensemble"]?["recall"]?.number
            let texts = [mine, other].compactMap { $0.map { share($0) } }.joined(separator: " / ")
            return """
                <span>\(row["name"]?.string ?? "")</span><div class="bar two">\(bar(mine ?? 0, "student"))\
                \(hasEnsemble ? bar(other ?? 0, "ensemble") : "")</div><em>\(texts.isEmpty ? "—" : texts)</em>
                """
        }
        guard !lines.isEmpty else { return "" }
        let keys: Markup = """
            <p class="legend"><span class="key student"><i class="dash"></i>student</span>\
            \(Markup.only(hasEnsemble, "<span class=\"key ensemble\"><i class=\"dash\"></i>ensemble</span>"))</p>
            """
        return "\(keys)<div class=\"bars\">\(lines)</div>\(classTable(hasEnsemble))"
    }

    private func classTable(_ hasEnsemble: Bool) -> Markup {
        func cell(_ number: Double?) -> String { number.map { fixed($0, digits: 3) } ?? "—" }
        let shown = shownClasses(Self.mostClasses.rows)
        let rows: [Markup] = shown.map { row in
            let mine = row["student"], other = row["ensemble"]
            return """
                <tr><td class="name">\(row["name"]?.string ?? "")</td><td>\(row["examples"]?.integer.map(grouped) ?? "")</td>\
                <td>\(cell(mine?["precision"]?.number))</td><td>\(cell(mine?["recall"]?.number))</td><td>\(cell(mine?["f1"]?.number))</td>\
                \(Markup.only(hasEnsemble, "<td class=\"wideonly\">\(cell(other?["recall"]?.number))</td><td class=\"wideonly\">\(cell(other?["f1"]?.number))</td>"))</tr>
                """
        }
        let all = predictions?["classes"]?["count"]?.integer ?? shown.count
        let title =
            shown.count < all
            ? "Precision, recall and F1 of \(shown.count) of \(grouped(all)) classes, the worst first"
            : "Precision, recall and F1 of every class"
        let others: Markup =
            hasEnsemble ? "<th class=\"wideonly\">Ensemble’s recall</th><th class=\"wideonly\">F1</th>" : ""
        return """
            <details><summary>\(title)</summary><div class="scroll"><table><thead><tr><th class="text">Class</th><th>Examples</th>\
            <th>Precision</th><th>Recall</th><th>F1</th>\(others)</tr></thead><tbody>\(rows)</tbody></table></div></details>
            """
    }

    // MARK: - Confusion

    var confusionNote: String {
        guard let confusion = predictions?["confusion"], let names = confusion["names"]?.array else { return "" }
        let what = "Rows are true classes, columns what the student predicts; shades are shares of a row."
        guard let all = confusion["of"]?.integer, all > names.count else { return what }
        return "\(what) Cut to the \(names.count) of \(grouped(all)) classes with the most mistakes."
    }

    var confusion: Markup {
        guard let confusion = predictions?["confusion"] else { return "" }
        let names = (confusion["names"]?.array ?? []).map { $0.string ?? "" }
        let counts = (confusion["counts"]?.array ?? []).map { ($0.array ?? []).map { $0.integer ?? 0 } }
        let numbers = (confusion["classes"]?.array ?? []).map { $0.integer.map { "\($0)" } ?? "" }
        guard !names.isEmpty, counts.count == names.count else { return "" }
        let head: [Markup] = zip(names, numbers).map { "<th title=\"\($0)\">\($1)</th>" }
        let rows: [Markup] = counts.enumerated().map { row, counts in
            let sum = Double(max(counts.reduce(0) { $0 &+ $1 }, 1))
            let cells: [Markup] = counts.enumerated().map { column, count in
                // A mistake of one in a hundred is to be seen.
                let shade = count == 0 ? 0 : (Double(count) / sum).squareRoot() * 0.6
                let title = "\(names[row]) taken for \(names.indices.contains(column) ? names[column] : "")"
                return """
                    <td class="\(row == column ? "hit" : "")" title="\(title)" \
                    style="background:rgba(var(--heat),\(Markup.decimal(shade)))">\(count == 0 ? "" : "\(count)")</td>
                    """
            }
            return
                "<tr><th class=\"text\">\(names[row])\(Markup.only(names[row] != numbers[row], " <small>\(numbers[row])</small>"))</th>\(cells)</tr>"
        }
        let matrix: Markup = """
            <div class="scroll\(names.count > 12 ? " wideonly" : "")"><table class="matrix"><thead><tr><th></th>\(head)</tr></thead><tbody>\(rows)</tbody></table></div>
            """
        return "<div class=\"beside\">\(matrix)<div>\(pairs(confusion))</div></div>"
    }

    private func pairs(_ confusion: JSON) -> Markup {
        let rows: [Markup] = (confusion["pairs"]?.array ?? []).prefix(10).map { pair in
            """
            <tr><td class="name">\(pair["label_name"]?.string ?? "")</td><td class="name">\(pair["predicted_name"]?.string ?? "")</td>\
            <td>\(pair["count"]?.integer.map(grouped) ?? "")</td></tr>
            """
        }
        guard !rows.isEmpty else { return "<p>The student makes no mistakes.</p>" }
        return """
            <h3>The most frequent mistakes</h3><table><thead><tr><th class="text">True class</th><th class="text">Taken for</th>\
            <th>Examples</th></tr></thead><tbody>\(rows)</tbody></table>
            """
    }

    // MARK: - Calibration

    /// The share of fewer predictions says nothing.
    private static let fewest = 10

    var calibrationNote: String {
        predictions?["student"] == nil
            ? ""
            : "How often predictions of some probability are right. On the diagonal they are right as often as they say; below it "
                + "they are too sure. The expected calibration error is the mean distance from it, over 15 bins weighted with their predictions; bins of fewer than \(Self.fewest) are not drawn."
    }

    var calibration: Markup {
        let models = [("student", predictions?["student"]), ("ensemble", predictions?["ensemble"])]
        func points(_ json: JSON, _ key: String, atLeast least: Int = 1) -> [(x: Double, y: Double)] {
            (json["bins"]?.array ?? []).filter { $0["count"]?.integer ?? 0 >= least }.compactMap { bin in
                bin["confidence"]?.number.flatMap { x in bin[key]?.number.map { (x, $0) } }
            }
        }
        let series = models.compactMap { name, json in
            json.map { Chart.Series(name: name, style: name, points: points($0, "accuracy", atLeast: Self.fewest)) }
        }.filter { !$0.points.isEmpty }
        guard !series.isEmpty else { return "" }
        var diagram = Chart(
            title: "Share that is right", x: isMultilabel ? "probability" : "probability of the first class",
            series: series)
        (diagram.xRange, diagram.yRange, diagram.hasDiagonal, diagram.height) = (0...1, 0...1, true, 300)
        var counts = Chart(
            title: "Predictions", x: diagram.x,
            series: models.compactMap { name, json in
                json.map { Chart.Series(name: name, style: name, points: points($0, "count")) }
            })
        (counts.xRange, counts.yScale, counts.height) = (0...1, .logarithmic, 300)
        let errors: [Markup] = models.compactMap { name, json in
            json?["calibration_error"]?.number.map {
                "<div class=\"tile\"><b>\(fixed($0, digits: 4))</b><span>expected calibration error of the \(name)</span></div>"
            }
        }
        return """
            <div class="charts">\(diagram.svg())\(counts.svg())</div><div class="tiles">\(errors)</div>
            """
    }

    // MARK: - Disagreements

    var disagreementsNote: String {
        isMultilabel
            ? "The test examples on which student and ensemble disagree most, by the largest difference of a class’s probability; numbers count test examples from 0."
            : "The test examples on which student and ensemble disagree most, by the total variation distance of their predictions; numbers count test examples from 0."
    }

    var disagreements: Markup {
        let examples: [Markup] = (facts["disagreements"]?.array ?? []).map { example in
            func guess(_ key: String, _ title: String) -> Markup {
                let guess = example[key]
                return """
                    <span class="\(key)">\(title)</span>: <b>\(guess?["name"]?.string ?? "")</b> \(share(guess?["probability"]?.number ?? 0, digits: 0))<br>
                    """
            }
            let names = (example["names"]?.array ?? []).compactMap(\.string).joined(separator: ", ")
            let image: Markup? = example["png"]?.string.map {
                "<img class=\"\(facts["data"]?["lengths"]?.bool == true ? "spectrogram" : "")\" alt=\"\(names)\" src=\"data:image/png;base64,\($0)\">"
            }
            return """
                <div class="example">\(image)<small>\(example["example"]?.integer.map { "test example \($0)" } ?? "")</small><br>\
                label: <b>\(names.isEmpty ? "none" : names)</b><br>\(guess("ensemble", "ensemble"))\(guess("student", "student"))\
                <small>distance \(fixed(example["distance"]?.number ?? 0, digits: 2))</small></div>
                """
        }
        return examples.isEmpty ? "" : "<div class=\"examples\">\(examples)</div>"
    }

    // MARK: - Loading

    var loading: Markup {
        let name = fileName(path), shape = facts["data"]?["example_shape"]?.array?.compactMap(\.integer) ?? []
        let extents = (["n"] + shape.map { "\($0)" }).joined(separator: ", ")
        let onnx = name.hasSuffix(".onnx") ? name : baseName(name) + ".onnx"
        let isKeras = name.hasSuffix(".keras") || name.hasSuffix(".h5") || name.hasSuffix(".hdf5")
        let inputs = "x is float32 of the shape (\(extents))"
        var body: Markup = ""
        if isKeras {
            body += """
                <h3>Keras</h3><pre>import keras

                student = keras.models.load_model(\(JSON.string(name).compact))
                probabilities = student.predict(x)  # \(inputs)</pre>
                """
        }
        if isKeras || name.hasSuffix(".onnx") {
            body += """
                <h3>ONNX Runtime</h3><pre>\(isKeras ? "# compress convert \(word(name)) --output \(word(onnx))\n" : "")import onnxruntime

                session = onnxruntime.InferenceSession(\(JSON.string(onnx).compact))
                probabilities = session.run(None, {session.get_inputs()[0].name: x})[0]</pre>
                """
        }
        guard isKeras else { return body }
        let data = fileName(facts["data"]?["path"]?.string ?? "data.npz")
        return """
            \(body)<h3>compress</h3><pre>compress evaluate \(word(name)) --data \(word(data)) --per-class
            compress predict \(word(name)) --data \(word(data)) --output predictions.npz</pre>
            """
    }

    private func baseName(_ name: String) -> String {
        name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name
    }

    /// A name as a shell takes it for one word.
    private func word(_ name: String) -> String {
        let isPlain = name.utf8.allSatisfy {
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-".utf8.contains($0)
        }
        return isPlain && !name.hasPrefix("-") ? name : "'" + name.replacing("'", with: "'\\''") + "'"
    }
}
