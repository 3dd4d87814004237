import Foundation
import HDF5
import Records
import Synchronization
import Testing

@testable import Datasets

/// Files that `Tools/reference/youtube8m_fixtures.py` gave TensorFlow to write.
@Suite struct YouTube8MTests {
    private static func fixture(_ name: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/\(name)").path
    }

    private static let lengths = [3, 1, 5, 2]

    /// An example of `frame.tfrecord` with its frames joined, rgb first, filled up to `frames`.
    private static func example(_ n: Int, frames: Int) -> [UInt8] {
        (0..<frames).flatMap { t -> [UInt8] in
            guard t < lengths[n] else { return [UInt8](repeating: 0, count: 8) }
            return (0..<6).map { UInt8(truncatingIfNeeded: 40 * n + 8 * t + $0) }
                + (0..<2).map { UInt8(truncatingIfNeeded: 250 - 40 * n - 8 * t - $0) }
        }
    }

    @Test(arguments: ["frame.tfrecord", "frame.tfrecord.gz"])
    func joinsTheFeaturesOfFrames(name: String) throws {
        try withImport(name, frames: 6) { file in
            let x = try file.root.dataset("train/x")
            #expect(x.shape == [4, 6, 8])
            #expect(x.type == .uint8)
            #expect(try x.read(as: UInt8.self) == (0..<4).flatMap { Self.example($0, frames: 6) })
            #expect(try x.attributes.double("scale") == 4.0 / 255)
            #expect(try x.attributes.double("offset") == 4.0 / 512 - 2)
            #expect(try file.root.dataset("test/length").read(as: Int.self) == Self.lengths)
            let y = try file.root.dataset("train/y")
            #expect(y.shape == [4, 5])
            #expect(
                try y.read(as: UInt8.self) == [1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0])
            #expect(try file.root.dataset("train/id").type == .string)
        }
    }

    @Test(arguments: ["video.tfrecord", "video.tfrecord.gz"])
    func joinsTheFeaturesOfVideos(name: String) throws {
        try withImport(name) { file in
            let x = try file.root.dataset("train/x")
            #expect(x.shape == [3, 5])
            #expect(x.type == .float32)
            let expected: [Float] = (0..<3).flatMap { row -> [Float] in
                let n = Float(row)
                return [n, n + 0.125, n + 0.25, -n, -n - 0.125]
            }
            #expect(try x.read(as: Float.self) == expected)
            #expect(
                try file.root.dataset("train/y").read(as: UInt8.self) == [0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0])
            #expect(try !file.root.contains("train/length"))
        }
    }

    @Test func takesWhatIsWantedInThatOrder() throws {
        try withImport("frame.tfrecord", frames: 5, features: [.init(name: "audio", size: 2), .init(name: "rgb")]) {
            let row: [UInt8] = Array(try $0.root.dataset("train/x").read(as: UInt8.self)[..<8])
            #expect(row == [250, 249, 0, 1, 2, 3, 4, 5])
        }
        try withImport("video.tfrecord", features: [.init(name: "seconds")]) {
            let seconds = try $0.root.dataset("train/x").read(as: Float.self)
            #expect(seconds == [1.5, 1.5, 1.5])
        }
    }

    @Test func cutsLongExamplesAndSaysSo() throws {
        let remarks = Remarks()
        try withImport("frame.tfrecord", frames: 2, remarks: remarks) { file in
            let lengths = try file.root.dataset("train/length").read(as: Int.self)
            let x = try file.root.dataset("train/x").read(as: UInt8.self)
            #expect(lengths == [2, 1, 2, 2])
            #expect(x == (0..<4).flatMap { Self.example($0, frames: 5).prefix(16) })
        }
        try withImport("frame.tfrecord", frames: 50, remarks: remarks) { _ in }
        #expect(
            remarks.all == [
                "4 examples are longer than 2 frames, and were cut; --frames sets the limit",
                "no example has more than 5 of 50 frames; --frames 5 would make a smaller file",
            ])
    }

    /// More examples than lie together in the file, for every column.
    @Test func writesManyChunks() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "v.tfrecord").path, output = folder.appending(path: "d.h5").path
            let counts = 5000
            try write((0..<counts).map { video(labels: [$0 % 700], [Float($0), 1]) }, to: path)
            var files = YouTube8MImport(trainFiles: [path], testFiles: [Self.fixture("video.tfrecord")])
            files.testFiles = [path, path]
            files.classCount = 700
            let report = try files.write(to: output)
            #expect(report.trainCount == counts)
            #expect(report.testCount == 2 * counts)
            let file = try HDF5File(opening: output)
            let x = try file.root.dataset("test/x").read(as: Float.self)
            #expect((0..<(2 * counts)).allSatisfy { x[2 * $0] == Float($0 % counts) && x[2 * $0 + 1] == 1 })
            let y = try file.root.dataset("test/y")
            #expect(y.storedByteCount < y.byteCount / 20)
            let labels = try y.read(as: UInt8.self)
            #expect(labels.reduce(0) { $0 + Int($1) } == 2 * counts)
            #expect((0..<(2 * counts)).allSatisfy { labels[$0 * 700 + $0 % counts % 700] == 1 })
        }
    }

    // MARK: - What cannot be used

    private static let refused: [([UInt8], String)] = [
        (
            [0x0A, 5, 1],
            "expected a message of Protocol Buffers, Example or SequenceExample, found something else from its byte 2 on"
        ),
        (
            [0x0B],
            "expected a message of Protocol Buffers, Example or SequenceExample, found something else from its byte 0 on"
        ),
        ([], "expected a feature 'rgb' of bytes for each frame, found none"),
        (frames(["rgb": [6]]), "expected a feature 'audio' of bytes for each frame, found 'rgb'"),
        (
            frames(["rgb": [6, 6, 6], "audio": [2, 2]]),
            "its features are of unequal length: 3 frames of 'rgb', 2 frames of 'audio'"
        ),
        (frames(["rgb": [6, 5], "audio": [2, 2]]), "frame 1 of 'rgb' has 5 bytes, expected 6 in one string"),
        (frames(["rgb": [], "audio": []]), "it has no frames"),
        (
            frames(["rgb": [6], "audio": [2]], labels: [1, 5]), "its label 5 is none of the 5 classes, from 0 to 4"
        ),
        (
            frames(["rgb": [6], "audio": [2]], labels: [-1]), "its label -1 is none of the 5 classes, from 0 to 4"
        ),
        (
            frames(["rgb": [6], "audio": [2], "depth": [3]]),
            "it has a feature 'depth', which the first record has not; choose with --features"
        ),
        (
            field(1, entry("labels", field(2, field(1, [0, 0, 128, 63]))))
                + field(
                    2,
                    entry("rgb", field(1, field(1, field(1, [1, 2, 3, 4, 5, 6]))))
                        + entry("audio", field(1, field(1, field(1, [1, 2]))))),
            "its 'labels' are floats, expected whole numbers (int64)"
        ),
        (
            frames(["rgb": [6], "audio": [2]], id: 33), "its id has 33 bytes, expected at most 32"
        ),
    ]

    @Test(arguments: refused)
    func refusesOrSkipsRecords(record: [UInt8], reason: String) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "f.tfrecord").path, output = folder.appending(path: "d.h5").path
            let good = Self.frames(["rgb": [6], "audio": [2]], labels: [1])
            try write([good, record, good], to: path)
            var files = YouTube8MImport(trainFiles: [path], testFiles: [path])
            (files.classCount, files.frameCount) = (5, 1)
            let text = "'\(path)', record 1 at byte \(good.count + 16): \(reason)"
            let error = #expect(throws: RecordError.self) { try files.write(to: output) }
            #expect(error?.description == text)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["f.tfrecord"])
            let remarks = Remarks()
            files.skipsDamaged = true
            files.remark = remarks.note
            #expect(try files.write(to: output).trainCount == 2)
            #expect(remarks.all == ["skipped \(text)", "skipped \(text)"])
        }
    }

    private static let refusedVideos: [([UInt8], String)] = [
        (floats(["mean_rgb": [1, .nan]]), "number 1 of 'mean_rgb' is nan, expected a finite one"),
        (floats(["mean_rgb": [1]]), "'mean_rgb' has 1 numbers, expected 2"),
        (floats([:]), "expected a feature 'mean_rgb' of floats, found 'labels'"),
        (
            floats(["mean_rgb": [1, 2], "depth": [1, 2]]),
            "it has a feature 'depth', which the first record has not; choose with --features"
        ),
        (
            floats(["mean_rgb": [1, 2], "start": [1], "depth": [1, 2]]),
            "it has a feature 'depth', which the first record has not; choose with --features"
        ),
    ]

    @Test(arguments: refusedVideos)
    func refusesVideos(record: [UInt8], reason: String) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "f.tfrecord").path
            try write([video(labels: [1], [1, 2]), record], to: path)
            let files = YouTube8MImport(trainFiles: [path], testFiles: [path])
            let error = #expect(throws: RecordError.self) { try files.write(to: folder.appending(path: "d.h5").path) }
            #expect(error?.reason == reason)
            #expect(error?.place?.index == 1)
        }
    }

    @Test func refusesOrSkipsDamagedFiles() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "f.tfrecord").path, output = folder.appending(path: "d.h5").path
            let bytes = try Data(contentsOf: URL(filePath: Self.fixture("frame.tfrecord")))
            let second = Int(bytes[0]) | Int(bytes[1]) << 8
            func check(_ bytes: Data, _ reason: String, leaves count: Int?, offset: Int?) throws {
                try bytes.write(to: URL(filePath: path))
                var files = YouTube8MImport(trainFiles: [path], testFiles: [Self.fixture("frame.tfrecord")])
                (files.classCount, files.frameCount) = (5, 5)
                let error = #expect(throws: (any Error).self) { try files.write(to: output) }
                let place = offset.map { ", record \($0 == 0 ? 0 : 1) at byte \($0)" } ?? ""
                if let text = error.map(String.init(describing:)) { #expect(text == "'\(path)'\(place): \(reason)") }
                files.skipsDamaged = true
                if let count {
                    #expect(try files.write(to: output).trainCount == count)
                    try FileManager.default.removeItem(atPath: output)
                } else {
                    let none = #expect(throws: ExampleFileError.self) { try files.write(to: output) }
                    #expect(
                        none?.description == """
                            '\(path)': expected examples of train, found none that can be used. Fetch the files again.
                            """)
                }
                #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["f.tfrecord"])
            }
            var changed = bytes
            changed[second + 16 + 20] ^= 1
            let length = Int(bytes[second + 16])
            try check(
                changed, "the checksum of its \(length) bytes is wrong; the file is damaged", leaves: 3,
                offset: second + 16)
            changed = bytes
            changed[second + 16] ^= 1
            try check(
                changed, "the checksum of its length is wrong; the file is damaged, or does not hold TFRecords",
                leaves: 3, offset: second + 16)
            try check(
                bytes.prefix(second + 16 + 40),
                "it is \(length) bytes and 4 of their checksum long, but 28 bytes follow; the file is cut off",
                leaves: 1, offset: second + 16)
            try check(
                Data("\u{89}PNG, and more of it".utf8),
                "the checksum of its length is wrong; the file is damaged, or does not hold TFRecords", leaves: nil,
                offset: 0)
            try check(Data(), "it has no records; fetch it again", leaves: nil, offset: nil)
            let packed = try Data(contentsOf: URL(filePath: Self.fixture("frame.tfrecord.gz")))
            try check(
                packed.prefix(packed.count / 2),
                "the gzip file cannot be unpacked there or a little behind it (unexpected end of file); fetch it again",
                leaves: 1, offset: second + 16)
        }
    }

    @Test func saysWhatItPassedOver() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "f.tfrecord").path, remarks = Remarks()
            var bytes = try Data(contentsOf: URL(filePath: Self.fixture("frame.tfrecord")))
            let first = Int(bytes[0]) | Int(bytes[1]) << 8
            bytes[8] ^= 1
            try bytes.write(to: URL(filePath: path))
            var files = YouTube8MImport(trainFiles: [path], testFiles: [Self.fixture("frame.tfrecord")])
            (files.classCount, files.frameCount, files.skipsDamaged, files.remark) = (5, 5, true, remarks.note)
            #expect(try files.write(to: folder.appending(path: "d.h5").path).trainCount == 3)
            #expect(
                remarks.all[1] == "passed over \(first + 16) bytes of '\(path)', from a damaged record to the "
                    + "next that could be found")
        }
    }

    @Test func saysThatTestHasNoLabels() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "f.tfrecord").path, remarks = Remarks()
            try write([video(labels: [], [1, 2])], to: path)
            var files = YouTube8MImport(trainFiles: [path], testFiles: [path])
            files.remark = remarks.note
            _ = try files.write(to: folder.appending(path: "d.h5").path)
            #expect(
                remarks.all.last == """
                    no example of test has labels, so that its figures mean nothing; those of the challenge's test \
                    files are not published
                    """)
        }
    }

    /// Flipped bits behind the checksums: refused or read, but never a crash.
    @Test func survivesDamagedMessages() throws {
        let record = Self.frames(["rgb": [6, 6], "audio": [2, 2]], labels: [1, 300], id: 4)
        let form = try YouTube8MForm(of: record, features: nil, frameCount: 3, classCount: 1000)
        for place in record.indices {
            for bit in 0..<8 {
                var changed = record
                changed[place] ^= 1 << UInt8(bit)
                _ = try? form.example(changed)
                _ = try? YouTube8MForm(of: changed, features: nil, frameCount: 3, classCount: 1000)
            }
            _ = try? form.example(Array(record.prefix(place)))
        }
    }

    // MARK: - Support

    private final class Remarks: Sendable {
        private let texts = Mutex<[String]>([])
        var all: [String] { texts.withLock { $0 } }
        var note: @Sendable (YouTube8MImport.Remark) -> Void {
            { remark in self.texts.withLock { $0.append(remark.description) } }
        }
    }

    /// Imports a fixture as train and as test.
    private func withImport(
        _ name: String, frames: Int = 300, features: [YouTube8MImport.Feature]? = nil, remarks: Remarks = Remarks(),
        _ body: (borrowing HDF5File) throws -> Void
    ) throws {
        try withTemporaryFolder { folder in
            let output = folder.appending(path: "d.h5").path
            var files = YouTube8MImport(trainFiles: [Self.fixture(name)], testFiles: [Self.fixture(name)])
            (files.classCount, files.frameCount, files.features) = (5, frames, features)
            files.remark = remarks.note
            _ = try files.write(to: output)
            try body(try HDF5File(opening: output))
        }
    }

    private func write(_ records: [[UInt8]], to path: String) throws {
        var writer = try RecordWriter(creating: path)
        for record in records { try writer.write(record) }
        try writer.close()
    }

    private func video(labels: [Int], _ values: [Float]) -> [UInt8] {
        Self.floats(["mean_rgb": values], labels: labels)
    }

    private static func varint(_ number: UInt64) -> [UInt8] {
        number < 0x80 ? [UInt8(number)] : [UInt8(truncatingIfNeeded: number) | 0x80] + varint(number >> 7)
    }

    private static func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        [number << 3 | 2] + varint(UInt64(bytes.count)) + bytes
    }

    private static func entry(_ name: String, _ value: [UInt8]) -> [UInt8] {
        field(1, field(1, Array(name.utf8)) + field(2, value))
    }

    private static func labels(_ labels: [Int]) -> [UInt8] {
        entry("labels", field(3, field(1, labels.flatMap { varint(UInt64(bitPattern: Int64($0))) })))
    }

    /// A SequenceExample whose frames have strings of the given sizes.
    private static func frames(_ features: [String: [Int]], labels: [Int] = [], id: Int = 0) -> [UInt8] {
        let lists = features.sorted { $0.key > $1.key }.flatMap { name, sizes in
            entry(name, sizes.flatMap { field(1, field(1, field(1, [UInt8](repeating: 7, count: $0)))) })
        }
        let id = entry("id", field(1, field(1, [UInt8](repeating: 65, count: id))))
        return field(1, Self.labels(labels) + id) + field(2, lists)
    }

    /// An Example.
    private static func floats(_ features: KeyValuePairs<String, [Float]>, labels: [Int] = [1]) -> [UInt8] {
        let values = features.flatMap { name, values in
            entry(
                name,
                field(
                    2,
                    field(
                        1,
                        values.flatMap { value in
                            (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt32($0))) }
                        })))
        }
        return field(1, Self.labels(labels) + values)
    }
}
