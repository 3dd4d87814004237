import Foundation
import Tensors
import TestSupport
import Testing

@testable import Training

/// Examples of consecutive numbers from 1 on, so that each number says where it comes from.
private func numbered(_ count: Int, _ shape: Shape) -> [Float] { (1...(count * shape.elementCount)).map { Float($0) } }

/// What an augmentation makes of examples, and their lengths.
private func augmented(
    _ text: String, _ values: [Float], _ shape: Shape, lengths: [Int]? = nil, seeds: [Int], zero: [Float] = [0]
) throws -> (values: [Float], lengths: [Int]?) {
    let memory = Buffer(zeros: 2 * values.count), count = values.count / shape.elementCount
    let source = memory.tensor(count: count, shape: shape)
    let result = memory.tensor(at: values.count, count: count, shape: shape)
    source.copy(from: values)
    var after = lengths
    try Augmentation(text).apply(
        to: source, into: result, lengths: &after, keys: seeds.map { RandomKey(seed: $0) }, zero: zero)
    #expect(source.values == values, "the source is left alone")
    return (result.values, after)
}

private func augmented(
    _ text: String, _ values: [Float], _ shape: Shape, seed: Int, zero: [Float] = [0]
) throws -> [Float] {
    try augmented(text, values, shape, seeds: [seed], zero: zero).values
}

@Suite struct AugmentationTextTests {
    @Test(arguments: [
        "crop:4", "flip", "cutout:8", "shift:10", "drop-frames:0.2", "noise:0.1", "mixup:0.2", "crop:4,flip,cutout:8",
        "flip,crop:1,mixup:1", "noise:1e-05,shift:3", "drop-frames:0.125,noise:2,mixup:1000",
    ])
    func isWrittenAsItWasRead(text: String) throws {
        let augmentation = try Augmentation(text)
        #expect(augmentation.description == text)
        #expect(try Augmentation(augmentation.description) == augmentation)
    }

    @Test func writesNumbersInOneWay() throws {
        #expect(try Augmentation("crop:+04,noise:0.10,mixup:2.0").description == "crop:4,noise:0.1,mixup:2")
    }

    @Test func keepsTheOrder() throws {
        #expect(try Augmentation("cutout:2,crop:1").steps == [.cutout(side: 2), .crop(padding: 1)])
        #expect(try Augmentation("cutout:2,crop:1") != Augmentation("crop:1,cutout:2"))
        #expect(try Augmentation("flip,mixup:0.2").mixes)
        #expect(try !Augmentation("flip").mixes)
    }

    private static let known = "(steps are crop, cutout, drop-frames, flip, mixup, noise, shift)"

    @Test(arguments: [
        ("", "expected steps such as crop:4,flip,cutout:8, found nothing"),
        ("flop", "there is no step 'flop'; did you mean 'flip'? \(known)"),
        ("drop-frame:0.2", "there is no step 'drop-frame'; did you mean 'drop-frames'? \(known)"),
        ("rotate:15", "there is no step 'rotate' \(known)"),
        ("flip,", "there is no step '' \(known)"),
        ("crop", "'crop' takes a number of pixels, such as crop:4, found 'crop'"),
        ("crop:0", "'crop' takes a number of pixels, such as crop:4, found 'crop:0'"),
        ("crop:4:4", "'crop' takes a number of pixels, such as crop:4, found 'crop:4:4'"),
        (
            "crop:99999999999999999999",
            "'crop' takes a number of pixels, such as crop:4, found 'crop:99999999999999999999'"
        ),
        ("flip:0.5", "'flip' takes nothing behind it, found 'flip:0.5'"),
        ("flip:", "'flip' takes nothing behind it, found 'flip:'"),
        ("cutout:-8", "'cutout' takes the side of a square in pixels, such as cutout:8, found 'cutout:-8'"),
        ("shift:1.5", "'shift' takes a number of places, such as shift:10, found 'shift:1.5'"),
        (
            "drop-frames:1",
            "'drop-frames' takes a probability above 0 and below 1, such as drop-frames:0.2, found 'drop-frames:1'"
        ),
        ("noise:inf", "'noise' takes a deviation above 0, such as noise:0.1, found 'noise:inf'"),
        ("noise:1e-60", "'noise' takes a deviation above 0, such as noise:0.1, found 'noise:1e-60'"),
        ("mixup:nan", "'mixup' takes the α of Beta(α, α), from 0.001 to 1000, such as mixup:0.2, found 'mixup:nan'"),
        ("crop:4,flip,crop:2", "a step may appear once, found 'crop:4' and 'crop:2'"),
        (
            "crop:4,mixup:0.2,flip",
            "'mixup:0.2' comes last, since it mixes examples that are ready: write 'crop:4,flip,mixup:0.2'"
        ),
    ])
    func saysWhatIsNoAugmentation(text: String, message: String) throws {
        let error = try #require(throws: AugmentationError.self) { try Augmentation(text) }
        #expect(error.description == message)
    }

    /// Texts put together at random of pieces that mean something and of some that do not.
    @Test func readsOrRefusesAnyText() {
        let pieces = [
            "crop", "flip", "cutout", "drop-frames", "shift", "noise", "mixup", ":", ":", ":", ",", ",", "4", "0.2",
            "-", "+",
            "1e9", "1e999", "nan", "inf", "0x1p-3", " ", "\0", "é", "🙂", "９", "9223372036854775808", "",
        ]
        let key = RandomKey(seed: 11)
        var readCount = 0
        for index in 0..<20_000 {
            let length = key[index].integer(0, below: 8)
            let text = (0..<length).map { pieces[key[index].integer($0 + 1, below: pieces.count)] }.joined()
            guard let augmentation = try? Augmentation(text) else { continue }
            readCount += 1
            #expect((try? Augmentation(augmentation.description)) == augmentation, "\(text)")
            for shape in [[], [0], [1], [0, 0, 0], [1, 1, 1], [5, 4, 3], [7, 2]] {
                for hasLengths in [false, true] { _ = augmentation.refusals(shape: shape, hasLengths: hasLengths) }
            }
        }
        #expect(readCount > 50)
    }
}

@Suite struct AugmentationRefusalTests {
    @Test(arguments: [
        ("crop:4,flip,cutout:8,noise:0.1,mixup:0.2", [32, 32, 3], false), ("shift:10", [28, 28, 1], false),
        ("drop-frames:0.2,shift:10,noise:1", [300, 1152], true), ("drop-frames:0.2", [300, 1152], false),
        ("drop-frames:0.2,shift:2", [8, 16, 16, 3], true), ("noise:1,mixup:1", [784], false),
        ("crop:27,cutout:28", [28, 30, 1], false),
    ])
    func takesWhatSuits(text: String, shape: [Int], hasLengths: Bool) throws {
        #expect(try Augmentation(text).refusals(shape: shape, hasLengths: hasLengths) == [])
    }

    @Test func saysEverythingAtOnce() throws {
        #expect(
            try Augmentation("crop:4,flip,drop-frames:0.2,noise:1,shift:20").refusals(
                shape: [20, 64], hasLengths: true)
                == [
                    "'crop:4' takes images (H, W, C), found examples (20, 64) with true lengths; leave it out",
                    "'flip' takes images (H, W, C), found examples (20, 64) with true lengths; leave it out",
                    "'shift:20' could leave nothing of 20 places; move by less than 20",
                ])
    }

    @Test(arguments: [
        (
            "flip", [28, 28], false,
            "'flip' takes images (H, W, C), found examples (28, 28); leave it out, "
                + "or give gray images a last axis of 1"
        ),
        (
            "cutout:2", [8, 16, 3], true,
            "'cutout:2' takes images (H, W, C), found examples (8, 16, 3) with true lengths; leave it out"
        ),
        ("crop:28", [28, 30, 1], false, "'crop:28' could leave nothing of images of 28 × 30; pad by less than 28"),
        ("crop:1", [1, 30, 1], false, "'crop:1' could leave nothing of images of 1 × 30; leave it out"),
        ("cutout:29", [30, 28, 1], false, "'cutout:29' is larger than images of 30 × 28; cut out at most 28"),
        (
            "drop-frames:0.2", [28, 28, 1], false,
            "'drop-frames:0.2' takes sequences (T, C), found examples (28, 28, 1); leave it out"
        ),
        (
            "shift:2", [784], false,
            "'shift:2' takes sequences (T, C) or images (H, W, C), found examples (784); leave it out"
        ),
        ("shift:1", [1, 3], false, "'shift:1' could leave nothing of 1 places; leave it out"),
    ])
    func saysWhatDoesNotSuit(text: String, shape: [Int], hasLengths: Bool, message: String) throws {
        #expect(try Augmentation(text).refusals(shape: shape, hasLengths: hasLengths) == [message])
    }
}

@Suite struct AugmentationKeyTests {
    private static let all = "crop:3,flip,cutout:4,shift:2,noise:0.5"

    @Test func givesTheSameBitsForTheSameKey() throws {
        let shape: Shape = [9, 7, 3], x = numbered(8, shape), seeds = Array(0..<8)
        let first = try augmented(Self.all, x, shape, seeds: seeds).values
        #expect(try augmented(Self.all, x, shape, seeds: seeds).values == first)
        for index in 0..<8 {
            let one = Array(x[(index * 189)..<((index + 1) * 189)]), found = first[(index * 189)..<((index + 1) * 189)]
            #expect(try augmented(Self.all, one, shape, seed: index) == Array(found), "example \(index) by itself")
            #expect(try augmented(Self.all, one, shape, seed: index + 8) != Array(found), "another key")
        }
    }

    @Test func changesInPlaceAlike() throws {
        let shape: Shape = [9, 7, 3], x = numbered(8, shape), memory = Buffer(zeros: x.count)
        let examples = memory.tensor(count: 8, shape: shape)
        examples.copy(from: x)
        var lengths: [Int]?
        try Augmentation(Self.all).apply(
            to: examples, into: examples, lengths: &lengths, keys: (0..<8).map { RandomKey(seed: $0) })
        #expect(try augmented(Self.all, x, shape, seeds: Array(0..<8)).values == examples.values)
    }

    @Test func stepsDoNotShareTheirNumbers() throws {
        // Where a crop moves to is the same whether or not something else is done, and in which order.
        let shape: Shape = [6, 6, 1], x = numbered(1, shape)
        for seed in 0..<50 {
            let alone = try augmented("crop:2", x, shape, seed: seed)
            let cut = try augmented("crop:2,cutout:2", x, shape, seed: seed)
            #expect(zip(alone, cut).allSatisfy { $0 == $1 || $1 == 0 })
        }
    }

    @Test func doesStepsFromLeftToRight() throws {
        // Noise on what was cut out, or none: nothing is exactly 0 in the former.
        let shape: Shape = [6, 6, 1], x = [Float](repeating: 1, count: 36)
        #expect(try !augmented("cutout:4,noise:0.1", x, shape, seed: 1).contains(0))
        #expect(try augmented("noise:0.1,cutout:4", x, shape, seed: 1).contains(0))
    }
}

@Suite struct ImageStepTests {
    /// The image padded and cut, one pixel after the other.
    private func cropped(_ x: [Float], _ shape: Shape, down: Int, right: Int, zero: [Float]) -> [Float] {
        var y: [Float] = []
        for row in 0..<shape[0] {
            for column in 0..<shape[1] {
                for channel in 0..<shape[2] {
                    let (r, c) = (row + down, column + right)
                    let isInside = r >= 0 && r < shape[0] && c >= 0 && c < shape[1]
                    y.append(isInside ? x[(r * shape[1] + c) * shape[2] + channel] : zero[channel % zero.count])
                }
            }
        }
        return y
    }

    @Test(arguments: [[5, 7, 3], [8, 8, 1], [4, 3, 2]] as [Shape])
    func cropsWherePaddingAndCuttingWould(shape: Shape) throws {
        let x = numbered(1, shape), places = (-2...2).flatMap { down in (-2...2).map { (down, $0) } }
        // What 0 in the file is, for each channel.
        let zero = (0..<shape[2]).map { -0.5 - Float($0) }
        let candidates = places.map { cropped(x, shape, down: $0.0, right: $0.1, zero: zero) }
        var seen = Set<Int>()
        for seed in 0..<400 {
            let found = try augmented("crop:2", x, shape, seed: seed, zero: zero)
            let place = try #require(candidates.firstIndex(of: found), "seed \(seed)")
            seen.insert(place)
        }
        #expect(seen.count == 25)
    }

    @Test func cropsAtAllPlacesEquallyOften() throws {
        // The middle pixel of 9 × 9 says which of the (2 · 4 + 1)² places a crop was from.
        let shape: Shape = [9, 9, 1], keys = 81 * 200
        let x = (0..<keys).flatMap { _ in numbered(1, shape) }
        let found = try augmented("crop:4", x, shape, seeds: Array(0..<keys)).values
        var counts = [Int](repeating: 0, count: 81)
        for index in 0..<keys { counts[Int(found[index * 81 + 40]) - 1] += 1 }
        let chiSquare = counts.reduce(0.0) { $0 + Double(($1 - 200) * ($1 - 200)) / 200 }
        #expect(chiSquare < 124.84, "99.9 % of χ² with 80 degrees of freedom")
    }

    @Test func flipsAboutHalfOfTheImages() throws {
        // Two rows of three pixels of two channels.
        let x: [Float] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], y: [Float] = [5, 6, 3, 4, 1, 2, 11, 12, 9, 10, 7, 8]
        let results = try (0..<1000).map { try augmented("flip", x, [2, 3, 2], seed: $0) }
        #expect(results.allSatisfy { $0 == x || $0 == y })
        let flipped = results.count { $0 == y }
        #expect(abs(flipped - 500) < 52, "3.3 deviations of √250")
    }

    @Test(arguments: [[4, 6, 3], [3, 5, 1], [2, 1, 2]] as [Shape])
    func flippingTwiceChangesNothing(shape: Shape) throws {
        let x = numbered(1, shape)
        for seed in 0..<20 {
            let once = try augmented("flip", x, shape, seed: seed)
            #expect(try augmented("flip", once, shape, seed: seed) == x)
        }
    }

    /// The square around each pixel, cut off at the border, and its mean area.
    @Test(arguments: [(2, 5, 6), (3, 5, 7), (4, 8, 8), (1, 3, 4)])
    func cutsOutASquareAroundAnyPixel(side: Int, height: Int, width: Int) throws {
        let shape: Shape = [height, width, 2], x = numbered(1, shape)
        var candidates: [[Float]: Int] = [:]
        for a in 0..<height {
            for b in 0..<width {
                let y = x.indices.map { element in
                    let (row, column) = (element / 2 / width, element / 2 % width)
                    let isIn = { (place: Int, center: Int) in
                        place >= center - side / 2 && place < center - side / 2 + side
                    }
                    return isIn(row, a) && isIn(column, b) ? -1 : x[element]
                }
                candidates[y, default: 0] += 1
            }
        }
        let expected =
            candidates.reduce(0.0) { sum, candidate in
                sum + Double(candidate.key.count { $0 == -1 } * candidate.value)
            } / Double(height * width)
        var seen = Set<[Float]>(), area = 0
        for seed in 0..<2000 {
            let found = try augmented("cutout:\(side)", x, shape, seed: seed, zero: [-1])
            #expect(candidates[found] != nil, "seed \(seed)")
            seen.insert(found)
            area += found.count { $0 == -1 }
        }
        #expect(seen.count == candidates.count)
        #expect(abs(Double(area) / 2000 - expected) < 0.05 * expected + 0.01)
    }
}

@Suite struct SequenceStepTests {
    @Test func movesFramesAndKeepsTheLength() throws {
        // Five frames of two features, four of them real.
        let x = numbered(1, [5, 2])
        let expected: [[Float]] = [
            [5, 6, 7, 8, -1, -1, -1, -1, 9, 10], [3, 4, 5, 6, 7, 8, -1, -1, 9, 10], x,
            [-1, -1, 1, 2, 3, 4, 5, 6, 9, 10], [-1, -1, -1, -1, 1, 2, 3, 4, 9, 10],
        ]
        var counts = [Int](repeating: 0, count: 5)
        for seed in 0..<1000 {
            let found = try augmented("shift:2", x, [5, 2], lengths: [4], seeds: [seed], zero: [-1])
            #expect(found.lengths == [4])
            counts[try #require(expected.firstIndex(of: found.values), "\(found.values)")] += 1
        }
        let chiSquare = counts.reduce(0.0) { $0 + Double(($1 - 200) * ($1 - 200)) / 200 }
        #expect(chiSquare < 18.47, "99.9 % of χ² with 4 degrees of freedom")
    }

    @Test func movesImagesAlongTheirFirstAxis() throws {
        let found = try Set((0..<100).map { try augmented("shift:1", [1, 2, 3, 4, 5, 6], [3, 2, 1], seed: $0) })
        #expect(found == [[1, 2, 3, 4, 5, 6], [0, 0, 1, 2, 3, 4], [3, 4, 5, 6, 0, 0]])
    }

    @Test func leavesShortExamplesAFrame() throws {
        for seed in 0..<100 {
            let found = try augmented(
                "shift:3", numbered(3, [4, 1]), [4, 1], lengths: [0, 1, 2], seeds: [seed, seed, seed])
            #expect(found.lengths == [0, 1, 2])
            #expect(Array(found.values[..<8]) == [1, 2, 3, 4, 5, 6, 7, 8])
            #expect([[9, 10], [0, 9], [10, 0]].contains(Array(found.values[8..<10])))
        }
    }

    @Test func dropsFramesAndMovesTheOthersUp() throws {
        // Of three real frames any but none may stay: probability 0.6^kept · 0.4^dropped; with none, one of them stays.
        let x = numbered(1, [4, 2])
        var counts: [[Float]: Int] = [:]
        for seed in 0..<10_000 {
            let found = try augmented("drop-frames:0.4", x, [4, 2], lengths: [3], seeds: [seed], zero: [-1])
            let length = try #require(found.lengths?.first)
            #expect(found.values[(2 * length)...].allSatisfy { $0 == -1 })
            counts[Array(found.values[..<(2 * length)]), default: 0] += 1
        }
        let one = 0.6 * 0.16 + 0.064 / 3, two = 0.36 * 0.4
        let expected: [[Float]: Double] = [
            [1, 2]: one, [3, 4]: one, [5, 6]: one, [1, 2, 3, 4]: two, [1, 2, 5, 6]: two, [3, 4, 5, 6]: two,
            [1, 2, 3, 4, 5, 6]: 0.216,
        ]
        #expect(Set(counts.keys) == Set(expected.keys))
        let chiSquare = expected.reduce(0.0) { sum, item in
            let mean = 10_000 * item.value, difference = Double(counts[item.key] ?? 0) - mean
            return sum + difference * difference / mean
        }
        #expect(chiSquare < 22.46, "99.9 % of χ² with 6 degrees of freedom")
    }

    @Test func dropsFramesWhereNoLengthsAreKnown() throws {
        let found = try augmented("drop-frames:0.9", numbered(1, [6, 1]), [6, 1], seeds: [4])
        #expect(found.lengths == nil)
        let kept = found.values.filter { $0 != 0 }
        #expect(!kept.isEmpty && kept == kept.sorted() && kept == Array(found.values[..<kept.count]))
    }

    @Test func laterStepsSeeTheNewLength() throws {
        for seed in 0..<50 {
            let found = try augmented(
                "drop-frames:0.5,noise:1,shift:2", numbered(1, [6, 2]), [6, 2], lengths: [5], seeds: [seed])
            let length = try #require(found.lengths?.first)
            #expect(found.values[(2 * length)...].allSatisfy { $0 == 0 })
        }
    }

    @Test func leavesEmptySequencesEmpty() throws {
        let found = try augmented("drop-frames:0.5,shift:1,noise:1", [1, 2, 3], [3, 1], lengths: [0], seeds: [1])
        #expect(found.lengths == [0])
        #expect(found.values == [0, 0, 0])
    }
}

@Suite struct NoiseTests {
    /// The share of numbers below x, from the distribution's formula.
    private func normalShare(_ x: Double) -> Double { erfc(-x / 2.0.squareRoot()) / 2 }

    @Test(arguments: [20_000, 20_001])
    func isNormal(count: Int) throws {
        let noise = try augmented("noise:0.25", [Float](repeating: 3, count: count), [count], seed: 5)
        let values = noise.map { (Double($0) - 3) / 0.25 }
        #expect(largestGap(values, normalShare) < 1.95 / Double(count).squareRoot(), "Kolmogorov and Smirnov, 99.9 %")
        // The halves of an example share uniform numbers, and must not be alike.
        let half = count / 2, products = (0..<half).map { values[$0] * values[count - half + $0] }
        #expect(abs(products.reduce(0, +) / Double(half)) < 3.3 / Double(half).squareRoot())
    }

    @Test func leavesPaddingAlone() throws {
        let found = try augmented("noise:1", numbered(1, [4, 3]), [4, 3], lengths: [2], seeds: [3])
        #expect(Array(found.values[6...]) == [7, 8, 9, 10, 11, 12])
        #expect(zip(found.values[..<6], numbered(1, [4, 3])).allSatisfy { $0 != $1 })
    }
}

/// The largest distance of numbers' own distribution from one that is given by its formula (Kolmogorov and Smirnov).
private func largestGap(_ values: [Double], _ share: (Double) -> Double) -> Double {
    let count = Double(values.count)
    return values.sorted().enumerated().reduce(0) { gap, item in
        let expected = share(item.element)
        return max(gap, expected - Double(item.offset) / count, Double(item.offset + 1) / count - expected)
    }
}

@Suite struct MixupTests {
    /// ∫₀ˣ (t (1 − t))^(α − 1) dt / B(α, α) by Simpson's rule; for α < 1 with t = s^(1/α), which takes the pole away.
    private func betaShare(_ x: Double, _ alpha: Double) -> Double {
        if x > 0.5 { return 1 - betaShare(1 - x, alpha) }
        let power = min(alpha, 1), steps = 400, width = pow(x, power) / Double(steps)
        let sum = (0...steps).reduce(0.0) { sum, step in
            let weight = step == 0 || step == steps ? 1.0 : step % 2 == 1 ? 4 : 2
            let s = Double(step) * width
            return sum + weight * pow(s, alpha / power - 1) * pow(1 - pow(s, 1 / power), alpha - 1)
        }
        return sum * width / 3 / power / exp(2 * lgamma(alpha) - lgamma(2 * alpha))
    }

    @Test func theTestsOwnFormulaIsRight() {
        // Closed forms: the arcsine distribution, uniform, and polynomials.
        for x in [0.01, 0.3, 0.5, 0.9] {
            expectClose(betaShare(x, 0.5), 2 / .pi * asin(x.squareRoot()))
            expectClose(betaShare(x, 1), x)
            expectClose(betaShare(x, 2), x * x * (3 - 2 * x))
            expectClose(betaShare(x, 3), x * x * x * (10 - 15 * x + 6 * x * x))
        }
    }

    @Test(arguments: [0.1, 0.2, 0.5, 1, 2, 8])
    func sharesHaveTheBetaDistribution(alpha: Double) {
        let count = 20_000
        let shares = (0..<count).map { betaNumber(alpha: alpha, key: RandomKey(seed: $0)) }
        #expect(largestGap(shares) { betaShare($0, alpha) } < 1.95 / Double(count).squareRoot(), "99.9 %")
    }

    /// Mean 1/2, variance 1 / (4 (2α + 1)), excess kurtosis −6 / (2α + 3).
    @Test(arguments: [0.05, 0.2, 1, 5, 100])
    func sharesHaveTheirMoments(alpha: Double) {
        let count = 40_000.0
        let distances = (0..<40_000).map { betaNumber(alpha: alpha, key: RandomKey(seed: $0)) - 0.5 }
        let variance = 1 / (4 * (2 * alpha + 1)), kurtosis = 3 - 6 / (2 * alpha + 3)
        let mean = distances.reduce(0, +) / count
        let second = distances.reduce(0) { $0 + $1 * $1 } / count
        let fourth = distances.reduce(0) { $0 + $1 * $1 * $1 * $1 } / count
        #expect(abs(mean) < 3.5 * (variance / count).squareRoot())
        #expect(abs(second / variance - 1) < 3.5 * ((kurtosis - 1) / count).squareRoot())
        #expect(abs(fourth / (variance * variance) / kurtosis - 1) < 0.05)
    }

    @Test(arguments: [0.001, 1000])
    func sharesAreNumbersAtTheEnds(alpha: Double) {
        for seed in 0..<2000 {
            let share = betaNumber(alpha: alpha, key: RandomKey(seed: seed))
            #expect((0...1).contains(share))
            #expect(alpha < 1 || abs(share - 0.5) < 0.1)
        }
    }

    @Test(arguments: 0..<20)
    func mixesEachExampleWithItsPartner(seed: Int) throws {
        let count = 7, key = RandomKey(seed: seed), augmentation = try Augmentation("mixup:0.4")
        let x = numbered(count, [2, 3]), y = (0..<(count * 3)).map { Float($0 % 3 == $0 / 3 % 3 ? 1 : 0) }
        let memory = Buffer(zeros: x.count + y.count)
        let inputs = memory.tensor(count: count, shape: [2, 3])
        let labels = memory.tensor(at: x.count, count: count, shape: [3])
        inputs.copy(from: x)
        labels.copy(from: y)
        var lengths: [Int]?
        augmentation.mix(inputs, labels: labels, lengths: &lengths, key: key)
        let mixing = try #require(augmentation.mixing(count: count, key: key)), share = Double(mixing.share)
        #expect(mixing.partners.sorted() == Array(0..<count))
        func expected(_ rows: [Float]) -> [Double] {
            let size = rows.count / count
            return rows.indices.map {
                share * Double(rows[$0]) + (1 - share) * Double(rows[mixing.partners[$0 / size] * size + $0 % size])
            }
        }
        expectClose(inputs.values.map { Double($0) }, expected(x))
        expectClose(labels.values.map { Double($0) }, expected(y))
        for row in 0..<count { expectClose(Double(labels.values[(3 * row)..<(3 * row + 3)].reduce(0, +)), 1) }
    }

    @Test func mixesSequencesOfTwoLengths() throws {
        // A key for which two examples are each other's partners.
        let augmentation = try Augmentation("mixup:1")
        let key = try #require(
            (0..<100).lazy.map { RandomKey(seed: $0) }.first {
                augmentation.mixing(count: 2, key: $0)?.partners == [1, 0]
            })
        let share = try #require(augmentation.mixing(count: 2, key: key)).share
        let memory = Buffer(zeros: 10), inputs = memory.tensor(count: 2, shape: [3, 1])
        let labels = memory.tensor(at: 6, count: 2, shape: [2])
        inputs.copy(from: [1, 2, 99, 5, 99, 99] as [Float])
        labels.copy(from: [1, 0, 0, 1] as [Float])
        var lengths: [Int]? = [2, 1]
        augmentation.mix(inputs, labels: labels, lengths: &lengths, key: key, zero: [-1])
        #expect(lengths == [2, 2])
        let a = Double(share), b = 1 - a
        expectClose(inputs.values.map { Double($0) }, [a + 5 * b, 2 * a - b, -1, 5 * a + b, 2 * b - a, -1])
        expectClose(labels.values.map { Double($0) }, [a, b, b, a])
    }

    @Test func leavesExamplesAloneWithoutMixup() throws {
        let memory = Buffer(zeros: 6), inputs = memory.tensor(count: 2, shape: [2])
        inputs.copy(from: [1, 2, 3, 4] as [Float])
        var lengths: [Int]? = [2, 1]
        try Augmentation("noise:1").mix(
            inputs, labels: memory.tensor(at: 4, count: 2, shape: [1]), lengths: &lengths, key: RandomKey(seed: 0))
        #expect(inputs.values == [1, 2, 3, 4])
        #expect(lengths == [2, 1])
    }
}
