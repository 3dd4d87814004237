import Foundation
import HDF5
import Testing

@testable import Datasets

@Suite struct TableTests {
    private static func fixture(_ name: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/tables/\(name)").path
    }

    /// Tables that pandas and Python's csv module wrote, and what pandas makes of them: `Tools/reference/table_fixtures.py`.
    @Test(arguments: [
        ("pandas", "pandas.csv"), ("integers", "pandas.csv"), ("excel", "excel.csv"), ("semicolon", "semicolon.csv.gz"),
        ("missing-mean", "missing.csv"), ("missing-zero", "missing.csv"), ("headless", "headless.csv"),
    ])
    func writesWhatPandasMakesOfIt(name: String, file: String) throws {
        try withTemporaryFolder { folder in
            let output = folder.appending(path: "d.h5").path
            var table = CSVImport(files: [Self.fixture(file)], labels: [name == "headless" ? "3" : "kind"])
            table.test = .path(Self.fixture(file.replacing(".csv", with: "-test.csv")))
            table.categories = name == "integers" ? .integers : .automatic
            table.missing = ["missing-mean": .mean, "missing-zero": .zero][name] ?? .refused
            table.hasHeader = name != "headless"
            let report = try table.write(to: output)
            #expect(report.trainCount == 40 && report.testCount == 12)
            let found = try HDF5File(opening: output), expected = try HDF5File(opening: Self.fixture("\(name).h5"))
            for path in ["train/x", "train/y", "test/x", "test/y"] {
                let own = try found.root.dataset(path), wanted = try expected.root.dataset(path)
                #expect(own.shape == wanted.shape, "\(path)")
                #expect(try own.read(as: Double.self) == wanted.read(as: Double.self), "\(path)")
            }
            #expect(try ExampleFile(opening: output).classNames == expected.root.attributes.strings("classes"))
        }
    }

    /// What was refused, by the text of the table.
    @Test(arguments: [
        (
            "a,b,y\n1,2,u\n3,four,v\n5,6,u\n",
            ", line 3, column 'b': expected a number, as 2 of its values are, found 'four'"
        ),
        ("a,b,y\n1,2,u\n3,4\n", ", line 3: expected 3 fields, as in the first line, found 2"),
        (
            "a,b,y\n1,,u\n,4,v\n",
            ", line 3, column 'a': expected a value, found none. In the table, 'a' lacks 1, 'b' lacks 1"
        ),
        ("a,b,y\n1,2,\n", ", line 2, column 'y': expected a class, found nothing"),
        ("a,b,y\n1,2,1.5\n", ", line 2, column 'y': expected a class, found '1.5'"),
        (
            "a,b,y\n1,\"2\n3,4,u\n",
            ", line 2, column '2': expected a quote that ends the field, found the end of the file"
        ),
        ("a,b,y\n1,2\"3,u\n", ", line 2, column '2': expected no quote inside of a field, found '2\"'"),
        ("a,b,y\n1,\"2\"3,u\n", ", line 2, column '2': expected a delimiter or the end of the line"),
        ("a,a,y\n1,2,u\n", ", line 1: expected each column once, found 'a' twice"),
        ("a;y\n3,5;u\n", ", line 2, column 'a': expected a number with a decimal point, as in 3.14, found '3,5'"),
        (",a,y\n0,2,u\n", ", line 1: expected a name for each column, found none for column 1"),
        ("1,2,3\n4,5,6\n", ", line 1: expected a label column 'y', found columns '1', '2', '3'"),
        ("y\nu\n", ", line 1: expected several columns, found one, 'y'"),
        ("a,y\n", ": expected lines behind the names of columns, found none"),
        ("a,b,y\n1,16777217,u\n", ", line 2, column 'b': expected a number that float32 has, found '16777217'"),
        ("a,b,y\n1,1e39,u\n", ", line 2, column 'b': expected a number that float32 has, found '1e39'"),
        ("a,y\nNA,u\nNA,v\n", ", line 2, column 'a': expected a value, found none"),
        (
            "a,y\n" + (0..<40).map { "t\($0),u\n" }.joined(),
            ", line 2, column 'a': expected numbers, or at most 32 categories"
        ),
        (
            "id,y\n" + (0..<40).map { "1,t\($0)\n" }.joined(),
            ", column 'y': expected classes with several examples each"
        ),
    ])
    func refusesWithLineAndColumn(text: String, message: String) throws {
        let error = try #require(throws: TableError.self) { try written(text) { _ in } }
        #expect("\(error)".contains("t.csv'" + message), "\(error)")
    }

    @Test func refusesTextThatIsNotUTF8() throws {
        let text = Data("a,y\n1,u\n2,M".utf8) + [0xFC] + Data("ller\n".utf8)
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "t.csv")
            try text.write(to: path)
            let error = #expect(throws: TableError.self) {
                try CSVImport(files: [path.path], labels: ["y"]).write(to: folder.appending(path: "d.h5").path)
            }
            #expect("\(try #require(error))".contains(", line 3, column '2': expected text in UTF-8"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["t.csv"])
        }
    }

    /// Blanks around fields, empty lines, old line ends, no line end at the end, an empty last field.
    @Test(arguments: [
        "a,b,y\n1,2,u\n3,4,v\n", "a, b ,y\r\n\r\n 1,\t2 ,u\r\n3,4, v", "a,b,y\r1,2,u\r3,4,v\r",
        "\u{FEFF}a;b;y\n1;2;u\n3;4;v",
        "\"a\",\"b\",\"y\"\n\"1\", \"2\" ,\"u\"\n3,4,v\n", "a\tb\ty\n+1\t2.0\tu\n3e0\t.4e1\tv\n\n",
        "a|b|y\n1|2|u\n3|4|v\n",
    ])
    func readsEveryWayToWriteIt(text: String) throws {
        try withTemporaryFolder { folder in
            let input = folder.appending(path: "t.csv"), output = folder.appending(path: "d.h5").path
            try Data(text.utf8).write(to: input)
            var table = CSVImport(files: [input.path], labels: ["y"])
            table.test = .path(input.path)
            _ = try table.write(to: output)
            let data = try ExampleFile(opening: output)
            #expect(try inputs(data.train) == [[1, 2], [3, 4]])
            #expect(data.classNames == ["u", "v"] && data.train.source.labels == [0, 1])
        }
    }

    /// A digit in decimal becomes the same number that the standard library makes of it.
    @Test(arguments: [
        "0", "-0", "7", "-12.5", "+3", ".5", "5.", "1e3", "1E-3", "123456789012345", "0.1", "-0.000001", "1e22", "1e23",
        "12345678901234567890", "4.9e-324", "1.7976931348623157e308", "0.30000000000000004", "00012.50", "1e-400",
    ])
    func readsNumbersAsTheStandardLibraryDoes(text: String) {
        #expect(CSVNumber.value(of: Array(text.utf8), 0..<text.utf8.count) == Double(text))
    }

    @Test(arguments: ["", "-", ".", "e5", "1e", "1e+", "0x10", "inf", "nan", "1,5", "1 2", "--1", "1.2.3", "٣"])
    func refusesWhatIsNoNumber(text: String) {
        #expect(CSVNumber.value(of: Array(text.utf8), 0..<text.utf8.count) == nil)
    }

    /// Whole numbers from 0 on are classes; others are numbered in their order, and keep their texts as names.
    @Test(arguments: [
        ("0 1 2 0", "0 1 2 0", nil), ("1.0 2.0 2.0 1.0", "0 1 1 0", "1 2"), ("10 2 2 -1", "2 1 1 0", "-1 2 10"),
        ("0 2 0 2", "0 2 0 2", nil), ("b a b a", "1 0 1 0", "a b"), ("No yes No No", "0 1 0 0", "No yes"),
    ])
    func numbersClasses(labels: String, numbers: String, names: String?) throws {
        let labels = labels.split(separator: " ")
        try written("a,y\n" + labels.enumerated().map { "\($0),\($1)\n" }.joined()) { file in
            let rows = zip(
                try inputs(file.train) + inputs(file.test), file.train.source.labels + file.test.source.labels)
            let found = rows.sorted { $0.0[0] < $1.0[0] }.map { "\($0.1)" }
            #expect(found.joined(separator: " ") == numbers)
            #expect(file.classNames == names?.split(separator: " ").map(String.init))
        }
    }

    @Test func givenClassesKeepTheirOrder() throws {
        let text = "a,y\n1,cat\n2,dog\n3,cat\n4,dog\n"
        try written(text, { $0.givenClasses = ["dog", "bird", "cat"] }) { file in
            #expect(file.classNames == ["dog", "bird", "cat"])
            #expect(Set(file.train.source.labels + file.test.source.labels) == [0, 2])
        }
        let error = #expect(throws: TableError.self) {
            try written(text, { $0.givenClasses = ["dog", "bird"] }, { _ in })
        }
        #expect(
            "\(try #require(error))".contains(
                "line 2, column 'y': expected a class of --class-names, 'dog', 'bird', found 'cat'"))
    }

    /// Several label columns: one-hot if each line has exactly one 1, else multi-label.
    @Test func severalLabelColumnsAreRowsOfZerosAndOnes() throws {
        let oneHot = "a,u,v\n" + (0..<10).map { "\($0),\($0 % 2),\(1 - $0 % 2)\n" }.joined()
        try written(oneHot, { $0.labels = ["u", "v"] }) { file in
            #expect(file.labelKind == .multiclass && file.classNames == ["u", "v"])
            for split in [file.train, file.test] {
                let wanted = try inputs(split).map { Int32(1 - Int($0[0]) % 2) }
                #expect(wanted == split.source.labels)
            }
        }
        try written(oneHot, { ($0.labels, $0.task) = (["u", "v"], .multilabel) }) {
            #expect($0.labelKind == .multilabel)
        }
        let several = "a,u,v\n1,1,True\n2,0,0\n3,false,1\n4,1,1\n"
        try written(several, { $0.labels = ["u", "v"] }) { file in
            #expect(file.labelKind == .multilabel && file.warnings.allSatisfy { !$0.contains("one-hot") })
        }
        let error = #expect(throws: TableError.self) {
            try written("a,u,v\n1,1,2\n", { $0.labels = ["u", "v"] }, { _ in })
        }
        #expect("\(try #require(error))".contains("line 2, column 'v': expected 0 or 1"))
    }

    @Test func numbersCanBeCategoriesAndColumnsIgnored() throws {
        let text = "id,zip,y\n9,89073,u\n8,10115,v\n7,89073,u\n6,10115,v\n"
        try written(text, { ($0.ignored, $0.categorical) = (["id"], ["2"]) }) { file in
            let rows = try inputs(file.train) + inputs(file.test)
            #expect(Set(rows) == [[0, 1], [1, 0]])
        }
    }

    @Test func columnsAreKeptAsJSON() throws {
        try withTemporaryFolder { folder in
            let input = folder.appending(path: "t.csv"), output = folder.appending(path: "d.h5").path
            try Data("n,c,y\n1,b,u\n,a,v\n3,,u\n3,b,v\n".utf8).write(to: input)
            var table = CSVImport(files: [input.path], labels: ["y"])
            (table.missing, table.test) = (.zero, .share(0.5))
            _ = try table.write(to: output)
            let stored = try HDF5File(opening: output).root.dataset("columns")
            #expect(stored.shape == [1])
            let json =
                #"{"columns":[{"count":1,"first":0,"kind":"number","missing":0,"name":"n"},{"categories":["a","b"],"count":2,"#
                + #""first":1,"kind":"one-hot","missing":0,"name":"c"}],"ignored":[],"label":["y"]}"#
            #expect(try Data(contentsOf: URL(filePath: output)).firstRange(of: Data(json.utf8)) != nil)
        }
    }

    /// Files of one table may have their columns in any order, but must have the same.
    @Test func filesMustHaveTheSameColumns() throws {
        try withTemporaryFolder { folder in
            func file(_ name: String, _ text: String) throws -> String {
                let path = folder.appending(path: name)
                try Data(text.utf8).write(to: path)
                return path.path
            }
            let output = folder.appending(path: "d.h5").path
            var table = CSVImport(
                files: [try file("a.csv", "a,b,y\n1,2,u\n"), try file("b.csv", "y,b,a\nv,4,3\n")], labels: ["y"])
            table.test = .path(try file("test.csv", "b,y,a\n6,u,5\n"))
            _ = try table.write(to: output)
            let data = try ExampleFile(opening: output)
            #expect(try inputs(data.train) == [[1, 2], [3, 4]] && inputs(data.test) == [[5, 6]])
            for (text, message) in [
                ("b,y\n6,u\n", "expected a column 'a'"), ("b,y,a,c\n6,u,5,7\n", "found a column 'c' more"),
            ] {
                table.test = .path(try file("test.csv", text))
                let error = #expect(throws: TableError.self) { try table.write(to: output) }
                #expect("\(try #require(error))".contains(message))
            }
        }
    }

    private func written(
        _ text: String, _ change: (inout CSVImport) -> Void = { _ in }, _ check: (ExampleFile) throws -> Void
    ) throws {
        try withTemporaryFolder { folder in
            let input = folder.appending(path: "t.csv"), output = folder.appending(path: "d.h5").path
            try Data(text.utf8).write(to: input)
            var table = CSVImport(files: [input.path], labels: ["y"])
            change(&table)
            _ = try table.write(to: output)
            try check(try ExampleFile(opening: output))
        }
    }
}

@Suite struct StratifiedSplitTests {
    /// 70, 20 and 10 rows: a tenth of each for test, a fifth for validation.
    @Test func everyClassGivesItsShare() {
        let classes = (0..<100).map { Int32($0 < 70 ? 0 : $0 < 90 ? 1 : 2) }
        let split = StratifiedSplit(classes, validation: 0.2, test: 0.1, seed: 1)
        for (label, size) in [(Int32(0), 70), (1, 20), (2, 10)] {
            let parts = split.parts.indices.filter { classes[$0] == label }.map { split.parts[$0] }
            #expect(parts.count { $0 == .test } == size / 10)
            #expect(parts.count { $0 == .validation } == size / 5)
        }
    }

    /// Five classes of three rows: a fifth of 15 rows are three, at most one of each class, and none loses its last row.
    @Test func wholeRowsAddUpToTheShare() {
        let classes = (0..<15).map { Int32($0 % 5) }
        let split = StratifiedSplit(classes, validation: 0, test: 0.2, seed: 0)
        let tested = split.rows(of: .test).map { classes[$0] }
        #expect(tested.count == 3 && Set(tested).count == 3)
        let single = StratifiedSplit([0, 0, 0, 0, 1], validation: 0, test: 0.5, seed: 0)
        #expect(single.parts[4] == .train && single.count(of: .test) == 3)
    }

    @Test func isAFunctionOfTheSeed() {
        let classes = (0..<1000).map { Int32($0 % 3) }
        let first = StratifiedSplit(classes, validation: 0.1, test: 0.1, seed: 0)
        #expect(first.parts == StratifiedSplit(classes, validation: 0.1, test: 0.1, seed: 0).parts)
        #expect(first.parts != StratifiedSplit(classes, validation: 0.1, test: 0.1, seed: 1).parts)
        #expect(first.count(of: .test) == 100 && first.count(of: .validation) == 100)
    }
}
