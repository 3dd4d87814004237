import Datasets
import Foundation
import HDF5
import Kernels
import Models
import Storage
import Synchronization
import Tensors
import Training

/// The predictions of teachers for a data set, stored in the run directory so that no teacher runs twice.
///
/// One HDF5 file for each teacher and split holds its logits, in the order of the data's classes. Its name has the beginnings
/// of two SHA-256: that of the teacher's file, or of that together with the rules by which its inputs and outputs are converted, and that
/// of the data, the form, the program and its instruction set. A file appears under its name only when it is complete, and
/// says what it belongs to; another one is never used. It ends in its checksum, which is verified when it is first opened.
struct TeacherStore: Sendable {
    let directory: String
    let dataDigest: String
    let form: SoftTargetForm
    /// The files whose checksums were verified.
    private let verified = Verified()

    private final class Verified: Sendable {
        let files = Mutex<Set<FileIdentity>>([])
    }

    init(_ directory: String, dataDigest: String, form: SoftTargetForm) throws {
        (self.directory, self.dataDigest, self.form) = (directory, dataDigest, form)
        format = "compress soft targets 3, \(form); compress \(Provenance.version); \(instructionSet())"
        try WholeFile.createFolder(directory)
    }

    private func path(_ teacher: String, _ split: String) -> String {
        "\(directory)/\(teacher.prefix(16))-\(sha256(of: "\(dataDigest)\n\(format)").prefix(8))-\(split).h5"
    }

    /// The logits of a teacher for a split, if they are here and belong to this data.
    func targets(of teacher: String, _ split: ExampleSplit) -> SoftTargets? {
        let path = path(teacher, split.name)
        guard isWhole(path), let file = try? HDF5File(opening: path),
            (try? file.root.attributes.string("teacher")) == teacher,
            (try? file.root.attributes.string("data")) == dataDigest,
            (try? file.root.attributes.string("format")) == format
        else { return nil }
        return try? SoftTargets(form, rows: split.count, classCount: split.classCount, in: file)
    }

    /// Whether the logits of a teacher for a split are here, complete and of this data.
    func has(_ teacher: String, _ split: ExampleSplit) -> Bool { targets(of: teacher, split) != nil }

    /// The file with the logits of a teacher for a split, where it is there and damaged.
    func damaged(_ teacher: String, _ split: ExampleSplit) -> String? {
        let path = path(teacher, split.name)
        return FileIdentity(path) != nil && !isWhole(path) ? path : nil
    }

    private func isWhole(_ path: String) -> Bool {
        guard let identity = FileIdentity(path) else { return false }
        if verified.files.withLock({ $0.contains(identity) }) { return true }
        guard Seal.isWhole(path) else { return false }
        verified.files.withLock { _ = $0.insert(identity) }
        return true
    }

    /// What the file is, and who computed its bits.
    let format: String

    /// Keeps a teacher's logits for a split.
    ///
    /// - Parameter check: Throws where they may not be kept, such as when the data changed meanwhile.
    /// - Parameter predict: Has the teacher predict, and hands over rows and their logits, rows × classes.
    func keep(
        _ teacher: String, _ split: ExampleSplit, check: () throws -> Void = {},
        predict: (_ take: (Range<Int>, Tensor) throws -> Void) throws -> Void
    ) throws {
        try HDF5File.writeSealed(to: path(teacher, split.name), isMappable: true) { file in
            try file.root.attributes.write(teacher, to: "teacher")
            try file.root.attributes.write(dataDigest, to: "data")
            try file.root.attributes.write(format, to: "format")
            let writer = try SoftTargetWriter(
                form, labelKind: split.labelKind, rows: split.count, classCount: split.classCount, in: file)
            try predict { rows, logits in try writer.write(rows, logits) }
        } beforeNaming: {
            try check()
        }
    }
}
