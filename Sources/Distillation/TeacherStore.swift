import Datasets
import Foundation
import HDF5
import Storage
import Tensors

/// What teachers said of a data set, kept in the run directory so that no teacher runs twice.
///
/// One HDF5 file for each teacher and split holds its logits, in the order of the data's classes. Its name is a SHA-256:
/// that of the teacher's file, or of that together with the rules by which the teacher is asked. A file appears under its
/// name only when it is complete, and says which data it belongs to and what form it has; another one is never used.
struct TeacherStore: Sendable {
    let directory: String
    let dataDigest: String
    let form: SoftTargetForm

    init(_ directory: String, dataDigest: String, form: SoftTargetForm) throws {
        (self.directory, self.dataDigest, self.form) = (directory, dataDigest, form)
        try WholeFile.createFolder(directory)
    }

    private func path(_ teacher: String, _ split: String) -> String { "\(directory)/\(teacher.prefix(16))-\(split).h5" }

    /// The logits of a teacher for a split, if they are here and belong to this data.
    func targets(of teacher: String, _ split: ExampleSplit) -> SoftTargets? {
        let path = path(teacher, split.name)
        guard FileManager.default.fileExists(atPath: path), let file = try? HDF5File(opening: path),
            (try? file.root.attributes.string("teacher")) == teacher,
            (try? file.root.attributes.string("data")) == dataDigest,
            (try? file.root.attributes.string("format")) == format
        else { return nil }
        return try? SoftTargets(form, rows: split.count, classCount: split.classCount, in: file)
    }

    /// Whether the logits of a teacher for a split are here, complete and of this data.
    func has(_ teacher: String, _ split: ExampleSplit) -> Bool { targets(of: teacher, split) != nil }

    private var format: String { "compress soft targets 2, \(form)" }

    /// Keeps a teacher's logits for a split.
    ///
    /// - Parameter ask: Asks the teacher, and hands over rows and their logits, rows × classes.
    func keep(
        _ teacher: String, _ split: ExampleSplit, ask: (_ take: (Range<Int>, Tensor) throws -> Void) throws -> Void
    ) throws {
        try HDF5File.writeWhole(to: path(teacher, split.name), isMappable: true) { file in
            try file.root.attributes.write(teacher, to: "teacher")
            try file.root.attributes.write(dataDigest, to: "data")
            try file.root.attributes.write(format, to: "format")
            let writer = try SoftTargetWriter(
                form, labelKind: split.labelKind, rows: split.count, classCount: split.classCount, in: file)
            try ask { rows, logits in try writer.write(rows, logits) }
        }
    }
}
