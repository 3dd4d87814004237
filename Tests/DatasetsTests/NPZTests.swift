import Foundation
import HDF5
import Testing
import Zip

@testable import Datasets

@Suite struct NPZTests {
    private static func fixture(_ name: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/\(name)").path
    }

    /// Archives and data files that `Tools/reference/npz_fixtures.py` wrote.
    @Test(arguments: ["keras", "one-hot", "many-labels", "validation", "fortran"])
    func writesWhatPythonMakesOfIt(name: String) throws {
        try withTemporaryFolder { folder in
            let output = folder.appending(path: "d.h5").path
            let report = try NPZImport(path: Self.fixture("\(name).npz")).write(to: output)
            #expect((report.validationCount != nil) == (name == "validation"))
            let file = try HDF5File(opening: output), expected = try HDF5File(opening: Self.fixture("\(name).h5"))
            let splits = ["train", "test"] + (name == "validation" ? ["validation"] : [])
            for path in splits.flatMap({ ["\($0)/x", "\($0)/y"] }) {
                let found = try file.root.dataset(path), wanted = try expected.root.dataset(path)
                #expect(found.shape == wanted.shape, "\(path)")
                #expect(try found.read(as: Double.self) == wanted.read(as: Double.self), "\(path)")
                if path.hasSuffix("x") { #expect(found.type == wanted.type) }
            }
        }
    }

    @Test func readsMoreThanOneBlock() throws {
        try withTemporaryFolder { folder in
            let output = folder.appending(path: "d.h5").path
            var files = NPZImport(path: Self.fixture("large.npz"))
            files.validationCount = 7
            var done = 0
            let report = try files.write(to: output) { done = $0 }
            #expect(try files.amount() == 1500)
            #expect(done == 1500)
            #expect(report.trainCount == 1393)
            #expect(report.validationCount == 7)
            let file = try HDF5File(opening: output)
            let x =
                try file.root.dataset("train/x").read(as: Double.self)
                + file.root.dataset("validation/x").read(as: Double.self)
            let sums = try HDF5File(opening: Self.fixture("large.h5")).root.dataset("sum").read(as: Double.self)
            let found: [Double] = (0..<1400).map { row in x[(row * 251)..<(row * 251 + 251)].reduce(0, +) }
            #expect(found == sums)
        }
    }

    /// The first axis runs fastest there, as in arrays that pandas makes of tables: element (r, i, j) of shape (2, 2, 3)
    /// lies at r + 2 i + 4 j.
    @Test func readsFortranOrder() throws {
        let x = array("|u1", "(2, 2, 3)", Array(0..<12), isFortran: true), y = array("|u1", "(2,)", [0, 1])
        try withArchive(["x_train": x, "y_train": y, "x_test": x, "y_test": y]) { path in
            let data = try ExampleFile(opening: path)
            #expect(data.exampleShape == [2, 3, 1])
            #expect(try inputs(data.train) == [[0, 4, 8, 2, 6, 10], [1, 5, 9, 3, 7, 11]])
        }
    }

    /// Flipped bits and missing ends: refused or read, but never a crash.
    @Test func survivesDamage() throws {
        try withTemporaryFolder { folder in
            let bytes = try Data(contentsOf: URL(filePath: Self.fixture("one-hot.npz")))
            let path = folder.appending(path: "x.npz"), output = folder.appending(path: "d.h5").path
            for place in bytes.indices {
                var changed = bytes
                changed[place] ^= UInt8(1 << (place % 8))
                try changed.write(to: path)
                _ = try? NPZImport(path: path.path).write(to: output)
            }
            for count in stride(from: 0, to: bytes.count, by: 29) {
                try bytes.prefix(count).write(to: path)
                // Of an empty file there is more to say.
                if count == 0 {
                    #expect(throws: ExampleFileError.self) { try NPZImport(path: path.path).write(to: output) }
                } else {
                    #expect(throws: ZipError.self) { try NPZImport(path: path.path).write(to: output) }
                }
            }
        }
    }

    @Test func saysWhatIsNoArchive() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "x.npy")
            try Data(array("|u1", "(2, 1)", [1, 2])).write(to: path)
            try expectError(path.path) {
                """
                '\($0)': expected an archive of NumPy's arrays (.npz), found an array of NumPy's (.npy). \
                Put the arrays of all splits into one archive: \
                np.savez('d.npz', x_train=…, y_train=…, x_test=…, y_test=…).
                """
            }
        }
    }

    /// The same arrays of every type of numbers are the same data.
    @Test(arguments: [
        ("|b1", [0, 1] as [UInt8], [0, 1] as [UInt8]), ("|i1", [0, 1], [0, 1]), ("<i2", [0, 0, 1, 0], [0, 0, 1, 0]),
        (">i4", [0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 1]), ("<u2", [0, 0, 1, 0], [0, 0, 1, 0]),
    ])
    func readsEveryTypeOfNumbers(type: String, x: [UInt8], y: [UInt8]) throws {
        let x = array(type, "(2, 1)", x), y = array(type, "(2, 1)", y)
        try withArchive(["x_train": x, "y_train": y, "x_test": x, "y_test": y]) { path in
            try withTemporaryFolder { folder in
                let output = folder.appending(path: "d.h5").path
                let report = try NPZImport(path: path).write(to: output)
                #expect(report.classCount == 2)
                #expect(report.warnings == [])
                let file = try HDF5File(opening: output)
                #expect(try file.root.dataset("train/x").read(as: Int.self) == [0, 1])
                #expect(try file.root.dataset("train/y").read(as: Int.self) == [0, 1])
                #expect(try file.root.dataset("train/y").shape == [2])
            }
        }
    }

    @Test func namesTheArraysThatAreMissing() throws {
        try withArchive(["x_train": array("|u1", "(2, 1)", [1, 2]), "y": array("|u1", "(2,)", [0, 1])]) { path in
            try expectError(path) {
                """
                '\($0)': expected arrays 'x_train' and 'y_train', or 'train_x', 'train/x', 'train_images' and the like, \
                found 'x_train.npy', 'y.npy'. Save them with np.savez(…, x_train=…, y_train=…, x_test=…, y_test=…).
                """
            }
        }
    }

    private static let wrongLabels: [([String], String)] = [
        (
            ["|u1", "(3,)", "\u{0}\u{1}\u{0}"],
            "2 labels, or rows of them, one for each example in 'x_train.npy', found shape [3]. "
                + "Give the examples and labels of the same split."
        ),
        (
            ["|i1", "(2,)", "\u{0}\u{7F}\u{0}"],
            "the elements of an array of shape [2], found 3 bytes. The file is damaged; fetch it again."
        ),
        (
            ["<f2", "(2,)", "\u{0}\u{0}\u{0}\u{38}"],
            "class numbers from 0 on, found 0.5 in row 1. "
                + "Number the classes from 0, and remove examples that have none."
        ),
        (
            ["|u1", "(2, 2)", "\u{0}\u{1}\u{0}\u{2}"],
            "zeros and ones, as it has 2 columns, found 2 in row 1. "
                + "Give one class number an example, such as y.argmax(axis=1), or a row of zeros and ones."
        ),
        (
            ["|u1", "(9223372036854775807, 9223372036854775807)", ""],
            "the elements of an array of shape [9223372036854775807, 9223372036854775807], found 0 bytes. "
                + "The file is damaged; fetch it again."
        ),
        (
            ["|u1", "(0,)", ""],
            "at least one example of at most 268435456 bytes, in an array whose first axis counts examples, "
                + "found shape [0]. Is this the array you meant?"
        ),
    ]

    @Test(arguments: wrongLabels)
    func refusesWrongLabels(parts: [String], text: String) throws {
        let x = array("|u1", "(2, 1)", [1, 2])
        let wrong = array(parts[0], parts[1], Array(parts[2].utf8))
        try withArchive(["x_train": x, "y_train": wrong, "x_test": x, "y_test": wrong]) { path in
            try expectError(path) { "'y_train.npy' in '\($0)': expected \(text)" }
        }
    }

    @Test func refusesValidationTwice() throws {
        var files = NPZImport(path: Self.fixture("validation.npz"))
        files.validationCount = 1
        let error = #expect(throws: ExampleFileError.self) {
            try withTemporaryFolder { try files.write(to: $0.appending(path: "d.h5").path) }
        }
        #expect(error?.advice == "Leave --validation out.")
    }

    // MARK: - As a data file

    /// Archives are data files as they are: the same examples and labels as those of the data file that Python wrote, and
    /// nothing is left behind.
    @Test(arguments: ["keras", "one-hot", "many-labels", "validation", "fortran"])
    func isReadLikeTheDataFileThatPythonMakesOfIt(name: String) throws {
        try withTemporaryFolder { folder in
            let archive = try ExampleFile(opening: Self.fixture("\(name).npz"))
            let output = folder.appending(path: "d.h5").path
            _ = try NPZImport(path: Self.fixture("\(name).npz")).write(to: output)
            let file = try ExampleFile(opening: output)
            #expect(archive.path == Self.fixture("\(name).npz"))
            #expect(archive.labelKind == file.labelKind)
            #expect(archive.classCount == file.classCount)
            #expect(archive.warnings == file.warnings)
            #expect((archive.validation == nil) == (file.validation == nil))
            let pairs = [(archive.train, file.train), (archive.test, file.test)]
            for (found, wanted) in pairs
                + zip([archive.validation], [file.validation]).compactMap({
                    guard let found = $0, let wanted = $1 else { return nil }
                    return (found, wanted)
                })
            {
                #expect(try inputs(found) == inputs(wanted))
                #expect(found.source.labels == wanted.source.labels)
            }
        }
    }

    /// One rule for labels, whatever their type and the format: rows with one 1 each are classes, as many as there are
    /// columns, unless the import is told that they are multi-label.
    @Test(arguments: [
        ("|b1", [0, 1, 0, 1, 0, 0] as [UInt8]), ("|u1", [0, 1, 0, 1, 0, 0]),
        ("<i2", [0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0]), ("<f2", [0, 0, 0, 0x3C, 0, 0, 0, 0x3C, 0, 0, 0, 0]),
    ])
    func oneHotRowsMeanTheSameInBothFormats(type: String, y: [UInt8]) throws {
        let x = array("|u1", "(2, 1)", [1, 2]), y = array(type, "(2, 3)", y)
        try withArchive(["x_train": x, "y_train": y, "x_test": x, "y_test": y]) { path in
            try withTemporaryFolder { folder in
                let output = folder.appending(path: "d.h5").path
                var files = NPZImport(path: path)
                _ = try files.write(to: output)
                for file in [path, output] {
                    let data = try ExampleFile(opening: file)
                    #expect(data.labelKind == .multiclass)
                    #expect(data.classCount == 3)
                    #expect(data.train.source.labels == [1, 0])
                    #expect(
                        data.warnings.map { String($0.prefix(31)) } == [
                            "every row of y has exactly one ", "class 2 has no example in train",
                        ])
                }
                files.task = .multilabel
                let report = try files.write(to: output), data = try ExampleFile(opening: output)
                #expect(data.labelKind == .multilabel)
                #expect(report.warnings == ["1 of 3 labels have no example in train: 2"])
            }
        }
    }

    /// Other inputs and lengths are as in a data file; text and what has other rows is not for us.
    @Test func takesOtherInputsAndLengths() throws {
        let x = array("|u1", "(2, 3, 1)", [1, 2, 3, 4, 5, 6]), y = array("|u1", "(2,)", [0, 1])
        let arrays = [
            "X_train": x, "y_train": y, "train_rgb": array("|u1", "(2, 1)", [7, 8]),
            "length_train": array("|u1", "(2,)", [3, 1]), "id_train": array("<U1", "(2,)", [65, 0, 0, 0, 66, 0, 0, 0]),
            "X_test": x, "y_test": y, "test_rgb": array("|u1", "(2, 1)", [7, 8]),
            "length_test": array("|u1", "(2,)", [3, 1]), "mean_train": array("|u1", "(1, 1)", [0]),
        ]
        try withArchive(arrays) { path in
            let data = try ExampleFile(opening: path)
            #expect(data.inputs == [ExampleInput("x", [3, 1, 1]), ExampleInput("rgb", [1])])
            #expect(data.train.source.frameCounts == [3, 1])
        }
    }

    /// Of x and y alone a fifth is for testing: the same rows each time, in their order, with their labels.
    @Test func dividesWhatIsUndivided() throws {
        let count = 40, x = array("|u1", "(40, 1)", (0..<40).map { UInt8($0) })
        let y = array("|u1", "(40,)", (0..<40).map { UInt8($0 % 4) })
        try withArchive(["x": x, "y": y]) { path in
            let data = try ExampleFile(opening: path)
            #expect(data.test.count == 8)
            let (train, test) = (try inputs(data.train).map { $0[0] }, try inputs(data.test).map { $0[0] })
            #expect((train + test).sorted() == (0..<count).map(Float.init))
            #expect(train == train.sorted() && test == test.sorted())
            #expect(data.train.source.labels == train.map { Int32($0) % 4 })
            #expect(data.test.source.labels == test.map { Int32($0) % 4 })
            #expect(
                data.warnings == [
                    "the archive has x and y of all examples: a fixed fifth of them, 8 of 40, is for testing; give x_test "
                        + "and y_test to choose which, or --test to choose how many"
                ])
            #expect(try inputs(ExampleFile(opening: path).test).map { $0[0] } == test)
        }
        let one = array("|u1", "(1, 1)", [1]), label = array("|u1", "(1,)", [0])
        try withArchive(["x": one, "y": label]) { path in
            #expect(throws: ExampleFileError.self) { try ExampleFile(opening: path) }
        }
    }

    /// NaN is found where examples are read, and is called by row and value like that of any data file.
    @Test func refusesNotFiniteInputs() throws {
        let x = array("<f2", "(2, 2)", [0, 0, 0, 0x3C, 0, 0x7E, 0, 0]), y = array("|u1", "(2,)", [0, 1])
        try withArchive(["x_train": x, "y_train": y, "x_test": x, "y_test": y]) { path in
            let error = #expect(throws: ExampleFileError.self) { try inputs(ExampleFile(opening: path).train) }
            #expect(
                error?.description
                    == "'train/x' in '\(path)': expected finite float32 numbers, found nan in row 1, element 0. Remove or "
                    + "repair that example.")
        }
    }

    @Test func takesUnlabeledExamples() throws {
        let x = array("|u1", "(2, 1)", [1, 2]), y = array("|u1", "(2,)", [0, 1])
        try withArchive(["x_train": x, "y_train": y, "x_test": x, "y_test": y]) { path in
            let data = try ExampleFile(opening: path)
            #expect(try inputs(data.unlabeled(path)) == [[1], [2]])
            try withArchive(["x": array("|u1", "(3, 1)", [7, 8, 9])]) { more in
                let found = try inputs(data.unlabeled(more))
                #expect(found == [[7], [8], [9]])
            }
            try withArchive(["z": x]) { other in
                let error = #expect(throws: ExampleFileError.self) { try data.unlabeled(other) }
                #expect(
                    error?.description.hasPrefix(
                        "'\(other)': expected an array 'x_train' or 'x' of examples without labels, found 'z.npy'.")
                        == true)
            }
        }
    }

    /// Flipped bits and missing ends of an archive that is read as data: refused or read, and no temporary file is left.
    @Test func survivesDamageAsData() throws {
        try withTemporaryFolder { folder in
            let bytes = try Data(contentsOf: URL(filePath: Self.fixture("one-hot.npz")))
            let path = folder.appending(path: "x.npz")
            for place in stride(from: 0, to: bytes.count, by: 3) {
                var changed = bytes
                changed[place] ^= UInt8(1 << (place % 8))
                try changed.write(to: path)
                _ = try? ExampleFile(opening: path.path)
            }
            for count in stride(from: 0, to: bytes.count, by: 97) {
                try bytes.prefix(count).write(to: path)
                #expect(throws: (any Error).self) { try ExampleFile(opening: path.path) }
            }
        }
    }

    private func expectError(_ path: String, _ text: (String) -> String) throws {
        try withTemporaryFolder { folder in
            let error = #expect(throws: ExampleFileError.self) {
                try NPZImport(path: path).write(to: folder.appending(path: "d.h5").path)
            }
            #expect(error?.description == text(path))
            let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            #expect(left.isEmpty)
        }
    }
}

@Suite struct NPYHeaderTests {
    private func parse(_ text: String) throws(NPYHeader.Problem) -> NPYHeader {
        try NPYHeader(parsing: Array(text.utf8))
    }

    @Test func readsWhatNumPyWrites() throws {
        let plain = try parse("{'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }       \n")
        #expect(plain.type == .float32)
        #expect(plain.shape == [60000, 28, 28])
        #expect(!plain.isBigEndian && !plain.isFortran)
        let other = try parse("{\"shape\":(3,),'fortran_order':True,'descr':'>i8'}")
        #expect(other.type == .int64)
        #expect(other.isBigEndian)
        #expect(other.shape == [3])
        #expect(try parse("{'descr': '|b1', 'fortran_order': False, 'shape': (), }").shape == [])
    }

    private static let refused: [(String, String, String)] = [
        ("", "'{'", "its end at 0"),
        ("{'descr': '<f4'", "'}'", "its end at 15"),
        ("{'descr': '<f4', 'descr': '<f4'}", "'descr', 'fortran_order' and 'shape', each once", "'descr'"),
        ("{'descr': '<f4', }", "'descr', 'fortran_order' and 'shape'", "not all of them"),
        ("{'evil': 1}", "'descr', 'fortran_order' and 'shape', each once", "'evil'"),
        ("{'shape': (3)}", "','", "')}' at 12"),
        ("{'shape': (-3,)}", "a whole number", "'-3,)}' at 11"),
        ("{'shape': (99999999999999999999,)}", "a whole number", "'99999999999999999999,)}' at 11"),
        ("{'shape': (__import__('os'),)}", "a whole number", "'__import__('os'),)}' at 11"),
        ("{'fortran_order': 0}", "True or False", "'0}' at 18"),
        ("{'descr': [('a', '<f4')]}", "a string", "'[('a', '<f4')]}' at 10"),
        ("{'descr': '<f4\\'}", "a string of plain letters", "''<f4\\'}' at 10"),
        (
            "{'descr': '<c8', 'fortran_order': False, 'shape': (3,)}", "numbers, such as '<f4' or '|u1'",
            "elements '<c8'"
        ),
        (
            "{'descr': '|O', 'fortran_order': False, 'shape': (3,)}", "numbers, such as '<f4' or '|u1'",
            "elements '|O'"
        ),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)} x", "nothing more", "'x' at 56"),
    ]

    @Test(arguments: refused)
    func refusesOtherPython(text: String, expected: String, found: String) {
        let problem = #expect(throws: NPYHeader.Problem.self) { try parse(text) }
        #expect(problem == NPYHeader.Problem(expected: expected, found: found))
    }

    @Test func refusesMoreAxesThanThereAre() {
        let shape = [String](repeating: "1", count: 33).joined(separator: ",")
        let problem = #expect(throws: NPYHeader.Problem.self) { try parse("{'shape': (\(shape))}") }
        #expect(problem?.expected == "at most 32 axes")
    }
}
