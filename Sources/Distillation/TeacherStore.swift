public import Datasets
import Foundation
import HDF5
import ModelFiles
import Networks
public import Tensors

/// What teachers said of a data set, kept in the run directory so that no teacher runs twice.
///
/// One HDF5 file for each teacher and split holds its logits, in the order of the data's classes. Its name is a SHA-256:
/// that of the teacher's file, or of that together with the rules by which the teacher is asked. A file appears under its name only when it is complete, and says which data it belongs to; one that belongs to
/// other data is never used.
public struct TeacherStore: Sendable {
    public let directory: String
    public let dataDigest: String

    public init(_ directory: String, dataDigest: String) throws {
        self.directory = directory
        self.dataDigest = dataDigest
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    private func path(_ teacher: String, _ split: String) -> String { "\(directory)/\(teacher.prefix(16))-\(split).h5" }

    /// The logits of a teacher for a split, if they are here and belong to this data; rows × classes.
    public func logits(of teacher: String, split: ExampleSplit) throws -> Buffer? {
        guard has(teacher, split) else { return nil }
        let file = try HDF5File(opening: path(teacher, split.name))
        let buffer = Buffer(zeros: split.count * split.classCount), dataset = try file.root.dataset("logits")
        try buffer.tensor.withMutableSpan { span throws(HDF5Error) in try dataset.read(into: &span) }
        return buffer
    }

    /// Whether the logits of a teacher for a split are here, complete and of this data.
    public func has(_ teacher: String, _ split: ExampleSplit) -> Bool {
        let path = path(teacher, split.name)
        guard FileManager.default.fileExists(atPath: path), let file = try? HDF5File(opening: path) else {
            return false
        }
        return (try? file.root.attributes.string("teacher")) == teacher
            && (try? file.root.attributes.string("data")) == dataDigest
            && (try? file.root.attributes.string("format")) == Self.format
            && (try? file.root.dataset("logits").shape) == [split.count, split.classCount]
    }

    private static let format = "compress teacher logits 1"

    /// Keeps a teacher's logits for a split.
    public func keep(_ logits: Tensor, of teacher: String, split: ExampleSplit) throws {
        try HDF5File.writeWhole(to: path(teacher, split.name)) { file in
            try file.root.attributes.write(teacher, to: "teacher")
            try file.root.attributes.write(dataDigest, to: "data")
            try file.root.attributes.write(Self.format, to: "format")
            let dataset = try file.root.createDataset("logits", .float32, shape: [split.count, split.classCount])
            try logits.withSpan { span throws(HDF5Error) in try dataset.write(span) }
        }
    }
}
