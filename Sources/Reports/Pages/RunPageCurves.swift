import ModelFiles
import Tensors

// How the training went, and where the bytes are.

extension RunPage {
    var trainings: [TrainingCurve] { (facts["trainings"]?.array ?? []).map { TrainingCurve($0) } }

    var curvesNote: String {
        let epochs = trainings.first?.epochs["epoch"].last.map { grouped(Int($0.clamped)) }
        return epochs.map {
            "Student: \($0) epoch\($0 == "1" ? "" : "s"). Lines are thinned to 200 points; metrics.jsonl has all of them."
        }
            ?? ""
    }

    var curves: Markup {
        let trainings = trainings
        guard !trainings.isEmpty else { return "" }
        let key = metrics.first.map { "validation_\($0.key)" } ?? ""
        func chart(_ title: String, _ key: String, epochs: Bool) -> Chart {
            Chart(
                title: title, x: epochs ? "epoch" : "step",
                series: trainings.enumerated().compactMap { index, training in
                    let columns = epochs ? training.epochs : training.steps
                    let axis = epochs ? "epoch" : "step"
                    // It goes on with the student where that has ended.
                    let start = training.name.hasPrefix("quantized distillation") ? trainings[0].last(axis, epochs) : 0
                    let points = training.points(key, over: axis, of: columns).map { (x: $0.x + start, y: $0.y) }
                        .filter { $0.y.isFinite }
                    return points.isEmpty
                        ? nil : .init(name: training.name, style: Self.style(training, index), points: points)
                })
        }
        let student = trainings[0]
        func schedule(_ title: String, _ keys: [(key: String, name: String, style: String)]) -> Chart {
            Chart(
                title: title, x: "step",
                series: keys.compactMap { key in
                    let points = student.points(key.key, over: "step", of: student.steps).filter { $0.y.isFinite }
                    return points.isEmpty ? nil : .init(name: key.name, style: key.style, points: points)
                })
        }
        var loss = chart("Training loss", "loss", epochs: false)
        loss.yScale = .logarithmic
        var weights = schedule(
            "Weights of the losses",
            [("soft_weight", "w, predictions", "ensemble"), ("lambda", "λ, labels", "baseline")])
        weights.yRange = 0...1
        var temperature = schedule("Temperature T", [("temperature", "T", "student")])
        temperature.yRange = 1...2
        var rate = schedule("Learning rate", [("learning_rate", "learning rate", "student")])
        rate.yRange = 0...0
        let charts: [Markup] = [
            chart("\(metrics.first?.title.firstUppercased ?? "Metric") on validation examples", key, epochs: true),
            loss, rate,
            temperature, weights,
        ].map { $0.svg() }
        return "<div class=\"charts\">\(charts)</div>"
    }

    /// Each kind of training has a color, whatever else there is.
    private static func style(_ training: TrainingCurve, _ index: Int) -> String {
        if index == 0 { return "student" }
        if training.name.hasPrefix("baseline") { return "baseline" }
        return ["ensemble", "other", "teacher"][index % 3]
    }

    // MARK: - Bytes

    /// Layers that are drawn; the others are one bar together.
    private static let mostLayers = 40

    var layersNote: String {
        guard let student, let bits = student["bits_per_weight"]?.number else { return "" }
        return
            "\(facts["architecture"]?.string ?? ""): \(student["parameters"]?.integer.map(grouped) ?? "") parameters with "
            + "\(fixed(bits, digits: 2)) bits each on average."
    }

    var layers: Markup {
        let layers = facts["layers"]?.array ?? []
        guard !layers.isEmpty else { return "" }
        let whole = max(student?["bytes"]?.number ?? 0, 1)
        func line(_ name: Markup, _ bytes: Double, _ words: String, _ style: String) -> Markup {
            """
            <span>\(name)</span><div class="bar">\(bar(bytes / whole, style))</div>\
            <em>\(grouped(Int(bytes.clamped)))\(Markup.only(!words.isEmpty, "<small class=\"wideonly\"> \(words)</small>"))</em>
            """
        }
        var lines: [Markup] = layers.prefix(Self.mostLayers).map { layer in
            let bits = layer["bits_per_weight"]?.number.map { ", \(fixed($0, digits: 2)) bits" } ?? ""
            let words = "bytes, \(layer["parameters"]?.integer.map(grouped) ?? "") parameters\(bits)"
            return line(
                "\(layer["name"]?.string ?? "") <small>\(layer["class"]?.string ?? "")</small>",
                layer["bytes"]?.number ?? 0, words,
                "student")
        }
        let rest = layers.dropFirst(Self.mostLayers)
        if !rest.isEmpty {
            let bytes = rest.reduce(0) { $0 + ($1["bytes"]?.number ?? 0) }
            lines.append(line("\(rest.count) more layers", bytes, "bytes", "student"))
        }
        lines.append(
            line(
                "beside the weights", facts["beside_layers"]?.number ?? 0, "bytes: names, shapes, the architecture",
                "frontier"))
        return "<div class=\"bars long\">\(lines)</div>"
    }

    /// How good models are, and how large.
    var tradeOff: Markup {
        guard let metric = metrics.first, let student = ModelPoint(student, "student", metric.key) else { return "" }
        let teachers = (result?["teachers"]?.array ?? []).compactMap {
            ModelPoint($0, $0["name"]?.string ?? fileName($0["path"]?.string ?? "teacher"), metric.key)
        }
        let ensemble = ModelPoint(result?["ensemble"], "ensemble", metric.key)
        let baseline = result?["baseline"].flatMap { ModelPoint($0, "labels alone", metric.key, bytes: student.bytes) }
        let groups: [(String, String, [ModelPoint])] = [
            ("teachers", "teacher", teachers), ("ensemble", "ensemble", [ensemble].compactMap(\.self)),
            ("student", "student", [student]), ("labels alone", "baseline", [baseline].compactMap(\.self)),
        ]
        var chart = tradeOffChart(groups, title: "\(metric.title.firstUppercased) on test examples")
        if facts["result"]?["budget"]?["counts"] == nil, let limit = result?["budget"]?["limit"]?.number {
            chart.limit = (limit, "budget")
        }
        return "<p>\(frontierNote(groups.flatMap(\.2)))</p><div class=\"charts\">\(chart.svg())</div>"
    }
}

/// A model as a point: its bytes, and how good it is.
struct ModelPoint {
    let name: String
    let bytes: Double
    let value: Double

    init?(_ json: JSON?, _ name: String, _ metric: String, bytes: Double? = nil) {
        guard let value = json?[metric]?.number, let bytes = bytes ?? json?["bytes"]?.number, bytes > 0 else {
            return nil
        }
        (self.name, self.bytes, self.value) = (name, bytes, value)
    }

    /// Those that no other one beats in both, from the smallest to the largest.
    static func frontier(_ points: [ModelPoint]) -> [ModelPoint] {
        var best = -Double.infinity
        return points.sorted { ($0.bytes, $1.value) < ($1.bytes, $0.value) }.filter { point in
            defer { best = max(best, point.value) }
            return point.value > best
        }
    }
}

/// What the frontier is, where there is one to draw.
func frontierNote(_ points: [ModelPoint]) -> String {
    let frontier = ModelPoint.frontier(points)
    guard frontier.count == 1, points.count > 1 else {
        return "The dotted line is the frontier: no model here is both smaller and better than one on it."
    }
    return "No model here is smaller or better than \(frontier[0].name): the frontier is that point."
}

/// Models by their bytes and how good they are, with the frontier.
func tradeOffChart(_ groups: [(name: String, style: String, points: [ModelPoint])], title: String) -> Chart {
    let groups = groups.filter { !$0.points.isEmpty }, all = groups.flatMap(\.points)
    let frontier = Chart.Series(
        name: "frontier", style: "frontier", form: .steps, points: ModelPoint.frontier(all).map { ($0.bytes, $0.value) }
    )
    var chart = Chart(
        title: title, x: "bytes",
        series: (frontier.points.count > 1 ? [frontier] : [])
            + groups.map { group in
                Chart.Series(
                    name: group.name, style: group.style, form: .points,
                    points: group.points.map { ($0.bytes, $0.value) })
            })
    chart.xScale = .logarithmic
    chart.labels = all.count <= 12 ? all.map { ($0.bytes, $0.value, $0.name) } : []
    chart.height = 300
    return chart
}

extension Double {
    /// Within what an integer can hold; 0 for what is no number.
    var clamped: Double { isFinite ? Swift.min(Swift.max(self, -9e15), 9e15) : 0 }
}
