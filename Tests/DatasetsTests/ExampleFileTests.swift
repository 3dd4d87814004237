import Datasets
import Foundation
import HDF5
import Testing

@Suite struct ExampleFileTests {
    @Test func describesWhatItHolds() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d.h5").path
            try Hyperparameters(validation: 6).write(to: path)
            let file = try ExampleFile(opening: path)
            #expect(file.classCount == 4)
            #expect(file.classNames == nil)
            #expect(file.labelKind == .multiclass)
            #expect(file.exampleShape == [3])
            #expect(file.train.count == 20)
            #expect(file.test.count == 5)
            #expect(file.validation?.count == 6)
            #expect(file.trainAndValidation().validation.count == 6)
            #expect(!file.train.hasFrameCounts)
        }
    }

    @Test func countsNamedClassesEvenIfNobodyBelongsToThem() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d.h5").path
            try Hyperparameters(classes: ["a", "b", "c", "d", "e"]).write(to: path)
            let file = try ExampleFile(opening: path)
            #expect(file.classCount == 5)
            #expect(file.classNames == ["a", "b", "c", "d", "e"])
        }
    }

    @Test func holdsOutAPartOfTrainWithoutOverlap() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d.h5").path
            try Hyperparameters(train: 100).write(to: path)
            let (train, validation) = try ExampleFile(opening: path).trainAndValidation()
            #expect(train.count == 90)
            #expect(validation.count == 10)
            #expect(Set(train.rows).isDisjoint(with: validation.rows))
            #expect(Set(train.rows + validation.rows) == Set(0..<100))
        }
    }

    @Test func saysThatAFileIsMissing() throws {
        let error = #expect(throws: HDF5Error.self) { try ExampleFile(opening: "no/such/data.h5") }
        #expect(error?.kind == .missing)
    }

    @Test func saysThatASplitIsMissing() throws {
        try expectError(
            """
            'd.h5': expected a dataset 'test/x', found 'train' at the top. \
            A data file holds train/x, train/y, test/x and test/y. \
            Without test examples, --test 0.1 takes a share of train.
            """, Hyperparameters(test: 0))
    }

    @Test func saysThatLabelsAreMissing() throws {
        let hyperparameters = Hyperparameters { path, new in
            guard path == "train/y" else { return false }
            try new.file.root.createDataset(path, [0, 1, 2], shape: [3])
            return true
        }
        try expectError(
            """
            'train/y' in 'd.h5': expected 20 rows, as many as 'train/x' has, found shape [3]. \
            Each example needs its label.
            """, hyperparameters)
    }

    @Test func refusesLabelsThatAreNoClasses() throws {
        let negative = Hyperparameters { path, new in
            guard path == "test/y" else { return false }
            try new.file.root.createDataset(path, [0, 1, -1, 0, 0], shape: [5])
            return true
        }
        try expectError(
            """
            'test/y' in 'd.h5': expected class numbers from 0 on, found -1 in row 2. \
            Number the classes from 0, and remove examples that have none.
            """, negative)
        try expectError(
            """
            'train/y' in 'd.h5': expected classes from 0 to 2, as 'classes' names them, found 3 in row 3. \
            Name every class, or leave the attribute 'classes' out.
            """, Hyperparameters(classes: ["a", "b", "c"]))
        let huge = Hyperparameters { path, new in
            guard path == "test/y" else { return false }
            try new.file.root.createDataset(path, [0, 1, 1 << 30, 0, 0], shape: [5])
            return true
        }
        try expectError(
            """
            'test/y' in 'd.h5': expected class numbers from 0 on, found 1073741824 in row 2. \
            Number the classes without gaps, or name them in the file's attribute 'classes'.
            """, huge)
    }

    @Test func refusesLabelsOfOtherShapes() throws {
        try expectError(
            """
            'train/y' in 'd.h5': expected whole numbers of shape (20), or zeros and ones of shape (20, classes), \
            found int64 of shape [20, 2, 2]. \
            Store the number of the class, or a row of zeros and ones for multi-label data.
            """,
            replacing("train/y") {
                try $0.file.root.createDataset("train/y", [Int](repeating: 0, count: 80), shape: [20, 2, 2])
            })
    }

    @Test func refusesExamplesOfOtherTypesAndShapes() throws {
        try expectError(
            """
            'train/x' in 'd.h5': expected shape (examples, …), found [20]. \
            The first axis counts examples; single numbers are of shape (examples, 1).
            """,
            replacing("train/x") {
                try $0.file.root.createDataset("train/x", [UInt8](repeating: 0, count: 20), shape: [20])
            })
        try expectError(
            """
            'train/x' in 'd.h5': expected at least one example, found shape [0, 3]. Is the file finished?
            """, replacing("train/x") { try $0.file.root.createDataset("train/x", [UInt8](), shape: [0, 3]) })
        try expectError(
            """
            'test/x' in 'd.h5': expected examples of shape [3], as in 'train/x', found [2]. \
            All splits must hold the same kind of examples.
            """,
            replacing("test/x") {
                try $0.file.root.createDataset("test/x", [UInt8](repeating: 0, count: 10), shape: [5, 2])
            })
    }

    @Test func refusesFrameCountsBeyondTheFrames() throws {
        let frames = { (counts: [Int]) in
            Hyperparameters { path, new in
                let count = path.hasPrefix("train") ? 20 : 5
                if path.hasSuffix("/x") {
                    try new.file.root.createDataset(
                        path, [UInt8](repeating: 0, count: count * 6), shape: [count, 3, 2])
                } else if path.hasSuffix("/length") {
                    try new.file.root.createDataset(path, Array(counts.prefix(count)), shape: [count], type: .int32)
                }
                return !path.hasSuffix("/y")
            }
        }
        var counts = [Int](repeating: 3, count: 20)
        #expect(try failure(frames(counts)) == nil)
        counts[4] = 0
        try expectError(
            """
            'train/length' in 'd.h5': expected from 1 to 3 frames, found 0 in row 4. \
            'train/x' has 3 frames for each example.
            """, frames(counts))
    }

    @Test func comparesNamesWithColumns() throws {
        let labels = Hyperparameters(classes: ["a", "b"]) { path, new in
            guard path.hasSuffix("/y") else { return false }
            let count = path.hasPrefix("train") ? 20 : 5
            try new.file.root.createDataset(path, [UInt8](repeating: 1, count: count * 3), shape: [count, 3])
            return true
        }
        try expectError(
            """
            'train/y' in 'd.h5': expected 2 columns, one for each name in 'classes', found 3. \
            Name every column once, or leave the attribute 'classes' out.
            """, labels)
    }

    @Test func refusesScalesThatDifferBetweenSplits() throws {
        try expectError(
            """
            'test/x' in 'd.h5': expected scale 0.25, as 'train/x' has it, found 1.0. \
            Give 'scale' the same value in both; without the attribute it is 1.
            """,
            replacing("train/x") {
                let x = try $0.file.root.createDataset("train/x", [UInt8](repeating: 0, count: 60), shape: [20, 3])
                try x.attributes.write(0.25, to: "scale")
            })
        try expectError(
            """
            'test/x' in 'd.h5': expected offset 0.0, as 'train/x' has it, found -1.0. \
            Give 'offset' the same value in both; without the attribute it is 0.
            """,
            replacing("test/x") {
                let x = try $0.file.root.createDataset("test/x", [UInt8](repeating: 0, count: 15), shape: [5, 3])
                try x.attributes.write(-1.0, to: "offset")
            })
    }

    @Test func refusesScalesThatAreNeitherOneNorOneForEachChannel() throws {
        for (values, message) in [
            ([1.0, 2], "expected one number, or one for each of the 3 channels, in the attribute 'scale', found 2"),
            ([], "expected one number, or one for each of the 3 channels, in the attribute 'scale', found 0"),
            ([1, .nan, 2], "expected finite numbers in the attribute 'scale', found nan"),
            ([1e39], "expected a finite number in the attribute 'scale', found 1e+39"),
        ] {
            try expectError(
                "'train/x' in 'd.h5': \(message). Models are fed with x·scale + offset; channels are the last axis.",
                replacing("train/x") {
                    let x = try $0.file.root.createDataset("train/x", [UInt8](repeating: 0, count: 60), shape: [20, 3])
                    try x.attributes.write(values, to: "scale")
                })
        }
    }

    @Test func saysWhatIsThereInstead() throws {
        func refusal(_ names: [String]) throws -> String {
            try withTemporaryFolder { folder in
                let path = folder.appending(path: "d.h5").path, file = try HDF5File(creating: path)
                for name in names { try file.root.createDataset(name, [UInt8](repeating: 0, count: 6), shape: [2, 3]) }
                try file.close()
                let error = #expect(throws: ExampleFileError.self) { try ExampleFile(opening: path) }
                return "\(error!)".replacing("'\(path)'", with: "d.h5")
            }
        }
        let layout = "A data file holds train/x, train/y, test/x and test/y."
        #expect(
            try refusal(["X_train", "Y_train"])
                == "d.h5: expected a dataset 'train/x', found 'X_train', 'Y_train' at the top. "
                + "Rename 'X_train': in h5py, file.move('X_train', 'train/x'). \(layout)")
        #expect(
            try refusal(["train/X", "train/Y"]) == "d.h5: expected a dataset 'train/x', found 'X', 'Y' in 'train'. "
                + "Rename 'train/X': in h5py, file.move('train/X', 'train/x'). \(layout)")
        #expect(
            try refusal(["train/x/0", "train/x/1"])
                == "d.h5: expected a dataset 'train/x', found a group of that name, with '0', '1'. "
                + "Store the examples as one array. \(layout)")
        #expect(
            try refusal(["images/train", "labels/train"])
                == "d.h5: expected a dataset 'train/x', found 'images', 'labels' at the top. "
                + "Rename 'images/train': in h5py, file.move('images/train', 'train/x'). \(layout)")
        #expect(
            try refusal(["images", "labels"])
                == "d.h5: expected a dataset 'train/x', found 'images', 'labels' at the top. "
                + "Store some rows of 'images' as train/x, others as test/x. \(layout)")
        #expect(
            try refusal(["a"]) == "d.h5: expected a dataset 'train/x', found 'a' at the top. \(layout)")
    }

    private func replacing(_ wanted: String, _ write: @escaping (NewFile) throws -> Void) -> Hyperparameters {
        Hyperparameters { path, new in
            guard path == wanted else { return false }
            try write(new)
            return true
        }
    }

    private func failure(_ hyperparameters: Hyperparameters) throws -> String? {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d.h5").path
            try hyperparameters.write(to: path)
            do {
                _ = try ExampleFile(opening: path)
                return nil
            } catch {
                return "\(error)".replacing(path, with: "d.h5")
            }
        }
    }

    private func expectError(
        _ text: String, _ hyperparameters: Hyperparameters, at place: SourceLocation = #_sourceLocation
    ) throws {
        #expect(try failure(hyperparameters) == text, sourceLocation: place)
    }
}
