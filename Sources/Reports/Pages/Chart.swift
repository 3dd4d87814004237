import Foundation
import Tensors

/// A drawing of lines and points over two axes, as SVG.
///
/// It has the width of its column, and text that is legible in a column of 340 pixels.
struct Chart {
    struct Series {
        enum Form { case line, steps, points }

        let name: String
        /// The class that gives it a color: `student`, `ensemble`, `baseline`, `teacher`, `other1` and so on.
        let style: String
        var form = Form.line
        var points: [(x: Double, y: Double)]
    }

    /// How an axis is written on.
    enum Scale { case linear, logarithmic }

    var title: String
    var x = ""
    var series: [Series]
    var xScale = Scale.linear
    var yScale = Scale.linear
    /// What the axes reach to at least.
    var xRange: ClosedRange<Double>?
    var yRange: ClosedRange<Double>?
    /// How numbers of an axis are written.
    var xText: (Double) -> String = Chart.short
    var yText: (Double) -> String = Chart.short
    /// Names beside points.
    var labels: [(x: Double, y: Double, text: String)] = []
    /// A line at a place of x, and what it stands for: the budget.
    var limit: (x: Double, text: String)?
    var hasDiagonal = false
    var height = 240.0

    private static let width = 440.0
    private static let margin = (left: 52.0, right: 14.0, top: 10.0, bottom: 38.0)

    func svg() -> Markup {
        let all = series.flatMap(\.points).filter(Self.isDrawn)
        guard !all.isEmpty else { return "" }
        let limit = limit.flatMap { Self.isDrawn(($0.x, 0)) ? $0 : nil }
        let columns = Axis(all.map(\.x) + (limit.map { [$0.x] } ?? []), xRange, xScale, count: 5, isTight: true)
        let rows = Axis(all.map(\.y), yRange, yScale, count: 5)
        let margin = Self.margin, right = Self.width - margin.right, bottom = height - margin.bottom
        func place(_ point: (x: Double, y: Double)) -> (x: Double, y: Double) {
            (
                margin.left + columns.share(point.x) * (right - margin.left),
                bottom - rows.share(point.y) * (bottom - margin.top)
            )
        }
        var body: Markup = ""
        for tick in rows.ticks {
            let y = place((columns.low, tick)).y
            body += """
                <line class="grid" x1="\(margin.left)" x2="\(right)" y1="\(y)" y2="\(y)"/>\
                <text x="\(margin.left - 7)" y="\(y + 4)" text-anchor="end">\(yText(tick))</text>
                """
        }
        for tick in columns.ticks {
            let x = place((tick, rows.low)).x
            body += """
                <line class="tick" x1="\(x)" x2="\(x)" y1="\(bottom)" y2="\(bottom + 4)"/>\
                <text x="\(x)" y="\(bottom + 18)" text-anchor="middle">\(xText(tick))</text>
                """
        }
        body += """
            <line class="axis" x1="\(margin.left)" x2="\(right)" y1="\(bottom)" y2="\(bottom)"/>\
            <text class="name" x="\(right)" y="\(height - 4)" text-anchor="end">\(x)</text>
            """
        if hasDiagonal {
            let (from, to) = (place((columns.low, columns.low)), place((columns.high, columns.high)))
            body += "<line class=\"diagonal\" x1=\"\(from.x)\" y1=\"\(from.y)\" x2=\"\(to.x)\" y2=\"\(to.y)\"/>"
        }
        if let limit {
            let x = place((limit.x, rows.low)).x, isLeft = x > (margin.left + right) / 2
            body += """
                <line class="limit" x1="\(x)" x2="\(x)" y1="\(margin.top)" y2="\(bottom)"/>\
                <text x="\(x + (isLeft ? -5 : 5))" y="\(margin.top + 10)" \
                text-anchor="\(isLeft ? "end" : "start")">\(limit.text)</text>
                """
        }
        for one in series { body += drawn(one, place) }
        let names = labels.map { (point: place(($0.x, $0.y)), text: $0.text) }.filter { Self.isDrawn($0.point) }
        for label in Self.apart(names, within: margin.left...right) {
            body += """
                <text class="label" x="\(label.x)" y="\(label.y)" text-anchor="\(label.isEnd ? "end" : "start")">\(label.text)</text>
                """
        }
        return """
            <figure><figcaption>\(title)\(legend)</figcaption>\
            <svg viewBox="0 0 \(Self.width) \(height)" role="img" aria-label="\(title)">\(body)</svg></figure>
            """
    }

    /// Names beside their points, where there is room for them: right or left of each, level with it, below or above.
    static func apart(
        _ labels: [(point: (x: Double, y: Double), text: String)], within range: ClosedRange<Double>
    ) -> [(x: Double, y: Double, isEnd: Bool, text: String)] {
        var placed: [(x: Double, y: Double, isEnd: Bool, text: String)] = []
        // No name lies on a point.
        var taken = labels.map { (x: $0.point.x - 5...$0.point.x + 5, y: $0.point.y + 4) }
        for (point, text) in labels {
            // Letters of 12 pixels are some 7 wide, and a line of them 13 high.
            let width = 7 * Double(min(text.count, 60))
            let places = [4.0, 17, -9].flatMap { down in
                [false, true].map { isEnd in (x: point.x + (isEnd ? -9 : 9), y: point.y + down, isEnd: isEnd) }
            }
            func extent(_ place: (x: Double, y: Double, isEnd: Bool)) -> ClosedRange<Double> {
                place.isEnd ? place.x - width...place.x : place.x...place.x + width
            }
            let free = places.first { place in
                let own = extent(place)
                return range.lowerBound <= own.lowerBound && own.upperBound <= range.upperBound
                    && !taken.contains { $0.x.overlaps(own) && abs($0.y - place.y) < 13 }
            }
            guard let place = free ?? places.first else { continue }
            taken.append((extent(place), place.y))
            placed.append((place.x, place.y, place.isEnd, text))
        }
        return placed
    }

    /// Whether a point is one: numbers that are none, or beyond all measure, are left out.
    private static func isDrawn(_ point: (x: Double, y: Double)) -> Bool { abs(point.x) < 1e30 && abs(point.y) < 1e30 }

    /// Names of what is drawn, unless there is but one.
    private var legend: Markup {
        guard series.count > 1 else { return "" }
        let keys: [Markup] = series.map {
            "<span class=\"key\"><i class=\"\($0.style) \(Self.shape($0))\"></i>\($0.name)</span>"
        }
        return "<span class=\"legend\">\(keys)</span>"
    }

    private static func shape(_ series: Series) -> String { series.form == .points ? "dot" : "dash" }

    private func drawn(_ series: Series, _ place: ((x: Double, y: Double)) -> (x: Double, y: Double)) -> Markup {
        let points = series.points.filter(Self.isDrawn).map(place)
        guard let first = points.first else { return "" }
        if series.form == .points || points.count == 1 {
            return Self.dots(points, series.style)
        }
        var path: Markup = "M\(first.x) \(first.y)"
        for point in points.dropFirst() {
            path += series.form == .steps ? "H\(point.x)V\(point.y)" : "L\(point.x) \(point.y)"
        }
        let dots = points.count <= 40 && series.form == .line ? Self.dots(points, series.style + " small") : ""
        return "<path class=\"\(series.style)\" d=\"\(path)\"/>\(dots)"
    }

    private static func dots(_ points: [(x: Double, y: Double)], _ style: String) -> Markup {
        let radius = style.hasSuffix("small") ? 2.0 : 5.0
        var all: Markup = ""
        for point in points {
            all += "<circle class=\"\(style)\" cx=\"\(point.x)\" cy=\"\(point.y)\" r=\"\(radius)\"/>"
        }
        return all
    }

    /// A number as an axis has it: `0.05`, `250`, `3k`, `1e-05`.
    static func short(_ number: Double) -> String {
        guard number.isFinite, number != 0 else { return "0" }
        let size = abs(number)
        if size >= 1e9 { return String(format: "%.3gG", number / 1e9) }
        if size >= 1e6 { return String(format: "%.3gM", number / 1e6) }
        if size >= 1e4 { return String(format: "%.3gk", number / 1e3) }
        return String(format: "%.4g", number)
    }
}

/// The range of an axis, with round numbers on it.
struct Axis {
    let low: Double
    let high: Double
    let ticks: [Double]
    private let scale: Chart.Scale

    /// - Parameters:
    ///   - count: About how many numbers are on it.
    ///   - isTight: Whether it ends with the last value, rather than with the next round number.
    init(_ values: [Double], _ range: ClosedRange<Double>?, _ scale: Chart.Scale, count: Int, isTight: Bool = false) {
        let values = values + (range.map { [$0.lowerBound, $0.upperBound] } ?? [])
        var low = values.min() ?? 0, high = values.max() ?? 1
        let isLogarithmic = scale == .logarithmic && low > 1e-30
        self.scale = isLogarithmic ? .logarithmic : .linear
        guard !isLogarithmic else {
            if high / low < 4 { (low, high) = (low / 2, high * 2) }
            (low, high) = (low * 0.8, high * 1.25)
            let decades = log10(low)...log10(high),
                steps: [Double] = decades.upperBound - decades.lowerBound < 2 ? [1, 2, 5] : [1]
            var ticks: [Double] = []
            for power in Int(decades.lowerBound.rounded(.down))...Int(decades.upperBound.rounded(.up)) {
                ticks += steps.map { $0 * pow(10, Double(power)) }.filter { $0 >= low && $0 <= high }
            }
            let every = max(1, (ticks.count + count) / (count + 1))
            (self.low, self.high) = (low, high)
            self.ticks = ticks.enumerated().filter { $0.offset % every == 0 }.map(\.element)
            return
        }
        if high - low <= abs(high) * 1e-9 {
            let room = max(abs(high) * 0.05, 1e-6)
            (low, high) = (low - room, high + room)
        }
        let step = Self.step((high - low) / Double(count))
        let first = (low / step).rounded(.down), last = (high / step).rounded(.up)
        // Values as far apart as can be have no round numbers between them.
        guard first.isFinite, last.isFinite, last - first < 100 else {
            (self.low, self.high, ticks) = (low, high, [low, high])
            return
        }
        (self.low, self.high) = isTight ? (low, high) : (first * step, last * step)
        ticks = stride(from: first, through: last, by: 1).map { $0 * step }.filter {
            !isTight || (low...high).contains($0)
        }
    }

    /// Where a value is, from 0 to 1.
    func share(_ value: Double) -> Double {
        scale == .logarithmic
            ? (log(max(value, low)) - log(low)) / (log(high) - log(low)) : (value - low) / (high - low)
    }

    /// 1, 2, 2.5 or 5 times a power of 10, no less than a number.
    private static func step(_ least: Double) -> Double {
        let power = pow(10, log10(least).rounded(.down))
        return ([1, 2, 2.5, 5].first { $0 * power >= least * 0.999 } ?? 10) * power
    }
}
