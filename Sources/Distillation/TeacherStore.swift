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
/// HDF5 files hold a teacher's logits for a split, in the order of the data's classes: one for each chunk of 65,536 rows, so that
/// a run that is killed loses minutes, and several processes can share the work. A file's name has the beginnings
/// of two SHA-256: that of the teacher's file, or of that together with the rules by which its inputs and outputs are converted, and that
/// of the data, the form, the program and its instruction set; then the split and the chunk, counted from 0. A file appears under its name
/// only when it is complete, and says what it belongs to; another one is never used. It ends in its checksum, which is verified when it is
/// first opened.
struct TeacherStore: Sendable {
    let directory: String
    let dataDigest: String
    let form: SoftTargetForm
    /// How many rows a file has, but for the last one of a split.
    let rowsOfChunk: Int
    /// The files whose checksums were verified.
    private let verified = Verified()

    private final class Verified: Sendable {
        let files = Mutex<Set<FileIdentity>>([])
    }

    /// A number of rows that all shards of predictors divide: cut there, predictions have the bits of those of one piece.
    static let usualRowsOfChunk = 65_536

    init(
        _ directory: String, dataDigest: String, form: SoftTargetForm, rowsOfChunk: Int = Self.usualRowsOfChunk
    ) throws {
        (self.directory, self.dataDigest, self.form) = (directory, dataDigest, form)
        self.rowsOfChunk = rowsOfChunk
        format = "compress soft targets 4, \(form); compress \(Provenance.version); \(instructionSet())"
        try WholeFile.createFolder(directory)
    }

    /// The positions in a split of each chunk's rows.
    func chunks(of split: ExampleSplit) -> [Range<Int>] {
        stride(from: 0, to: split.count, by: rowsOfChunk).map { $0..<min($0 + rowsOfChunk, split.count) }
    }

    private func path(_ teacher: String, _ split: String, _ chunk: Range<Int>) -> String {
        "\(directory)/\(teacher.prefix(16))-\(sha256(of: "\(dataDigest)\n\(format)").prefix(8))-\(split)-"
            + "\(chunk.lowerBound / rowsOfChunk).h5"
    }

    /// The logits of a teacher for a split, if all of them are here and belong to this data.
    func targets(of teacher: String, _ split: ExampleSplit) -> SoftTargets? {
        var found: [SoftTargetChunk] = []
        for rows in chunks(of: split) {
            guard let chunk = chunk(teacher, split, rows) else { return nil }
            found.append(chunk)
        }
        return SoftTargets(found, rowsOfChunk: rowsOfChunk, classCount: split.classCount)
    }

    private func chunk(_ teacher: String, _ split: ExampleSplit, _ rows: Range<Int>) -> SoftTargetChunk? {
        let path = path(teacher, split.name, rows)
        guard isWhole(path), let file = try? HDF5File(opening: path),
            (try? file.root.attributes.string("teacher")) == teacher,
            (try? file.root.attributes.string("data")) == dataDigest,
            (try? file.root.attributes.string("format")) == format,
            (try? file.root.attributes.string("rows")) == Self.text(rows, of: split)
        else { return nil }
        return try? SoftTargetChunk(form, rows: rows.count, classCount: split.classCount, in: file)
    }

    /// Whether the logits of a teacher for a split, or some rows of it, are here, complete and of this data.
    func has(_ teacher: String, _ split: ExampleSplit, _ rows: Range<Int>? = nil) -> Bool {
        (rows.map { [$0] } ?? chunks(of: split)).allSatisfy { chunk(teacher, split, $0) != nil }
    }

    /// The file with the logits of a teacher for some rows of a split, where it is there and damaged.
    func damaged(_ teacher: String, _ split: ExampleSplit, _ rows: Range<Int>) -> String? {
        let path = path(teacher, split.name, rows)
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

    /// Which rows a file has: `0..<65536 of 5600000`.
    static func text(_ rows: Range<Int>, of split: ExampleSplit) -> String { "\(rows) of \(split.count)" }

    /// Those of one of a split's chunks.
    func examples(of split: ExampleSplit, _ rows: Range<Int>) -> ExampleSplit {
        rows.count == split.count ? split : split.selecting(Array(rows), name: split.name)
    }

    /// Keeps a teacher's logits for one of a split's chunks.
    ///
    /// - Parameter check: Throws where they may not be kept, such as when the data changed meanwhile.
    /// - Parameter predict: Has the teacher predict the examples that it is given, and hands over their positions among these and
    ///   their logits, rows × classes.
    func keep(
        _ teacher: String, _ split: ExampleSplit, _ rows: Range<Int>, check: () throws -> Void = {},
        predict: (_ examples: ExampleSplit, _ take: (Range<Int>, Tensor) throws -> Void) throws -> Void
    ) throws {
        let examples = examples(of: split, rows)
        try HDF5File.writeSealed(to: path(teacher, split.name, rows), isMappable: true) { file in
            try file.root.attributes.write(teacher, to: "teacher")
            try file.root.attributes.write(dataDigest, to: "data")
            try file.root.attributes.write(format, to: "format")
            try file.root.attributes.write(Self.text(rows, of: split), to: "rows")
            let writer = try SoftTargetWriter(
                form, labelKind: split.labelKind, rows: rows.count, classCount: split.classCount, in: file)
            try predict(examples) { rows, logits in try writer.write(rows, logits) }
        } beforeNaming: {
            try check()
        }
    }
}
