import Foundation
public import HDF5
public import Records
import Storage

/// Files of YouTube-8M (Abu-El-Haija et al., 2016), or others of their form, such as those of AudioSet: TFRecords, plain
/// or in gzip files.
///
/// Frame-level files hold a `SequenceExample` for each video, with features of one string of bytes for each frame; those
/// of a frame are joined. Video-level files hold an `Example` with features of floats, which are joined. Both have
/// `labels`, whole numbers, and an `id` or `video_id`.
///
/// Records are written as they come, and are never in memory together.
public struct YouTube8MImport: ExampleImport {
    /// A feature by name, such as `rgb`.
    public struct Feature: Hashable, Sendable {
        public let name: String
        /// How many numbers it has for each frame, or video; nil for as many as the first record has.
        public let size: Int?

        public init(name: String, size: Int? = nil) { (self.name, self.size) = (name, size) }
    }

    /// What is worth knowing, but does not stop the import.
    public enum Remark: Sendable {
        case skipped(RecordError)
        /// Bytes of a file in which no record could be found.
        case lost(path: String, bytes: Int)
        case cut(examples: Int, frames: Int)
        case short(longest: Int, frames: Int)
        case unlabeled(split: String)
    }

    public var trainFiles: [String]
    public var validationFiles: [String]
    public var testFiles: [String]
    public var classNames: [String]?
    /// A label is less. The challenges of 2018 and 2019 have 3,862 classes, that of 2017 had 4,716.
    public var classCount = 3862
    /// The features to take, in the order in which they are joined; nil for all of the first record, rgb and audio first.
    public var features: [Feature]?
    /// How many frames an example has; those of a longer video are left out, and a shorter one is filled up with zeros.
    public var frameCount = 300
    /// Whether what cannot be used is left out, rather than the end of the import.
    public var skipsDamaged = false
    public var remark: @Sendable (Remark) -> Void = { _ in }

    public init(trainFiles: [String], validationFiles: [String] = [], testFiles: [String]) {
        (self.trainFiles, self.validationFiles, self.testFiles) = (trainFiles, validationFiles, testFiles)
    }

    public var validationCount: Int { 0 }
    public var unit: String { "MB" }
}

extension YouTube8MImport.Remark: CustomStringConvertible {
    public var description: String {
        switch self {
        case .skipped(let error): "skipped \(error)"
        case .lost(let path, let bytes):
            "passed over \(bytes) bytes of '\(path)', from a damaged record to the next that could be found"
        case .cut(let examples, let frames):
            "\(examples) examples are longer than \(frames) frames, and were cut; --frames sets the limit"
        case .short(let longest, let frames):
            "no example has more than \(longest) of \(frames) frames; --frames \(longest) would make a smaller file"
        case .unlabeled(let split):
            split == "train"
                ? "no example of train has labels, so that they can only be --unlabeled examples"
                : "no example of \(split) has labels, so that its figures mean nothing; those of the challenge's test "
                    + "files are not published"
        }
    }
}

extension YouTube8MImport {
    private var splits: [(name: String, files: [String])] {
        [("train", trainFiles), ("validation", validationFiles), ("test", testFiles)].filter { !$0.1.isEmpty }
    }

    private static let unitByteCount = 1_000_000
    private static let recordsPerReport = 256

    public func amount() throws -> Int {
        splits.flatMap(\.files).reduce(0) { $0 + Self.byteCount($1) } / Self.unitByteCount
    }

    private static func byteCount(_ path: String) -> Int { WholeFile.byteCount(of: path) ?? 0 }

    public func writeExamples(to root: borrowing HDF5Group, progress: (Int) throws -> Void) throws {
        let form = try form()
        // However few labels they have: a small sample may have one each.
        try LabelKind.multilabel.declare(in: root)
        var done = 0, longest = 0, cutCount = 0
        for (name, files) in splits {
            let split = try YouTube8MSplit(name, form, in: root)
            for file in files {
                try copy(file, form, to: split) { try progress((done + $0) / Self.unitByteCount) }
                done += Self.byteCount(file)
            }
            try split.finish()
            guard split.count > 0 else { throw none(of: name, files) }
            if split.labelCount == 0 { remark(.unlabeled(split: name)) }
            longest = max(longest, split.longest)
            cutCount += split.cutCount
        }
        guard form.isFrameLevel else { return }
        if cutCount > 0 { remark(.cut(examples: cutCount, frames: frameCount)) }
        if longest < frameCount { remark(.short(longest: longest, frames: frameCount)) }
    }

    private func none(of split: String, _ files: [String]) -> ExampleFileError {
        ExampleFileError(
            files[0],
            expected:
                "examples of \(split)\(files.count > 1 ? " in this file or the \(files.count - 1) after it" : "")",
            found: "none that can be used", "Fetch the files again.")
    }

    /// That of the first record that has one.
    private func form() throws -> YouTube8MForm {
        let files = splits.flatMap(\.files)
        for file in files {
            var reader = try RecordReader(opening: file)
            while true {
                do {
                    guard let record = try reader.next() else { break }
                    return try form(of: record)
                } catch let error as UnusableRecord {
                    guard skipsDamaged else { throw reader.damaged(error.reason) }
                } catch let error as RecordError {
                    guard skipsDamaged, error.kind == .damaged else { throw error }
                }
            }
        }
        throw none(of: splits[0].name, files)
    }

    private func form(of record: [UInt8]) throws(UnusableRecord) -> YouTube8MForm {
        let form = try YouTube8MForm(of: record, features: features, frameCount: frameCount, classCount: classCount)
        _ = try form.example(record)
        return form
    }

    private func copy(
        _ path: String, _ form: YouTube8MForm, to split: YouTube8MSplit, progress: (Int) throws -> Void
    ) throws {
        var reader = try RecordReader(opening: path), count = 0
        while true {
            do {
                guard let record = try reader.next() else { break }
                try split.append(form.example(record))
            } catch let error as UnusableRecord {
                try skip(reader.damaged(error.reason))
            } catch let error as RecordError {
                try skip(error)
            }
            count += 1
            if count.isMultiple(of: Self.recordsPerReport) { try progress(reader.bytesRead) }
        }
        if reader.lostByteCount > 0 { remark(.lost(path: path, bytes: reader.lostByteCount)) }
        if count == 0 { try skip(reader.damagedFile("it has no records; fetch it again")) }
    }

    private func skip(_ error: RecordError) throws {
        guard skipsDamaged, error.kind == .damaged else { throw error }
        remark(.skipped(error))
    }
}
