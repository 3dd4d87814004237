import Foundation
import HDF5
import Testing
import Zip

@testable import Datasets

/// Data without test examples, some of whose training examples are for testing.
@Suite struct TestShareTests {
    /// A file of 40 training examples of four classes, whose only input is their row.
    private func withFile(hasTest: Bool = false, _ body: (String) throws -> Void) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d.h5").path
            let new = try NewFile(path)
            for (split, count) in [("train", 40), ("validation", 8)] + (hasTest ? [("test", 4)] : []) {
                try new.file.root.createDataset("\(split)/x", (0..<count).map { Float($0) }, shape: [count, 1])
                try new.file.root.createDataset("\(split)/y", (0..<count).map { Int32($0 % 4) }, shape: [count])
            }
            try new.file.flush()
            try body(path)
        }
    }

    @Test func everyRowIsInOneSplitAndEachClassGivesItsShare() throws {
        try withFile { path in
            let data = try ExampleFile(opening: path, testShare: 0.1),
                again = try ExampleFile(opening: path, testShare: 0.1)
            #expect(data.train.rows + data.test.rows != Array(0..<40))
            #expect((data.train.rows + data.test.rows).sorted() == Array(0..<40))
            #expect(Set(data.test.rows.map { $0 % 4 }) == [0, 1, 2, 3] && data.test.count == 4)
            #expect(data.test.rows == again.test.rows && data.test.name == "test")
            #expect(try inputs(data.test) == data.test.rows.map { [Float($0)] })
            #expect(data.trainAndValidation().train.rows == data.train.rows && data.validation?.count == 8)
            #expect(try ExampleFile(opening: path, testShare: 0.5).test.count == 20)
        }
    }

    @Test func refusesAShareBesideTestExamplesAndNamesTheCureWithoutAny() throws {
        try withFile(hasTest: true) { path in
            let error = #expect(throws: ExampleFileError.self) { try ExampleFile(opening: path, testShare: 0.1) }
            #expect(error?.advice == "Leave --test out.")
        }
        try withFile { path in
            let error = #expect(throws: ExampleFileError.self) { try ExampleFile(opening: path) }
            #expect(error?.advice.hasSuffix("Without test examples, --test 0.1 takes a share of train.") == true)
        }
    }

    /// Rows of several labels have no class to be divided by.
    @Test func dividesMultiLabelData() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d.h5").path, new = try NewFile(path)
            try new.file.root.createDataset("train/x", (0..<20).map { Float($0) }, shape: [20, 1])
            try new.file.root.createDataset("train/y", (0..<60).map { UInt8($0 % 2) }, shape: [20, 3])
            try new.file.flush()
            let data = try ExampleFile(opening: path, testShare: 0.25)
            #expect(data.labelKind == .multilabel && data.test.count == 5 && data.train.count == 15)
        }
    }

    /// Of archives with one x and y, or without x_test, the share is taken of all training examples.
    @Test(arguments: [("x", "y"), ("x_train", "y_train")])
    func dividesArchives(x: String, y: String) throws {
        let rows = array("<i2", "(30, 1)", (0..<30).flatMap { [UInt8($0), 0] })
        let labels = array("|u1", "(30,)", (0..<30).map { UInt8($0 % 3) })
        try withArchive([x: rows, y: labels]) { path in
            let data = try ExampleFile(opening: path, testShare: 0.1)
            #expect(data.test.count == 3 && Set(data.test.rows.map { $0 % 3 }).count == 3)
            #expect(try inputs(data.test) == data.test.rows.map { [Float($0)] })
            #expect(!data.warnings.contains { $0.contains("a fixed fifth") })
        }
    }

    /// An import takes the same rows as a command that reads the archive itself.
    @Test(arguments: [("x", "y"), ("x_train", "y_train")])
    func importsAnArchiveWithAShareForTesting(x: String, y: String) throws {
        let rows = array("<i2", "(30, 1)", (0..<30).flatMap { [UInt8($0), 0] })
        let labels = array("|u1", "(30,)", (0..<30).map { UInt8($0 % 3) })
        try withArchive([x: rows, y: labels]) { path in
            try withTemporaryFolder { folder in
                let output = folder.appending(path: "d.h5").path
                var archive = NPZImport(path: path)
                archive.testShare = 0.2
                archive.validationCount = 5
                #expect(try archive.amount() == 30)
                _ = try archive.write(to: output)
                let data = try ExampleFile(opening: path, testShare: 0.2), written = try ExampleFile(opening: output)
                #expect(try inputs(written.test) == inputs(data.test) && written.test.count == 6)
                #expect(written.validation?.count == 5 && written.train.count == 19)
                let left = try inputs(written.train) + inputs(#require(written.validation))
                #expect(try left == inputs(data.train))
            }
        }
    }
}

/// Labels that are no numbers from 0 on: each is understood, or refused with what to do.
@Suite struct LabelFormTests {
    private let x = array("|u1", "(4, 1)", [5, 6, 7, 8])

    /// Text as numpy writes it by itself, of bytes, and in the other byte order.
    @Test(arguments: [
        ("<U3", "(4,)", "cat,dog,eel,cat", 4, false), ("|S3", "(4, 1)", "cat,dog,eel,cat", 1, false),
        (">U3", "(4,)", "cat,dog,eel,cat", 4, true), ("<U3", "(4, 1)", "cat,dog,eel,cat", 4, false),
    ])
    func textIsTheNamesOfClasses(type: String, shape: String, words: String, size: Int, isBig: Bool) throws {
        let bytes = words.split(separator: ",").flatMap { word in
            word.utf8.flatMap { byte in
                let zeros = [UInt8](repeating: 0, count: size - 1)
                return isBig ? zeros + [byte] : [byte] + zeros
            }
        }
        let y = array(type, shape, bytes)
        try withArchive(["x_train": x, "y_train": y, "x_test": x, "y_test": y]) { path in
            let data = try ExampleFile(opening: path)
            #expect(data.classNames == ["cat", "dog", "eel"] && data.train.source.labels == [0, 1, 2, 0])
            try withTemporaryFolder { folder in
                let output = folder.appending(path: "d.h5").path
                var archive = NPZImport(path: path, classNames: ["eel", "dog", "cat"])
                _ = try archive.write(to: output)
                #expect(try ExampleFile(opening: output).train.source.labels == [2, 1, 0, 2])
                archive.classNames = ["cat", "dog"]
                let error = #expect(throws: ExampleFileError.self) { try archive.write(to: output) }
                #expect(error?.found == "'eel'")
            }
        }
    }

    @Test func numbersAsTextKeepTheirOrder() throws {
        let y = array("|S2", "(4,)", Array("9\u{0}10110\u{0}".utf8))
        try withArchive(["x_train": x, "y_train": y, "x_test": x, "y_test": y]) { path in
            let data = try ExampleFile(opening: path)
            #expect(data.classNames == ["0", "9", "10", "11"] && data.train.source.labels == [1, 2, 3, 0])
        }
    }

    /// Floats of one-hot rows, a column, and one-hot rows of Booleans mean the same classes.
    @Test func oneHotFloatsAndColumnsAreClasses() throws {
        let floats = array(
            "<f4", "(4, 2)", [1, 0, 0, 1, 0, 1, 1, 0].flatMap { $0 == 1 ? [0, 0, 0x80, 0x3F] : [0, 0, 0, 0] })
        let column = array("<f4", "(4, 1)", [0, 1, 1, 0].flatMap { $0 == 1 ? [0, 0, 0x80, 0x3F] : [0, 0, 0, 0] })
        let booleans = array("|b1", "(4, 2)", [1, 0, 0, 1, 0, 1, 1, 0])
        for y in [floats, column, booleans] {
            try withArchive(["x_train": x, "y_train": y, "x_test": x, "y_test": y]) { path in
                let data = try ExampleFile(opening: path)
                #expect(data.labelKind == .multiclass && data.train.source.labels == [0, 1, 1, 0])
            }
        }
    }

    @Test func labelsFromOneAreNamedWithTheCure() throws {
        let y = array("|u1", "(4,)", [1, 2, 3, 1])
        try withArchive(["x_train": x, "y_train": y, "x_test": x, "y_test": y]) { path in
            #expect(try ExampleFile(opening: path).warnings.contains { $0.contains("subtract 1") })
            try withTemporaryFolder { folder in
                let error = #expect(throws: ExampleFileError.self) {
                    try NPZImport(path: path, classNames: ["a", "b", "c"]).write(
                        to: folder.appending(path: "d.h5").path)
                }
                #expect(error?.advice.hasPrefix("The labels seem to begin at 1; subtract 1.") == true)
            }
        }
    }

    @Test func mixedAndEmptyTextIsRefused() throws {
        let text = array("|S1", "(4,)", Array("abca".utf8)), empty = array("|S1", "(4,)", [97, 0, 98, 97])
        let numbers = array("|u1", "(4,)", [0, 1, 2, 0])
        for (train, test) in [(text, numbers), (numbers, text), (empty, text)] {
            try withArchive(["x_train": x, "y_train": train, "x_test": x, "y_test": test]) { path in
                #expect(throws: ExampleFileError.self) { try ExampleFile(opening: path) }
            }
        }
        let objects = array("|O", "(4,)", [1, 2, 3, 4])
        try withArchive(["x_train": x, "y_train": objects, "x_test": x, "y_test": objects]) { path in
            let error = #expect(throws: ExampleFileError.self) { try ExampleFile(opening: path) }
            #expect(error?.advice.hasSuffix("text: y.astype(str).") == true)
        }
        try withArchive(["x_train": text, "y_train": numbers, "x_test": text, "y_test": numbers]) { path in
            let error = #expect(throws: ExampleFileError.self) { try ExampleFile(opening: path) }
            #expect(error?.found == "text")
        }
    }
}
