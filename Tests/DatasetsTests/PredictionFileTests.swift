import Foundation
import HDF5
import Testing

@testable import Datasets

/// Files of predictions, as `Tools/reference/prediction_fixtures.py` has written them with numpy, h5py and Python's csv.
@Suite struct PredictionFileTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Fixtures/predictions")
    private static let values: [Float] = [
        0.8, 0.1, 0.1, 0.2, 0.4, 0.4, 0.1, 0.1, 0.8, 0.5, 0.3, 0.2, 0, 1, 0, 0.3, 0.3, 0.4,
    ]
    private static let test: [Float] = [0.2, 0.4, 0.4, 0.8, 0.1, 0.1]

    /// A data file of six training and two test rows.
    private func withData(classes: Int = 3, _ body: (URL, ExampleFile) throws -> Void) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d.h5").path, file = try HDF5File(creating: path)
            for (name, count) in [("train", 6), ("test", 2)] {
                try file.root.createDataset("\(name)/x", [Float](repeating: 0.5, count: count), shape: [count, 1])
                let labels = (0..<count).map { Int32($0 % classes) }
                try file.root.createDataset("\(name)/y", labels, shape: [count])
            }
            try file.root.attributes.write((0..<classes).map { "class \($0)" }, to: "classes")
            try file.close()
            try body(folder, try ExampleFile(opening: path))
        }
    }

    @Test(arguments: ["alone.npy", "named.npz", "kinds.npz:logits", "groups.h5", "groups.h5:train/probs", "table.csv"])
    func readsWhatOthersWrite(name: String) throws {
        try withData { _, data in
            let parts = name.split(separator: ":").map(String.init), path = Self.folder.appending(path: parts[0]).path
            let file = try PredictionFile(opening: path, object: parts.count > 1 ? parts[1] : nil, for: data)
            let train = try #require(file[.train])
            let isHalf = name == "named.npz"
            #expect(train.isFloat16 == isHalf)
            let wanted = isHalf ? Self.values.map { Float(Float16($0)) } : Self.values
            #expect(try train.read(Array(0..<6)) == wanted)
            #expect(try train.read([1, 4]) == Array(wanted[3..<6] + wanted[12..<15]))
            let found = try file[.test]?.read([0, 1])
            #expect(found == (name == "alone.npy" ? nil : isHalf ? Self.test.map { Float(Float16($0)) } : Self.test))
            #expect(file.all == (name == "alone.npy" ? [.train] : [.train, .test]))
            let names: [String: [String]] = [
                "named.npz": ["cat", "café", "a dog"], "groups.h5": ["cat", "café", "a dog"],
                "table.csv": ["cat", "café", "a \"dog\", big"],
            ]
            #expect(file.classNames == names[parts[0]])
        }
    }

    @Test(arguments: ["p.h5", "p.npz"])
    func readsWhatItWrites(name: String) throws {
        try withData { folder, data in
            let path = folder.appending(path: name).path
            let arrays: [PredictionFile.NewArray] = [
                .init(.train, of: "a", rows: 6, columns: 3), .init(.test, of: "a", rows: 2, columns: 3),
                .init(.train, of: "b", rows: 6, columns: 3),
            ]
            try PredictionFile.write(
                arrays, classNames: ["x", "ÿ", "z"], facts: [.output: "logits", .dataDigest: "abc"], to: path, check: {}
            ) { number, put in
                if number == 1 { return try put([0, 1], Self.test.span) }
                // Rows come in any order.
                try put([0, 2, 3], Array(Self.values[0..<3] + Self.values[6..<12]).span)
                try put([1, 4, 5], Array(Self.values[3..<6] + Self.values[12..<18]).span)
            }
            let file = try PredictionFile(opening: path, object: "a", for: data)
            #expect(try file[.train]?.read(Array(0..<6)) == Self.values)
            #expect(try file[.test]?.read([0, 1]) == Self.test)
            #expect(file.classNames == ["x", "ÿ", "z"])
            #expect(file.facts == [.output: "logits", .dataDigest: "abc"])
            #expect(try PredictionFile(opening: path, object: "b", for: data).all == [.train])
            #expect(PredictionFile.isFound(in: path) == (name == "p.h5"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["d.h5", name])
        }
    }

    @Test func refusesTablesWithTheLine() throws {
        let tables: [(String, String)] = [
            ("", "'PATH': expected predictions: an HDF5 file, .npy, .npz or .csv, found empty."),
            ("0.5,0.2,0.3\n", "expected the names of the classes in the first line, found numbers. Write"),
            ("a,,c\n", "expected the names of the classes in the first line, found a column without one. Write"),
            ("a,b,c\n", "'line 1' in 'PATH': expected a line for each example, found the first line alone."),
            (
                "a,b,c\n1,0,0\n1,0\n",
                "'line 3' in 'PATH': expected 3 values, one for each column of the first line, found 2."
            ),
            ("a,b,c\n1,0,0\n\n1,x,0\n", "'line 4' in 'PATH': expected a finite number in column 'b', found 'x'."),
            ("a,b,c\n1,,0\n", "'line 2' in 'PATH': expected a finite number in column 'b', found ''."),
            ("a,b,c\n1,0,nan\n", "'line 2' in 'PATH': expected a finite number in column 'c', found 'nan'."),
            (
                "a,split,b,c\n1,training,0,0\n1,trial,0,0\n",
                "'line 3' in 'PATH': expected train, validation, test or unlabeled in the column 'split', found 'trial'."
            ),
            ("split,a,b,c\ntest,1,0,0\n", "expected predictions 'train' for the 6 rows of 'train/x' in "),
            (
                "a,b,c\n1,0,0\n0,1,0\n",
                "'predictions' in 'PATH': expected 6 rows, one for each of 'train' in 'DATA', held-out rows included, found 2, "
                    + "as many as 'test' has. An array by itself is for train."
            ),
        ]
        try withData { folder, data in
            for (text, expected) in tables {
                let path = folder.appending(path: "t.csv").path
                try text.write(toFile: path, atomically: true, encoding: .utf8)
                let error = #expect(throws: ExampleFileError.self) { try PredictionFile(opening: path, for: data) }
                let wanted = expected.replacing("PATH", with: path).replacing("DATA", with: data.path)
                #expect(error?.description.contains(wanted) == true, "\(text): \(error?.description ?? "")")
            }
        }
    }

    @Test func refusesOtherRowsAndClasses() throws {
        try withData(classes: 4) { folder, data in
            let path = Self.folder.appending(path: "named.npz").path
            let error = #expect(throws: ExampleFileError.self) { try PredictionFile(opening: path, for: data) }
            #expect(
                error?.description
                    == "'oof' in '\(path)': expected 4 columns, one for each class of '\(data.path)', found 3. Columns are the "
                    + "classes of the data, all of them.")
        }
        try withData { folder, data in
            for (name, advice) in [("text.txt", "Save them"), ("model.csv", "Save them")] {
                let path = folder.appending(path: name).path
                try Data(name == "text.txt" ? "a,b\n".utf8 : "\u{89}PNG".utf8).write(to: URL(filePath: path))
                let error = #expect(throws: (any Error).self) { try PredictionFile(opening: path, for: data) }
                #expect("\(error as Any)".contains(name == "text.txt" ? advice : name))
            }
        }
    }

    @Test func cutsTrainingRowsIntoFolds() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d.h5").path
            try Hyperparameters(train: 23, test: 5).write(to: path)
            let data = try ExampleFile(opening: path), folds = try data.folds(4, seed: 7)
            // Each row is in one, ascending; sizes and numbers of each class differ by one at most.
            #expect(folds.flatMap(\.self).sorted() == Array(0..<23))
            #expect(folds.allSatisfy { $0 == $0.sorted() })
            #expect(Set(folds.map(\.count)) == [5, 6])
            for label in 0..<4 {
                let counts = folds.map { $0.count { $0 % 4 == label } }
                #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 1)
            }
            #expect(try data.folds(4, seed: 7) == folds)
            #expect(try data.folds(4, seed: 8) != folds)
            let error = #expect(throws: ExampleFileError.self) { try data.folds(12, seed: 0) }
            #expect(
                error?.description
                    == "'train/x' in '\(path)': expected at least 24 rows for 12 folds, found 23. Take fewer folds.")
        }
    }
}

@Suite struct PredictionLayoutTests {
    private static let found: [([String], String?, [PredictedPart: String], String?)] = [
        (["train", "test"], nil, [.train: "train", .test: "test"], nil),
        (["oof", "val", "unlabelled"], nil, [.train: "oof", .validation: "val", .unlabeled: "unlabelled"], nil),
        (["x_train", "y_train", "probs_train", "test_probs"], nil, [.train: "probs_train", .test: "test_probs"], nil),
        (["train/x", "train/logits", "test/logits"], nil, [.train: "train/logits", .test: "test/logits"], nil),
        (["a/train", "a/test", "b/train"], "a", [.train: "a/train", .test: "a/test"], nil),
        (["a/train", "b/train", "b/test"], "b/test", [.train: "b/train", .test: "b/test"], nil),
        (["run/a/oof", "run/b/oof"], "run/b", [.train: "run/b/oof"], nil),
        (["probs_train", "logits_train"], "probs", [.train: "probs_train"], nil),
        (["train_embedding", "train_logits"], nil, [.train: "train_logits"], nil),
        (["predictions"], nil, [:], "predictions"), (["y", "probs"], nil, [:], "probs"),
        (["a", "b"], "b", [:], "b"), (["deep/a"], "deep/a", [:], "deep/a"),
    ]

    @Test func findsTheArrayOfEachPart() throws {
        for (names, object, arrays, single) in Self.found {
            let layout = try PredictionLayout(of: names, object: object)
            #expect(layout.arrays == arrays, "\(names)")
            #expect(layout.single == single, "\(names)")
        }
    }

    private static let refused: [([String], String?, String)] = [
        ([], nil, "no array of numbers in rows and columns"), (["a", "b"], nil, "'a', 'b'"),
        (["train/x", "train/y"], nil, "'train/x', 'train/y'"),
        (["a/train", "b/train"], nil, "'a', 'b'"), (["train", "oof"], nil, "'train' and 'oof'"),
        (["train"], "c", "'train'"),
    ]

    @Test func refusesWhatCouldBeSeveralThings() {
        for (names, object, words) in Self.refused {
            let error = #expect(throws: PredictionLayout.Problem.self) {
                try PredictionLayout(of: names, object: object)
            }
            #expect(error?.found == words, "\(names)")
        }
    }
}
