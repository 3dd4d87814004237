import Foundation

/// A value that changes over training, such as a loss's weight: a number, or a curve over progress t from 0 to 1.
///
///     0.5                        constant, also written constant:0.5
///     linear:0:1                 from (1 − t) + to t
///     cosine:0:1                 half a cosine wave: the share (1 − cos πt) / 2 of the way
///     exponential:0.01:1         from^(1 − t) to^t: the same factor in every step
///     step:0:1:0.5               from 0 to 1 at half of training
///     linear:0:1@0.5,1           linear until half of training, then 1; each part has its own t from 0 to 1
public enum Schedule: Hashable, Sendable {
    case constant(Double)
    case linear(from: Double, to: Double)
    case cosine(from: Double, to: Double)
    /// Both ends above 0.
    case exponential(from: Double, to: Double)
    case step(from: Double, to: Double, at: Double)
    /// Parts one after another. Their ends rise; the last part goes on to the end of training.
    case joined([Part])

    /// A stretch of training with a schedule of its own, which is not joined itself.
    public struct Part: Hashable, Sendable {
        public var schedule: Schedule
        /// The share of training that is over where the part ends.
        public var end: Double

        public init(_ schedule: Schedule, until end: Double = 1) { (self.schedule, self.end) = (schedule, end) }
    }

    /// The value at `progress`, 0 at the first step and 1 at the last.
    public func callAsFunction(_ progress: Double) -> Double {
        let t = min(max(progress, 0), 1)
        switch self {
        case .constant(let value): return value
        case .linear(let from, let to): return mix(from, to, t)
        case .cosine(let from, let to): return mix(from, to, (1 - cos(.pi * t)) / 2)
        case .exponential(let from, let to): return clamped(pow(from, 1 - t) * pow(to, t), from, to)
        case .step(let from, let to, let at): return t < at ? from : to
        case .joined(let parts):
            let index = parts.firstIndex { t < $0.end } ?? parts.count - 1
            let start = index == 0 ? 0 : parts[index - 1].end
            return parts[index].schedule((t - start) / (parts[index].end - start))
        }
    }

    /// The smallest value it takes; where a part ends just before, the value that it nears.
    public var minimum: Double { range().lowest }

    /// The largest value it takes, or nears.
    public var maximum: Double { range().highest }

    /// Whether it is 0 throughout.
    public var isZero: Bool { range() == (0, 0) }

    /// - Parameter isWhole: Whether its own end is part of it.
    private func range(isWhole: Bool = true) -> (lowest: Double, highest: Double) {
        switch self {
        case .constant(let value): return (value, value)
        case .step(_, let to, let at) where at <= 0: return (to, to)
        case .step(let from, _, let at) where at > 1 || at == 1 && !isWhole: return (from, from)
        case .linear(let from, let to), .cosine(let from, let to), .exponential(let from, let to),
            .step(let from, let to, _):
            return (min(from, to), max(from, to))
        case .joined(let parts):
            let ranges = parts.enumerated().map { $1.schedule.range(isWhole: isWhole && $0 == parts.count - 1) }
            return (ranges.map(\.lowest).min() ?? 0, ranges.map(\.highest).max() ?? 0)
        }
    }
}

/// A share of the way between two values: exact at both ends, and never outside.
private func mix(_ from: Double, _ to: Double, _ share: Double) -> Double {
    clamped(from * (1 - share) + to * share, from, to)
}

private func clamped(_ value: Double, _ from: Double, _ to: Double) -> Double {
    min(max(value, min(from, to)), max(from, to))
}

// MARK: - As text

/// A text that is no schedule: what is wrong with it.
public struct ScheduleError: Error, Hashable, CustomStringConvertible {
    public let description: String
    /// The name of a curve that does not exist.
    public let unknownName: String?

    public init(_ description: String, unknownName: String? = nil) {
        (self.description, self.unknownName) = (description, unknownName)
    }
}

extension Schedule: CustomStringConvertible {
    /// The curves, and what is written behind their names.
    private static let forms = [
        "constant": "VALUE", "linear": "FROM:TO", "cosine": "FROM:TO", "exponential": "FROM:TO", "step": "FROM:TO:AT",
    ]

    /// The names of the curves.
    public static let names = forms.keys.sorted()

    /// - Throws: `ScheduleError` for what is no schedule, with what it should be.
    public init(_ text: String) throws(ScheduleError) {
        let texts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        var parts: [Part] = []
        for (index, text) in texts.enumerated() {
            let part = try Part(text, isLast: index == texts.count - 1)
            if let before = parts.last, before.end >= part.end {
                throw ScheduleError("'\(text)': the parts' ends must rise, but one at \(before.end) comes before")
            }
            parts.append(part)
        }
        self = parts.count == 1 ? parts[0].schedule : .joined(parts)
    }

    /// Reads one curve.
    fileprivate init(curve text: String) throws(ScheduleError) {
        let words = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        let isNumber = Double(words[0]) != nil, name = isNumber ? "constant" : words[0]
        guard let form = Self.forms[name] else {
            let names = Self.names.joined(separator: ", ")
            throw name.isEmpty
                ? ScheduleError("expected a number or a schedule such as linear:0:1, found '\(text)'")
                : ScheduleError("there is no schedule '\(name)' (schedules are numbers, \(names))", unknownName: name)
        }
        let numbers = isNumber ? words : Array(words.dropFirst())
        guard numbers.count == form.split(separator: ":").count else {
            throw ScheduleError("expected \(isNumber ? "one number" : "\(name):\(form)"), found '\(text)'")
        }
        var values: [Double] = []
        for number in numbers {
            guard let value = Double(number), value.isFinite else {
                throw ScheduleError("'\(text)': expected a finite number, found '\(number)'")
            }
            values.append(value)
        }
        switch name {
        case "linear": self = .linear(from: values[0], to: values[1])
        case "cosine": self = .cosine(from: values[0], to: values[1])
        case "exponential":
            guard values[0] > 0, values[1] > 0 else {
                throw ScheduleError(
                    "'\(text)': an exponential schedule never reaches 0; both ends must be above 0")
            }
            self = .exponential(from: values[0], to: values[1])
        case "step":
            guard (0...1).contains(values[2]) else {
                throw ScheduleError(
                    "'\(text)': AT is a share of training, from 0 to 1, found \(numbers[2])")
            }
            self = .step(from: values[0], to: values[1], at: values[2])
        default: self = .constant(values[0])
        }
    }

    /// As it is read.
    public var description: String {
        switch self {
        case .constant(let value): short(value)
        case .linear(let from, let to): "linear:\(short(from)):\(short(to))"
        case .cosine(let from, let to): "cosine:\(short(from)):\(short(to))"
        case .exponential(let from, let to): "exponential:\(short(from)):\(short(to))"
        case .step(let from, let to, let at): "step:\(short(from)):\(short(to)):\(short(at))"
        case .joined(let parts):
            parts.map { $0.end == 1 ? "\($0.schedule)" : "\($0.schedule)@\($0.end)" }.joined(separator: ",")
        }
    }
}

extension Schedule.Part {
    /// Reads `linear:0:1@0.5`; the last part ends with training, and needs no end.
    fileprivate init(_ text: String, isLast: Bool) throws(ScheduleError) {
        let halves = text.split(separator: "@", omittingEmptySubsequences: false).map(String.init)
        let schedule = try Schedule(curve: halves[0])
        guard halves.count <= 2 else { throw ScheduleError("'\(text)': expected one '@'") }
        if halves.count == 1 {
            guard isLast else {
                throw ScheduleError(
                    "'\(text)': add the share of training at which it ends, such as \(text)@0.5, as another part follows"
                )
            }
            self.init(schedule)
            return
        }
        guard let end = Double(halves[1]), end > 0, end <= 1 else {
            throw ScheduleError("'\(text)': expected a share of training, above 0 and at most 1, behind '@'")
        }
        guard isLast == (end == 1) else {
            throw ScheduleError(
                isLast
                    ? "'\(text)': the last part goes on to the end of training; leave '@\(halves[1])' out"
                    : "'\(text)': no part can follow one that goes on to the end of training")
        }
        self.init(schedule, until: end)
    }
}

private func short(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }

/// How the learning rate changes over training: a factor of its peak, after a linear rise from 0.
public struct LearningRateSchedule: Hashable, Sendable, CustomStringConvertible {
    public enum Shape: String, Hashable, Sendable, CaseIterable { case constant, linear, cosine }

    public var shape: Shape
    /// The share of all steps spent rising.
    public var warmup: Double

    public init(_ shape: Shape, warmup: Double = 0) {
        self.shape = shape
        self.warmup = warmup
    }

    /// Reads `cosine` or `cosine:0.05`: a shape, and the share of training that is warm-up.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 2, let shape = Shape(rawValue: parts[0]) else { return nil }
        let warmup = parts.count == 2 ? Double(parts[1]) : 0
        guard let warmup, (0..<1).contains(warmup) else { return nil }
        self.init(shape, warmup: warmup)
    }

    /// The factor for the step that begins at `progress`; the last step's is above 0.
    public func callAsFunction(step: Int, of total: Int) -> Double {
        let rising = Int((warmup * Double(total)).rounded())
        if step < rising { return Double(step + 1) / Double(rising + 1) }
        let t = Double(step - rising) / Double(max(total - rising, 1))
        switch shape {
        case .constant: return 1
        case .linear: return 1 - t
        case .cosine: return (1 + cos(.pi * t)) / 2
        }
    }

    public var description: String { warmup == 0 ? shape.rawValue : "\(shape.rawValue):\(warmup)" }
}
