import Foundation
import Networks
import Tensors

/// Which encoding each parameter of trained weights gets, so that a file fits a limit and as little as possible is lost.
///
/// What an encoding costs is the share of a parameter's energy that it loses, or, measured, by how much predictions diverge
/// when that parameter alone is so encoded. Minimizes Σ cost under Σ bytes ≤ limit: for a price λ of a byte each parameter has the encoding with the smallest cost +
/// λ · bytes, and λ is bisected (Everett, 1963; for bits Shoham and Gersho, 1988). What is left of the limit is then spent on
/// the steps that save most for each byte.
struct BitAllocation {
    /// An encoding of one parameter, with what it costs.
    private struct Choice {
        let form: Form
        /// Estimated where numbers were sampled.
        let byteCount: Int
        let cost: Double
    }

    /// An encoding, but for what all numbers have to be coded for.
    private enum Form {
        case plain(WeightEncoding)
        case coded(LevelGrid)

        func round(_ numbers: Tensor) {
            numbers.withMutableSpan { span in
                switch self {
                case .plain(let encoding): encoding.round(&span)
                case .coded(let grid): grid.round(&span)
                }
            }
        }
    }

    /// Σ (x − x')² / Σ x²: the share of a parameter's energy that an encoding loses. As noise adds up from layer to layer, the
    /// parameters count alike, whatever their sizes.
    static func relativeError(_ numbers: Tensor, _ rounded: Tensor) -> Double {
        var lost = 0.0, all = 0.0
        numbers.withSpan { numbers in
            rounded.withSpan { rounded in
                for index in numbers.indices {
                    let number = Double(numbers[index]), difference = number - Double(rounded[index])
                    all += number * number
                    lost += difference * difference
                }
            }
        }
        return all > 0 ? lost / all : 0
    }

    /// Of each parameter, from the fewest bytes to the most; each costs less than those with fewer bytes.
    private let choices: [[Choice]]
    private let layout: ParameterLayout
    private let weights: Tensor

    /// Tries encodings on every parameter, or on a sample of its numbers where there are many.
    ///
    /// - Parameters:
    ///   - weights: A run of floats with the layout.
    ///   - costs: What errors cost, measured; without it they count alike in all parameters.
    ///   - kinds: Those that may be chosen, beside floats of 32 and 16 bits.
    init(
        _ layout: ParameterLayout, _ weights: Tensor, costs: EncodingCosts? = nil,
        kinds: WeightEncoding.Kinds = .all
    ) {
        (self.layout, self.weights) = (layout, weights)
        choices = layout.entries.map { entry in
            let numbers = weights.slice(at: entry.offset, count: entry.spec.shape.elementCount)
            let choices = Self.choices(entry, numbers, kinds)
            guard let costs else { return choices }
            return Self.frontier(
                choices.map { Choice(form: $0.form, byteCount: $0.byteCount, cost: costs($0.cost, in: entry)) })
        }
    }

    /// Each costs its error.
    private static func choices(
        _ entry: ParameterLayout.Entry, _ numbers: Tensor, _ kinds: WeightEncoding.Kinds
    ) -> [Choice] {
        let sample = numbers.sample, rounded = Buffer(zeros: sample.elementCount).tensor
        return frontier(
            candidates(entry, numbers, kinds).map { form in
                rounded.copy(from: sample)
                form.round(rounded)
                let byteCount: Int
                switch form {
                case .plain(let encoding): byteCount = encoding.byteCount(of: entry.spec.shape)
                case .coded(let grid):
                    let levels = sample.withSpan { CodedLevels(grid, of: $0) }
                    let share = Double(numbers.elementCount) / Double(sample.elementCount)
                    byteCount = Int((Double(levels.byteCount) * share).rounded(.up))
                }
                let error = relativeError(sample, rounded)
                return Choice(
                    form: form, byteCount: byteCount, cost: error.isFinite ? error : .greatestFiniteMagnitude)
            })
    }

    /// The encodings of a parameter that lose something, from the largest error to the smallest.
    static func lossy(
        _ entry: ParameterLayout.Entry, _ numbers: Tensor, _ kinds: WeightEncoding.Kinds
    ) -> [(error: Double, round: (Tensor) -> Void)] {
        choices(entry, numbers, kinds).filter { $0.cost > 0 }.map { ($0.cost, $0.form.round) }
    }

    /// Statistics stay float32, and few numbers have 16 bits at least, as with every precision.
    private static func candidates(
        _ entry: ParameterLayout.Entry, _ numbers: Tensor, _ kinds: WeightEncoding.Kinds
    ) -> [Form] {
        guard entry.spec.role == .trainable else { return [.plain(.float32)] }
        guard entry.spec.shape.elementCount >= WeightEncoding.fewest else {
            return [.plain(.float32), .plain(.float16)]
        }
        var forms: [Form] = [.plain(.float32), .plain(.float16)]
        // Levels take less than floats of 4 and 5 bits, and lose less.
        let fewest = kinds.contains(.shared) ? 6 : 4
        if kinds.contains(.integers) { forms.append(.plain(.int8)) }
        if kinds.contains(.floats) { forms += (fewest...15).map { .plain(.small(bits: $0)) } }
        if kinds.contains(.shared) {
            let scale = numbers.withSpan(scale), largest = numbers.withSpan(largestMagnitude)
            // All zeros have one level, whatever the step.
            forms += steps.map { .coded(LevelGrid(step: scale > 0 ? $0 * scale : 1, largest: largest)) }
        }
        return forms
    }

    /// Of coded levels, in root mean squares of the numbers that are not 0.
    private static let steps: [Float] = [
        0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.15, 1.3, 1.5, 1.75, 2, 2.4, 2.8, 3.4, 4.2,
        5.2,
    ]

    /// Those that nothing beats in both bytes and cost, from the fewest bytes to the most.
    private static func frontier(_ choices: [Choice]) -> [Choice] {
        var best: [Choice] = []
        for choice in choices.sorted(by: { ($0.byteCount, $0.cost) < ($1.byteCount, $1.cost) })
        where choice.cost < best.last?.cost ?? .infinity { best.append(choice) }
        return best
    }

    /// The encodings with the least cost whose numbers take no more bytes than a limit; the smallest ones if none do.
    ///
    /// - Returns: The encodings, and the bytes that their numbers were expected to take.
    func encodings(within limit: Int) -> (WeightEncodings, byteCount: Int) {
        let places = places(within: limit)
        var chosen: [Int: WeightEncoding] = [:]
        for (entry, (choices, place)) in zip(layout.entries, zip(choices, places)) {
            switch choices[place].form {
            case .plain(let encoding): chosen[entry.offset] = encoding
            case .coded(let grid):
                let numbers = weights.slice(at: entry.offset, count: entry.spec.shape.elementCount)
                chosen[entry.offset] = .coded(numbers.withSpan { CodedLevels(grid, of: $0) })
            }
        }
        return (WeightEncodings(layout) { chosen[$0.offset] ?? .float32 }, byteCount(places))
    }

    /// Which choice each parameter has.
    private func places(within limit: Int) -> [Int] {
        var free = choices.map { $0.count - 1 }
        guard byteCount(free) > limit else { return free }
        // Between a price at which everything is as small as can be and one at which bytes cost nothing. 100 halvings of the
        // exponent leave nothing between.
        var (low, high) = (-400.0, 100.0)
        var best = choices.map { _ in 0 }
        for _ in 0..<100 {
            let middle = (low + high) / 2
            free = cheapest(price: exp2(middle))
            if byteCount(free) > limit { low = middle } else { (high, best) = (middle, free) }
        }
        spendRest(of: limit, &best)
        return best
    }

    private func cheapest(price: Double) -> [Int] {
        choices.map { choices in
            var best = 0
            for (place, choice) in choices.enumerated() {
                func total(_ choice: Choice) -> Double { choice.cost + price * Double(choice.byteCount) }
                if total(choice) < total(choices[best]) { best = place }
            }
            return best
        }
    }

    /// Takes the finer encoding that saves most for each byte, as long as one fits.
    private func spendRest(of limit: Int, _ places: inout [Int]) {
        var rest = limit - byteCount(places)
        while true {
            var best: (parameter: Int, place: Int, gain: Double)?
            for (parameter, choices) in choices.enumerated() {
                let now = choices[places[parameter]]
                for place in choices.indices.dropFirst(places[parameter] + 1) {
                    let bytes = choices[place].byteCount - now.byteCount
                    guard bytes <= rest else { break }
                    let gain = (now.cost - choices[place].cost) / Double(max(bytes, 1))
                    if gain > best?.gain ?? 0 { best = (parameter, place, gain) }
                }
            }
            guard let best else { return }
            rest -=
                choices[best.parameter][best.place].byteCount
                - choices[best.parameter][places[best.parameter]].byteCount
            places[best.parameter] = best.place
        }
    }

    private func byteCount(_ places: [Int]) -> Int { zip(choices, places).reduce(0) { $0 + $1.0[$1.1].byteCount } }
}

/// The root mean square of the numbers that are finite and not 0, which pruning leaves as it is; 0 if there are none.
private func scale(_ numbers: Span<Float>) -> Float {
    var sum = 0.0, count = 0
    for index in numbers.indices where numbers[index].isFinite && numbers[index] != 0 {
        sum += Double(numbers[index]) * Double(numbers[index])
        count += 1
    }
    return Float((sum / Double(max(count, 1))).squareRoot())
}
