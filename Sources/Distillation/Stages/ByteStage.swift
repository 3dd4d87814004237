import Foundation
public import ModelFiles

/// What makes a trained student's file smaller: what `--stages` names, in the order in which it happens.
public enum ByteStage: String, CaseIterable, Sendable {
    /// Weights become 0 while the student goes on learning (`Pruning`).
    case pruning
    /// The solver may let weights share few values (`WeightEncoding.Kinds.shared`).
    case weightSharing = "weight-sharing"
    /// The solver may give weights fewer bits (`WeightEncoding.Kinds.floats`).
    case quantization
    /// The student learns with the weights that its file will have (`QuantizedDistillation`).
    case quantizedDistillation = "quantized-distillation"

    /// What `--stages` says: `weight-sharing,quantization`, or `none`.
    public static func text(_ stages: Set<ByteStage>) -> String {
        stages.isEmpty ? "none" : allCases.filter(stages.contains).map(\.rawValue).joined(separator: ",")
    }

    /// What else `--stages` takes for them: the verbs.
    private static let verbs: [String: ByteStage] = [
        "prune": .pruning, "share": .weightSharing, "quantize": .quantization, "finetune": .quantizedDistillation,
    ]

    /// The stages that a text names; nil for one that names something else, or something twice.
    public static func stages(_ text: String) -> Set<ByteStage>? {
        guard text != "none" else { return [] }
        let names = text.split(separator: ",", omittingEmptySubsequences: false).map {
            let name = $0.trimmingCharacters(in: .whitespaces)
            return ByteStage(rawValue: name) ?? verbs[name]
        }
        let found = Set(names.compactMap(\.self))
        return found.count == names.count ? found : nil
    }
}

extension Precision {
    /// The stages that a student in this precision goes through by default.
    ///
    /// Fixed precisions only round. Pruning is worth its training where few bits are left.
    public var defaultStages: Set<ByteStage> {
        switch self {
        case .float32, .float16, .int8, .small: []
        case .bits(let bits) where bits < Pruning.mostBits:
            [.pruning, .weightSharing, .quantization, .quantizedDistillation]
        case .automatic, .bits: [.weightSharing, .quantization, .quantizedDistillation]
        }
    }

    /// Why some stages do not go with this precision, and what to do; nil where they do.
    public func problem(with stages: Set<ByteStage>) -> String? {
        let solves = !stages.isDisjoint(with: [.weightSharing, .quantization])
        switch self {
        case .float32:
            return stages.isEmpty
                ? nil
                : "--precision float32 keeps every bit: give --precision auto, or bits such as 3.5, or leave --stages out"
        case .float16, .int8, .small:
            return stages.isSubset(of: [.quantizedDistillation])
                ? nil
                : "with --precision \(rawValue), which all weights have alike, only 'quantized-distillation' is possible: give "
                    + "--precision auto, or bits such as 3.5"
        case .automatic, .bits:
            guard solves else {
                return
                    "--precision \(rawValue) needs 'quantization' or 'weight-sharing', without which the file does not fit"
            }
            if stages.contains(.weightSharing) { return nil }
            if case .bits(let bits) = self, bits >= 4 { return nil }
            return "without 'weight-sharing' a weight takes 4 bits or more: give --precision 4 or more, such as 6"
        }
    }
}

extension CompressionRequest {
    /// What makes the trained student's file smaller, each with its check.
    var compression: [any Stage] {
        let names = byteStages ?? precision.defaultStages
        var stages: [any Stage] = []
        if names.contains(.pruning) { stages.append(CheckedStage(Pruning(), .required)) }
        var solve: QuantizedDistillation.Solver = { _, _, context in context.plan.export.encodings }
        if precision.isSolved {
            var kinds: WeightEncoding.Kinds = []
            if names.contains(.weightSharing) { kinds.insert(.shared) }
            if names.contains(.quantization) { kinds.insert(.floats) }
            let quantization = Quantization(kinds: kinds)
            stages.append(CheckedStage(quantization, .required))
            stages.append(CheckedStage(FinerSteps(quantization: quantization), .secondTry))
            solve = quantization.encodings
        }
        if names.contains(.quantizedDistillation) {
            stages += [
                CheckedStage(QuantizedDistillation(solve: solve)),
                CheckedStage(QuantizedDistillation(solve: solve, isAgain: true), .secondTry),
            ]
        }
        return stages
    }
}
