import Datasets
import Foundation
import ModelFiles
import Networks
import Tensors

/// How large the numbers are that a student is fed with, by some training examples.
struct InputRange: Equatable {
    /// How many examples are looked at, at most.
    private static let count = 512
    /// First layers learn badly from numbers whose root mean square is above this, and from those that differ by less.
    private static let largest = 16.0, leastSpan = 0.1

    let least: Double, most: Double
    let mean: Double, meanSquare: Double

    init(least: Double, most: Double, mean: Double, meanSquare: Double) {
        (self.least, self.most, self.mean, self.meanSquare) = (least, most, mean, meanSquare)
    }

    /// - Throws: What reading the examples throws.
    init(of split: ExampleSplit) throws {
        let some = split.selecting(Array(0..<min(split.count, Self.count)), name: split.name)
        let reader = ExampleReader(some, batchSize: max(some.count, 1), order: .sequential)
        var values = [Float](repeating: 0, count: some.count * split.exampleShape.reduce(1, *))
        if some.count > 0 {
            let batch = try reader.batch(epoch: 0, step: 0)
            var span = values.mutableSpan
            batch.readInputs(0..<some.count, into: &span)
        }
        let total = Double(max(values.count, 1))
        least = Double(values.min() ?? 0)
        most = Double(values.max() ?? 0)
        mean = values.reduce(0) { $0 + Double($1) } / total
        meanSquare = values.reduce(0) { $0 + Double($1) * Double($1) } / total
    }

    /// The warning for a student whose first layers do not suit the data; nil where they do.
    func warning(_ student: String, _ uses: [InputUse]) -> String? {
        for use in uses {
            let scale = Double(use.scale), offset = Double(use.offset)
            let rms = (scale * scale * meanSquare + 2 * scale * offset * mean + offset * offset).squareRoot()
            let span = abs(scale) * (most - least)
            let range = "x is from \(Self.text(least)) to \(Self.text(most))"
            let fed = [scale * least + offset, scale * most + offset].sorted().map(Self.text)
            let made = use.rescaling.map { ", and layer '\($0)' (Rescaling) makes \(fed[0]) to \(fed[1]) of it" } ?? ""
            let start = "student '\(student)': \(range)\(made): layer '\(use.layer)' learns badly from numbers "
            let cure = "begin with Normalization: {}, which fits any data"
            if span > 0, span < Self.leastSpan {
                let other = use.rescaling.map { "Leave '\($0)' out, or " } ?? ""
                return start + "that are nearly the same. " + (other.isEmpty ? "B" + cure.dropFirst() : other + cure)
            }
            if rms > Self.largest { return start + "that large. B" + cure.dropFirst() }
        }
        return nil
    }

    private static func text(_ number: Double) -> String { String(format: "%.4g", number) }
}

extension StudentPlan {
    /// The warning for a given student whose first layers do not suit the data; nil where they do, and for students
    /// of the program, which normalize their inputs.
    func inputWarning(_ data: ExampleFile) throws -> String? {
        let uses = built.graph.plainInputUses
        guard !uses.isEmpty else { return nil }
        return try InputRange(of: data.trainAndValidation().train).warning(built.architecture.origin, uses)
    }
}
