import HDF5

/// What numbers beside examples mean for their classes: the same for every type of numbers, in data files and in arrays of
/// NumPy's.
///
///     (examples) or (examples, 1)    whole numbers     the class of each example
///     (examples, classes)            zeros and ones    one-hot if every row of every split has exactly one 1,
///                                                      else multi-label
///
/// The attribute `task` of the file decides where it is there: see `LabelKind`.
enum LabelMeaning: Hashable, Sendable {
    case classNumbers, oneHot, severalLabels

    /// The warning where values alone say that labels are one-hot.
    static let oneHotNotice =
        "every row of y has exactly one 1: y is read as one-hot (multiclass); if it is multi-label, set the file's attribute "
        + "'task' to 'multi-label', which 'compress import npz --task multi-label' does for an archive"

    /// The shape of labels without the axes of size 1 behind the second one, and the columns: 1 where each example has
    /// the number of its class; nil if no labels have such a shape.
    static func columns(_ shape: [Int]) -> Int? {
        var shape = shape
        while shape.count > 2, shape.last == 1 { shape.removeLast() }
        guard (1...2).contains(shape.count) else { return nil }
        let columns = shape.count == 2 ? shape[1] : 1
        return columns > 0 ? columns : nil
    }
}

/// Some rows of labels, as whole numbers.
struct LabelBlock {
    let rows: Range<Int>
    let columns: Int
    /// One row after the other; the smallest `Int` for what is no whole number, or too large for one.
    let values: [Int]
    /// The value at an index as it is stored.
    let original: (Int) -> String

    static let noNumber = Int.min

    init<Element: LabelElement>(_ rows: Range<Int>, columns: Int, _ elements: [Element]) {
        (self.rows, self.columns) = (rows, columns)
        values = elements.map { $0.wholeNumber ?? Self.noNumber }
        original = { "\(elements[$0])" }
    }

    /// The class of each row that has exactly one 1.
    var classes: [Int32] {
        columns == 1
            ? values.map { Int32(truncatingIfNeeded: $0) }
            : values.indices.filter { values[$0] == 1 }.map { Int32($0 % columns) }
    }
}

/// A number that labels may be stored as.
protocol LabelElement {
    /// The same number, if it is a whole one that fits.
    var wholeNumber: Int? { get }
}

extension LabelElement where Self: BinaryInteger { var wholeNumber: Int? { Int(exactly: self) } }
extension LabelElement where Self: BinaryFloatingPoint { var wholeNumber: Int? { Int(exactly: self) } }
extension Float16: LabelElement {}
extension Float: LabelElement {}
extension Double: LabelElement {}
extension Int8: LabelElement {}
extension Int16: LabelElement {}
extension Int32: LabelElement {}
extension Int64: LabelElement {}
extension Int: LabelElement {}
extension UInt8: LabelElement {}
extension UInt16: LabelElement {}
extension UInt32: LabelElement {}
extension UInt64: LabelElement {}

/// Looks at the labels of all splits, and finds out what they mean.
struct LabelScan {
    /// Why labels are refused.
    struct Problem: Error, Equatable {
        let expected: String
        let found: String
        let advice: String

        func error(_ path: String, _ object: String) -> ExampleFileError {
            ExampleFileError(path, object, expected: expected, found: found, advice)
        }
    }

    private(set) var meaning: LabelMeaning
    private let task: LabelKind?

    /// - Parameter task: What the file says that they are.
    /// - Throws: `Problem` where labels of so many columns cannot be that.
    init(columns: Int, _ task: LabelKind?) throws(Problem) {
        if columns == 1, task == .multilabel {
            throw Problem(
                expected: "a column for each class, as 'task' is 'multi-label'",
                found: "one column", advice: "Store rows of zeros and ones, or leave 'task' out.")
        }
        self.task = task
        meaning = columns == 1 ? .classNumbers : task == .multilabel ? .severalLabels : .oneHot
    }

    /// - Throws: `Problem` where a value cannot be a label.
    mutating func look(at block: LabelBlock) throws(Problem) {
        let columns = block.columns, values = block.values
        guard columns > 1 else {
            guard let row = values.firstIndex(where: { $0 < 0 || $0 > Int(Int32.max) }) else { return }
            throw Problem(
                expected: "class numbers from 0 on",
                found: "\(block.original(row)) in row \(block.rows.lowerBound + row)",
                advice: "Number the classes from 0, and remove examples that have none.")
        }
        if let index = values.firstIndex(where: { $0 != 0 && $0 != 1 }) {
            throw Problem(
                expected: "zeros and ones, as it has \(columns) columns",
                found: "\(block.original(index)) in row \(block.rows.lowerBound + index / columns)",
                advice: "Give one class number an example, such as y.argmax(axis=1), or a row of zeros and ones.")
        }
        guard meaning == .oneHot else { return }
        for start in stride(from: 0, to: values.count, by: columns) {
            let ones = values[start..<(start + columns)].reduce(0, +)
            guard ones != 1 else { continue }
            if task == .multiclass {
                throw Problem(
                    expected: "one 1 in each row, as 'task' is 'multiclass'",
                    found: "\(ones) in row \(block.rows.lowerBound + start / columns)",
                    advice: "Repair that row, or leave 'task' out.")
            }
            meaning = .severalLabels
            return
        }
    }
}
