import Datasets
import ModelFiles
import Students
import Tensors

/// A student of the program that `--student auto` may choose.
///
/// The rules are measured in `Tools/experiments/defaults`. They use the shape of the data and the widest width that fits
/// the limits, so the same job has the same student on every machine.
struct StudentFamily {
    let name: String
    /// The width under which the next family of the list makes more of the bytes.
    let leastWidth: Double

    /// The families for examples of some rank, the largest first; empty where there is none.
    static func all(rank: Int) -> [StudentFamily] {
        switch rank {
        case 1: [StudentFamily(name: "mlp", leastWidth: 0)]
        case 2: [StudentFamily(name: "crnn", leastWidth: 0.2), StudentFamily(name: "rnn", leastWidth: 0)]
        case 3: [StudentFamily(name: "vgg", leastWidth: 0.3), StudentFamily(name: "conv", leastWidth: 0)]
        default: []
        }
    }

    /// The family after one of that name; nil if there is none.
    static func smaller(than name: String, rank: Int) -> String? {
        all(rank: rank).drop { $0.name != name }.dropFirst().first?.name
    }

    /// A student of the program, made to take examples of some shape.
    ///
    /// - Throws: `ModelFileError` for a name that there is none of, and for one that has no use for such examples.
    static func architecture(
        _ name: String, for shape: Shape, hasLengths: Bool
    ) throws(ModelFileError) -> ArchitectureFile {
        let file = try ArchitectureFile(parsing: Students.text(name) ?? "", path: name)
        guard let fitting = file.fitting(shape, hasLengths: hasLengths) else {
            throw StudentInput(origin: name, inputs: file.inputs, shape: shape).refusal()
        }
        return fitting
    }

    /// The first family that is wide enough, or else the last.
    ///
    /// - Parameter widest: The widest width of an architecture that fits the limits; nil where none does.
    /// - Throws: `ModelFileError` where no student takes examples of this shape.
    static func choice(
        for shape: Shape, hasLengths: Bool, widest: (ArchitectureFile) throws -> Double?
    ) throws -> ArchitectureFile {
        let families = all(rank: shape.rank)
        for family in families {
            let file = try architecture(family.name, for: shape, hasLengths: hasLengths)
            if family.name == families.last?.name { return file }
            if let width = try widest(file), width >= family.leastWidth { return file }
        }
        throw ModelFileError(
            .refused, "--student auto", ["has no student for examples of shape \(shape)"],
            advice: "Name an architecture with --student")
    }
}

/// A student whose predictions take more multiply-adds than they may.
public struct MultiplyAddsError: Error, CustomStringConvertible {
    let limit: Int
    let found: Int
    /// The widest width of the same architecture that fits, if there is one.
    let fittingWidth: Double?

    public var description: String {
        let cure =
            fittingWidth.map { "--width \($0 == $0.rounded() ? "\(Int($0))" : "\($0)") would fit." }
            ?? "Choose a smaller --student, or raise the limit."
        return "the student takes \(grouped(found)) multiply-adds for one example, more than the "
            + "\(grouped(limit)) of --max-multiply-adds. " + cure
    }
}
