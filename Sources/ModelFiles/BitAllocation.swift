import Foundation
import Networks
public import Tensors

/// Which encoding each parameter of trained weights gets, so that a file fits a limit and as little as possible is lost.
///
/// Minimizes Σ cost under Σ bytes ≤ limit: for a price λ of a byte each parameter has the encoding with the smallest cost +
/// λ · bytes, and λ is bisected (Everett, 1963; for bits Shoham and Gersho, 1988). What is left of the limit is then spent on
/// the steps that save most for each byte.
struct BitAllocation {
    /// An encoding of one parameter, with what it costs.
    struct Choice {
        let encoding: WeightEncoding
        let byteCount: Int
        let cost: Double
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
    private let entries: [ParameterLayout.Entry]

    /// Tries encodings on every parameter.
    ///
    /// - Parameters:
    ///   - weights: A run of floats with the layout.
    ///   - cost: What is lost when numbers are stored as others; 0 or more.
    init(
        _ layout: ParameterLayout, _ weights: Tensor,
        cost: (_ numbers: Tensor, _ rounded: Tensor) -> Double = relativeError
    ) {
        entries = layout.entries
        choices = layout.entries.map { entry in
            let numbers = weights.slice(at: entry.offset, count: entry.spec.shape.elementCount)
            let rounded = Buffer(zeros: numbers.elementCount).tensor
            return Self.frontier(
                Self.candidates(entry, numbers).map { encoding in
                    rounded.copy(from: numbers)
                    rounded.withMutableSpan { encoding.round(&$0) }
                    let error = encoding == .float32 ? 0 : cost(numbers, rounded)
                    return Choice(
                        encoding: encoding, byteCount: encoding.byteCount(of: entry.spec.shape),
                        cost: error.isFinite ? error : .greatestFiniteMagnitude)
                })
        }
    }

    /// Statistics stay float32, and few numbers have 16 bits at least, as with every precision.
    private static func candidates(_ entry: ParameterLayout.Entry, _ numbers: Tensor) -> [WeightEncoding] {
        guard entry.spec.role == .trainable else { return [.float32] }
        let count = entry.spec.shape.elementCount
        guard count >= WeightEncoding.fewest else { return [.float32, .float16] }
        let scale = Float((numbers.withSpan(sumOfFiniteSquares) / Double(count)).squareRoot())
        let coded = numbers.withSpan { span in
            // All zeros have one level, whatever the step.
            steps.map { WeightEncoding.coded(CodedLevels(step: scale > 0 ? $0 * scale : 1, of: span)) }
        }
        return [.float32, .float16] + (6...15).map { .small(bits: $0) } + coded
    }

    /// Of coded levels, in root mean squares of the numbers.
    private static let steps: [Float] = [
        0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.15, 1.3, 1.5, 1.75, 2, 2.4, 2.8,
    ]

    /// Those that nothing beats in both bytes and cost, from the fewest bytes to the most.
    private static func frontier(_ choices: [Choice]) -> [Choice] {
        var best: [Choice] = []
        for choice in choices.sorted(by: { ($0.byteCount, $0.cost) < ($1.byteCount, $1.cost) })
        where choice.cost < best.last?.cost ?? .infinity { best.append(choice) }
        return best
    }

    /// The fewest bytes that all numbers can take.
    var fewestBytes: Int { choices.reduce(0) { $0 + ($1.first?.byteCount ?? 0) } }

    /// The encodings with the least cost whose numbers take no more bytes than a limit; the smallest ones if none do.
    func encodings(of layout: ParameterLayout, within limit: Int) -> WeightEncodings {
        let best = places(within: limit)
        let chosen = zip(choices, best).map { $0[$1].encoding }
        let offsets = Dictionary(uniqueKeysWithValues: zip(entries.map(\.offset), chosen))
        return WeightEncodings(layout) { offsets[$0.offset] ?? .float32 }
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

private func sumOfFiniteSquares(_ numbers: Span<Float>) -> Double {
    var sum = 0.0
    for index in numbers.indices where numbers[index].isFinite {
        sum += Double(numbers[index]) * Double(numbers[index])
    }
    return sum
}

extension ExportPlan {
    /// Plans the file of trained weights so that it takes no more than a limit: each parameter is stored in the encoding that a
    /// Lagrangian of error and bytes chooses for it.
    ///
    /// - Parameters:
    ///   - weights: A run of floats with the network's layout.
    ///   - path: What errors call the file.
    /// - Throws: `ModelFileError` for a network that the format cannot express, or one that does not fit.
    public static func fitting(
        _ built: BuiltArchitecture, _ weights: Tensor, limit: ByteCount, format: any ModelFormat = KerasHDF5(),
        notes: Notes = Notes(), as path: String
    ) throws -> ExportPlan {
        let exact = try ExportPlan(built, format: format, notes: notes)
        guard exact.size.file > limit else { return exact }
        let layout = built.graph.layout, allocation = BitAllocation(layout, weights)
        // What the file takes beside the numbers hardly depends on their encodings, and is known once it was planned.
        var beside = exact.size.overhead.bytes, best: ExportPlan?
        for _ in 0..<4 {
            let encodings = allocation.encodings(of: layout, within: limit.bytes - beside)
            let plan = try ExportPlan(built, encodings, format: format, notes: notes), size = plan.size
            if size.file <= limit, size.weights > best?.size.weights ?? ByteCount(0) { best = plan }
            guard size.overhead.bytes != beside else { break }
            beside = size.overhead.bytes
        }
        if let best { return best }
        throw ModelFileError(
            .tooLarge, path,
            [
                "takes at least \(ByteCount(beside + allocation.fewestBytes)) with the coarsest weights, over the budget of "
                    + "\(limit); \(ByteCount(beside)) of it are no weights"
            ],
            advice: "Raise --budget, or distil a smaller student")
    }
}
