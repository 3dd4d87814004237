import Foundation
import HDF5
import Testing

@testable import Datasets

/// Datasets beside x, for models that want them.
@Suite struct OtherInputsTests {
    /// A file with x, and what a test puts beside it.
    private func withFile(
        _ body: (ExampleFile) throws -> Void,
        beside: (borrowing HDF5Group, _ split: String, _ count: Int) throws -> Void
    ) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d.h5").path
            try Hyperparameters().write(to: path)
            let plain = try HDF5File(opening: path)
            let other = folder.appending(path: "other.h5").path, file = try HDF5File(creating: other)
            for (split, count) in [("train", 20), ("test", 5)] {
                let x: [UInt8] = try plain.root.dataset("\(split)/x").read()
                let y: [Int] = try plain.root.dataset("\(split)/y").read()
                try file.root.createDataset("\(split)/x", x, shape: [count, 3])
                try file.root.createDataset("\(split)/y", y, shape: [count], type: .int64)
                try beside(file.root, split, count)
            }
            try file.close()
            try body(try ExampleFile(opening: other))
        }
    }

    private static func rgb(_ row: Int, _ element: Int) -> Float { Float(row) + Float(element) / 8 }

    @Test func readsThemInsteadOfX() throws {
        try withFile { file in
            #expect(file.inputs == [ExampleInput("x", [3]), ExampleInput("audio", [2]), ExampleInput("rgb", [2, 4])])
            let reader = ExampleReader(
                file.train.reading(["rgb", "x"]), batchSize: 7, order: .shuffled(seed: 2), windowByteCount: 200,
                segmentByteCount: 70)
            for step in 0..<reader.stepsPerEpoch {
                let batch = try reader.batch(epoch: 1, step: step)
                var rgb = [Float](repeating: 0, count: batch.count * 8),
                    x = [Float](repeating: 0, count: batch.count * 3)
                var span = rgb.mutableSpan
                batch.readInputs(0..<batch.count, of: 0, into: &span)
                span = x.mutableSpan
                batch.readInputs(0..<batch.count, of: 1, into: &span)
                for example in 0..<batch.count {
                    let row = batch.row(example)
                    // The attribute offset is 0.5.
                    for element in 0..<8 { #expect(rgb[example * 8 + element] == Self.rgb(row, element) + 0.5) }
                    for element in 0..<3 { #expect(x[example * 3 + element] == Hyperparameters.value(row, element)) }
                }
            }
        } beside: { root, split, count in
            let values = (0..<(count * 8)).map { Self.rgb($0 / 8, $0 % 8) }
            let dataset = try root.createDataset("\(split)/rgb", values, shape: [count, 2, 4])
            try dataset.attributes.write(0.5, to: "offset")
            try root.createDataset("\(split)/audio", [UInt8](repeating: 1, count: count * 2), shape: [count, 2])
        }
    }

    /// A file may hold more than is meant for models.
    @Test func passesOverWhatIsNoInput() throws {
        try withFile { file in
            #expect(file.inputs == [ExampleInput("x", [3])])
        } beside: { root, split, count in
            try root.createDataset("\(split)/id", (0..<count).map { $0 }, shape: [count], type: .int64)
            try root.createDataset("\(split)/mean", [Float](repeating: 1, count: 4), shape: [1, 4])
            if split == "train" {
                try root.createDataset("train/rgb", [Float](repeating: 1, count: count * 4), shape: [count, 4])
            }
            let width = split == "train" ? 2 : 3
            try root.createDataset(
                "\(split)/audio", [Float](repeating: 1, count: count * width), shape: [count, width])
        }
    }

    @Test func saysWhereANumberIsNone() throws {
        try withFile { file in
            let reader = ExampleReader(file.test.reading(["rgb"]), batchSize: 5, order: .sequential)
            let error = #expect(throws: ExampleFileError.self) { _ = try reader.batch(epoch: 0, step: 0) }
            #expect(error?.object == "test/rgb")
            #expect(error?.found == "nan in row 2, element 1")
        } beside: { root, split, count in
            var values = [Float](repeating: 0, count: count * 4)
            values[9] = .nan
            try root.createDataset("\(split)/rgb", values, shape: [count, 4])
        }
    }
}
