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
    @Test(arguments: ["keras", "one-hot", "many-labels", "validation"])
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

    @Test func refusesFortranOrder() throws {
        let path = Self.fixture("fortran.npz")
        try expectError(path) {
            """
            'x_train.npy' in '\($0)': expected an array in C order, found Fortran order. \
            Save it again as np.ascontiguousarray(…) makes it.
            """
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
        let error = #expect(throws: ExampleFileError.self) { try files.amount() }
        #expect(error?.advice == "Leave --validation out.")
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

    private func array(_ type: String, _ shape: String, _ elements: [UInt8]) -> [UInt8] {
        let header = Array("{'descr': '\(type)', 'fortran_order': False, 'shape': \(shape), }\n".utf8)
        return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.count), 0] + header + elements
    }

    private func withArchive(_ arrays: [String: [UInt8]], _ body: (String) throws -> Void) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "x.npz").path
            var writer = try ZipWriter(creating: path)
            for (name, bytes) in arrays.sorted(by: { $0.key < $1.key }) { try writer.add("\(name).npy", bytes) }
            try writer.finish()
            try body(path)
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
