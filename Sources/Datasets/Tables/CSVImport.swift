import Foundation
public import HDF5
import Storage

/// A table of text (CSV) with a class in one column, or a zero or one for each label in several.
///
/// Columns of numbers become columns of `x` (float32). Columns of categories become one-hot: a column of `x` for each
/// category, in the order of their texts; or their numbers in that order. The text of classes becomes the attribute
/// `classes`. The dataset `columns` of the data file keeps, as JSON, how each column became which columns of `x`.
///
/// The table is read twice and is never in memory as a whole; of each row its class is.
public struct CSVImport: ExampleImport {
    /// What categories become.
    public enum Categories: String, CaseIterable, Hashable, Sendable {
        /// One-hot where they are few; else nothing is right for all students, and the columns are refused.
        case automatic = "auto"
        case oneHot = "one-hot"
        case integers
    }

    /// What becomes of values that are missing.
    public enum Missing: String, CaseIterable, Hashable, Sendable {
        case refused = "error"
        /// The mean of the column in train.
        case mean
        case zero = "0"
    }

    /// Files with the same columns, read one after another.
    public var files: [String]
    /// The column of the class, or the columns of several labels: names, or numbers from 1 on.
    public var labels: [String]
    /// Columns that are left out.
    public var ignored: [String] = []
    /// Columns whose numbers are categories.
    public var categorical: [String] = []
    public var categories = Categories.automatic
    public var missing = Missing.refused
    /// Nil for the one of comma, semicolon, tab and bar that the first line has most of.
    public var delimiter: UInt8?
    /// Whether the first line names the columns; else they are 1, 2, ….
    public var hasHeader = true
    public var test: SplitOrigin? = .share(0.2)
    public var validation: SplitOrigin?
    public var seed: UInt64 = 0
    /// The classes in order; nil for the order of numbers or texts.
    public var givenClasses: [String]?
    /// What several label columns are; nil where they say that themselves.
    public var task: LabelKind?
    /// Called with what is worth knowing.
    public var remark: @Sendable (String) -> Void = { _ in }

    public init(files: [String], labels: [String]) { (self.files, self.labels) = (files, labels) }

    /// They are known when the labels were read.
    public var classNames: [String]? { nil }
    public var validationCount: Int { 0 }
    public var unit: String { "MB" }

    private static let unitByteCount = 1_000_000

    private var sources: [(path: String, part: StratifiedSplit.Part)] {
        files.map { ($0, .train) }
            + [(validation?.path, .validation), (test?.path, .test)].compactMap { path, part in
                path.map { ($0, part) }
            }
    }

    /// How often the table is read at most.
    private var passCount: Int { missing == .mean ? 3 : 2 }

    public func amount() throws -> Int {
        sources.reduce(0) { $0 + passCount * (WholeFile.byteCount(of: $1.path) ?? 0) } / Self.unitByteCount
    }

    public func writeExamples(to root: borrowing HDF5Group, progress: (Int) throws -> Void) throws {
        let watched = WatchedFiles(sources.map(\.path))
        var done = 0
        func passed(_ table: CSVTable, _ count: Int?) throws {
            if let count { return try progress((done + count) / Self.unitByteCount) }
            done += WholeFile.byteCount(of: table.path) ?? 0
        }
        let tables = try CSVTable.open(self, sources)
        var survey = TableSurvey(self, tables[0])
        for table in tables { try survey.look(at: table) { try passed(table, $0) } }
        let columns = try survey.form(), classes = try survey.labels.classes(self)
        var plan = try TablePlan(self, tables, columns, classes, survey)
        do {
            if missing == .mean, survey.columns.contains(where: { $0.missing.count > 0 }) {
                try plan.findMeans { try passed($0, $1) }
            }
            try plan.write(to: root) { try passed($0, $1) }
        } catch let error as TableError {
            // Between two readings nothing new can be wrong.
            try watched.check()
            throw error
        }
        try watched.check()
        remark(plan.summary)
    }
}
