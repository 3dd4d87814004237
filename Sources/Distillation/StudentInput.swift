import ModelFiles
import Tensors

/// What a student reads, and what the data has.
struct StudentInput {
    /// The student's file, or its name where it is one of the program's.
    let origin: String
    let inputs: [Architecture.Input]
    /// That of x.
    let shape: Shape

    /// The shape in which examples enter: that of x, with axes of size 1 more or less where the student has them so.
    ///
    /// - Throws: `ModelFileError` for a student that reads something else.
    func fitted() throws(ModelFileError) -> Shape {
        guard inputs.count == 1, let input = inputs.first else {
            let found = inputs.map(\.description).joined(separator: ", ")
            throw ModelFileError(
                .refused, origin, ["has \(inputs.count) inputs, \(found), but a student has one, x"],
                advice: "Join the datasets into x, on its last axis")
        }
        guard let shape = Architecture.fit(shape.axes, to: input) else {
            throw ModelFileError(.refused, origin, [difference(input)], advice: advice(input))
        }
        return shape
    }

    /// The refusal of a student of the program that has no use for such examples.
    func refusal() -> ModelFileError {
        // What has more axes than images is flattened.
        let name = Self.suitable[shape.rank] ?? "mlp"
        return ModelFileError(
            .refused, origin, inputs.map(difference),
            advice: "Choose a student for \(Self.kind(shape.rank)), such as '\(name)'")
    }

    private func difference(_ input: Architecture.Input) -> String {
        "reads \(Self.words(input.axes)), but x is \(Self.words(shape.axes))"
    }

    private static let suitable = [1: "mlp", 2: "bag-of-frames", 3: "conv"]

    private func advice(_ input: Architecture.Input) -> String {
        let axes = shape.axes.map(String.init).joined(separator: ", ")
        if input.axes.count == shape.rank { return "Give its input the shape of x, [\(axes)]" }
        let suitable = Self.suitable[shape.rank].map { ", such as Architectures/students/\($0).yaml" } ?? ""
        return
            "Choose a student for \(Self.kind(shape.rank))\(suitable), or give it the input [\(axes)] and begin with "
            + "Reshape or Flatten"
    }

    /// `images of 28 × 28 × 1`, or `sequences (time, features)` where extents are left open.
    private static func words(_ axes: [Int?]) -> String {
        let kind = kind(axes.count)
        guard !axes.contains(nil) else {
            let names = names[axes.count] ?? []
            let parts = axes.indices.map { index in
                axes[index].map(grouped) ?? (names.isEmpty ? "?" : names[index])
            }
            return "\(kind) (\(parts.joined(separator: ", ")))"
        }
        let extents = axes.compactMap(\.self).map(grouped).joined(separator: " × ")
        return axes.count == 1 ? "\(kind) of \(extents) features" : axes.isEmpty ? kind : "\(kind) of \(extents)"
    }

    private static func kind(_ rank: Int) -> String {
        switch rank {
        case 0: "single numbers"
        case 1: "vectors"
        case 2: "sequences"
        case 3: "images"
        case 4: "videos"
        default: "arrays"
        }
    }

    private static let names = [
        1: ["features"], 2: ["time", "features"], 3: ["height", "width", "channels"],
        4: ["time", "height", "width", "channels"],
    ]
}
