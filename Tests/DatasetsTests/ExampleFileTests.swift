import Datasets
import Foundation
import HDF5
import Testing

@Suite struct ExampleFileTests {
    @Test func describesWhatItHolds() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d.h5").path
            try Recipe(validation: 6).write(to: path)
            let file = try ExampleFile(opening: path)
            #expect(file.classCount == 4)
            #expect(file.classNames == nil)
            #expect(file.labelKind == .oneClass)
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
            try Recipe(classes: ["a", "b", "c", "d", "e"]).write(to: path)
            let file = try ExampleFile(opening: path)
            #expect(file.classCount == 5)
            #expect(file.classNames == ["a", "b", "c", "d", "e"])
        }
    }

    @Test func holdsOutAPartOfTrainWithoutOverlap() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d.h5").path
            try Recipe(train: 100).write(to: path)
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
            A data file holds train/x, train/y, test/x and test/y.
            """, Recipe(test: 0))
    }

    @Test func saysThatLabelsAreMissing() throws {
        let recipe = Recipe { path, new in
            guard path == "train/y" else { return false }
            try new.file.root.createDataset(path, [0, 1, 2], shape: [3])
            return true
        }
        try expectError(
            """
            'train/y' in 'd.h5': expected 20 rows, as many as 'train/x' has, found shape [3]. \
            Each example needs its label.
            """, recipe)
    }

    @Test func refusesLabelsThatAreNoClasses() throws {
        let negative = Recipe { path, new in
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
            """, Recipe(classes: ["a", "b", "c"]))
        let huge = Recipe { path, new in
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

    @Test func refusesLabelsOfOtherTypes() throws {
        let recipe = Recipe { path, new in
            guard path == "train/y" else { return false }
            try new.file.root.createDataset(path, [Float](repeating: 0, count: 20), shape: [20])
            return true
        }
        try expectError(
            """
            'train/y' in 'd.h5': expected whole numbers of shape (20), or uint8 of shape (20, classes), \
            found float32 of shape [20]. Store the number of the class, or a row of zeros and ones for several labels.
            """, recipe)
    }

    @Test func refusesExamplesOfOtherTypesAndShapes() throws {
        try expectError(
            """
            'train/x' in 'd.h5': expected uint8, float16, float32 or float64, found int32. \
            Store the examples as one of these.
            """,
            replacing("train/x") {
                try $0.file.root.createDataset("train/x", [Int32](repeating: 0, count: 60), shape: [20, 3])
            })
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
            Recipe { path, new in
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
        let labels = Recipe(classes: ["a", "b"]) { path, new in
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

    private func replacing(_ wanted: String, _ write: @escaping (NewFile) throws -> Void) -> Recipe {
        Recipe { path, new in
            guard path == wanted else { return false }
            try write(new)
            return true
        }
    }

    private func failure(_ recipe: Recipe) throws -> String? {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d.h5").path
            try recipe.write(to: path)
            do {
                _ = try ExampleFile(opening: path)
                return nil
            } catch {
                return "\(error)".replacing(path, with: "d.h5")
            }
        }
    }

    private func expectError(_ text: String, _ recipe: Recipe, at place: SourceLocation = #_sourceLocation) throws {
        #expect(try failure(recipe) == text, sourceLocation: place)
    }
}
