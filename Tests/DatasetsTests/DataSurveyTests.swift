import Foundation
import HDF5
import Testing

@testable import Datasets

/// Figures worked by hand.
@Suite struct DataSurveyTests {
    private func withFile(_ write: (borrowing HDF5File) throws -> Void, _ body: (ExampleFile) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).h5").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = try HDF5File(creating: path)
        try write(file)
        try file.close()
        try body(try ExampleFile(opening: path))
    }

    @Test func countsNumbersAndClasses() throws {
        try withFile { file in
            try file.root.createDataset("train/x", [Float(1), 3, 5, 5, 7, 9, -1, 1], shape: [4, 2])
            try file.root.createDataset("train/y", [UInt8(0), 2, 2, 2], shape: [4])
            try file.root.createDataset("test/x", [Float(2), 2], shape: [1, 2])
            try file.root.createDataset("test/y", [UInt8(0)], shape: [1])
        } _: { file in
            let survey = try DataSurvey(file), train = survey.splits[0], x = train.inputs[0]
            #expect(survey.splits.map(\.name) == ["train", "test"] && train.count == 4)
            #expect(x.examples == 4 && x.least == -1 && x.greatest == 9)
            // Their sum is 30, and that of their squares 192.
            #expect(abs((x.average ?? 0) - 3.75) < 1e-12)
            #expect(abs((x.deviation ?? 0) - (192.0 / 8 - 3.75 * 3.75).squareRoot()) < 1e-12)
            #expect(train.classCounts == [1, 0, 3] && train.emptyClasses == [1])
            // The means of class 2 are 5, 8 and 0.
            #expect(train.extremes[2].least.map(\.example) == [3, 1, 2])
            #expect(train.extremes[2].greatest.map(\.example) == [2, 1, 3])
            #expect(try survey.numbers(ofSplit: 0, [2, 0]) == [[7, 9], [1, 3]])
        }
    }

    @Test func countsLabelsAndLengths() throws {
        try withFile { file in
            try file.root.createDataset("train/x", [Float](repeating: 1, count: 12), shape: [3, 4, 1])
            try file.root.createDataset("train/y", [UInt8(1), 1, 0, 0, 0, 1], shape: [3, 2])
            try file.root.createDataset("train/length", [Int32(2), 4, 1], shape: [3])
            try file.root.createDataset("test/x", [Float](repeating: 1, count: 4), shape: [1, 4, 1])
            try file.root.createDataset("test/y", [UInt8(1), 0], shape: [1, 2])
            try file.root.createDataset("test/length", [Int32(3)], shape: [1])
        } _: { file in
            let train = try DataSurvey(file).splits[0]
            #expect(train.classCounts == [1, 2] && train.unlabeled == 1 && train.labelsPerExample == 1)
            #expect(train.lengths?.least == 1 && train.lengths?.greatest == 4)
            #expect(abs((train.lengths?.mean ?? 0) - 7.0 / 3) < 1e-12)
            #expect(train.extremes.isEmpty)
        }
    }
}
