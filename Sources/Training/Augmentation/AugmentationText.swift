import Tensors

extension Augmentation: CustomStringConvertible {
    static let example = "crop:4,flip,cutout:8"

    /// - Throws: `AugmentationError` for what is no step, with what it was probably meant to be.
    public init(_ text: String) throws(AugmentationError) {
        guard !text.isEmpty else { throw AugmentationError("expected steps such as \(Self.example), found nothing") }
        var steps: [Step] = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let step = try Step(item)
            if let other = steps.first(where: { $0.name == step.name }) {
                throw AugmentationError("a step may appear once, found '\(other)' and '\(step)'")
            }
            steps.append(step)
        }
        if let place = steps.firstIndex(where: { $0.name == "mixup" }), place != steps.count - 1 {
            let ordered = steps[..<place] + steps[(place + 1)...] + [steps[place]]
            throw AugmentationError(
                "'\(steps[place])' comes last, since it mixes examples that are ready: write "
                    + "'\(Augmentation(steps: Array(ordered)))'")
        }
        self.init(steps: steps)
    }

    /// As it is written.
    public var description: String { steps.map(\.description).joined(separator: ",") }
}

/// A text that is no augmentation.
public struct AugmentationError: Error, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}

extension Augmentation.Step: CustomStringConvertible {
    /// Each step, and how it is written.
    static let forms = [
        "crop": "a number of pixels, such as crop:4",
        "flip": "nothing behind it",
        "cutout": "the side of a square in pixels, such as cutout:8",
        "shift": "a number of places, such as shift:10",
        "drop-frames": "a probability above 0 and below 1, such as drop-frames:0.2",
        "noise": "a deviation above 0, such as noise:0.1",
        "mixup": "the α of Beta(α, α), from 0.001 to 1000, such as mixup:0.2",
    ]

    fileprivate init(_ item: Substring) throws(AugmentationError) {
        let words = item.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let name = words[0], value = words.count > 1 ? words[1] : nil
        guard let form = Self.forms[name] else {
            let known = Self.forms.keys.sorted()
            throw AugmentationError(
                "there is no step '\(name)'\(didYouMean(name, known)) (steps are \(known.joined(separator: ", ")))")
        }
        var count: Int? { value.flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil } }
        func number<Number: LosslessStringConvertible>(_ isPossible: (Number) -> Bool) -> Number? {
            value.flatMap { Number($0) }.flatMap { isPossible($0) ? $0 : nil }
        }
        let step: Self? =
            switch name {
            case "crop": count.map { .crop(padding: $0) }
            case "flip": value == nil ? .flip : nil
            case "cutout": count.map { .cutout(side: $0) }
            case "shift": count.map { .shift(limit: $0) }
            case "drop-frames": number { $0 > 0 && $0 < 1 }.map { .dropFrames(rate: $0) }
            case "noise": number { $0 > 0 && $0.isFinite }.map { .noise(deviation: $0) }
            default: number { (0.001...1000).contains($0) }.map { .mixup(alpha: $0) }
            }
        guard let step else { throw AugmentationError("'\(name)' takes \(form), found '\(item)'") }
        self = step
    }

    var name: String {
        switch self {
        case .crop: "crop"
        case .flip: "flip"
        case .cutout: "cutout"
        case .shift: "shift"
        case .dropFrames: "drop-frames"
        case .noise: "noise"
        case .mixup: "mixup"
        }
    }

    /// As it is written.
    public var description: String {
        switch self {
        case .flip: name
        case .crop(let count), .cutout(let count), .shift(let count): "\(name):\(count)"
        case .noise(let deviation): "\(name):\(Int(exactly: deviation).map(String.init) ?? "\(deviation)")"
        case .dropFrames(let value), .mixup(let value): "\(name):\(Int(exactly: value).map(String.init) ?? "\(value)")"
        }
    }
}

// MARK: - What does not suit examples

extension Augmentation {
    /// What of it does not suit examples of a shape, one sentence for each step; empty where all is well.
    ///
    /// - Parameter hasLengths: Whether the data have the number of real frames of each example.
    public func refusals(shape: [Int], hasLengths: Bool) -> [String] {
        steps.compactMap { $0.refusal(shape: Shape(shape), hasLengths: hasLengths) }
    }
}

extension Augmentation.Step {
    fileprivate func refusal(shape: Shape, hasLengths: Bool) -> String? {
        let isImage = shape.rank == 3 && !hasLengths
        let isSequence = shape.rank == 2 || hasLengths && shape.rank > 2
        func needs(_ kinds: String) -> String {
            "'\(self)' takes \(kinds), found examples \(shape)\(hasLengths ? " with true lengths" : ""); leave it out"
        }
        switch self {
        case .crop, .flip, .cutout:
            guard isImage else {
                let advice = shape.rank == 2 && !hasLengths ? ", or give gray images a last axis of 1" : ""
                return needs("images (H, W, C)") + advice
            }
            return tooMuch(of: shape)
        case .shift(let limit):
            guard shape.rank >= 2 else { return needs("sequences (T, C) or images (H, W, C)") }
            guard limit >= shape[0] else { return nil }
            return "'\(self)' could leave nothing of \(shape[0]) places; "
                + (shape[0] > 1 ? "move by less than \(shape[0])" : "leave it out")
        case .dropFrames: return isSequence ? nil : needs("sequences (T, C)")
        case .noise, .mixup: return nil
        }
    }

    private func tooMuch(of shape: Shape) -> String? {
        let side = min(shape[0], shape[1]), images = "images of \(shape[0]) × \(shape[1])"
        switch self {
        case .crop(let padding) where padding >= side:
            return "'\(self)' could leave nothing of \(images); "
                + (side > 1 ? "pad by less than \(side)" : "leave it out")
        case .cutout(let square) where square > side:
            return "'\(self)' is larger than \(images); cut out at most \(side)"
        default: return nil
        }
    }
}
