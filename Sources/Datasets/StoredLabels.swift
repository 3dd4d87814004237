import HDF5

/// The labels of a split as its dataset `y` has them.
struct StoredLabels: ~Copyable {
    private static let blockByteCount = 1 << 20

    let dataset: HDF5Dataset
    let columns: Int

    /// - Throws: `LabelScan.Problem` if labels have other types or shapes.
    init(_ dataset: consuming HDF5Dataset, of split: String, count: Int) throws(LabelScan.Problem) {
        guard dataset.shape.first == count else {
            throw LabelScan.Problem(
                expected: "\(count) rows, as many as '\(split)/x' has", found: "shape \(dataset.shape)",
                advice: "Each example needs its label.")
        }
        guard let columns = LabelMeaning.columns(dataset.shape), dataset.type.byteCount != nil else {
            throw LabelScan.Problem(
                expected: "whole numbers of shape (\(count)), or zeros and ones of shape (\(count), classes)",
                found: "\(dataset.type) of shape \(dataset.shape)",
                advice: dataset.type == .string
                    ? "Store numbers and the names as the file's attribute 'classes': "
                        + "classes, y = np.unique(y, return_inverse=True)."
                    : "Store the number of the class, or a row of zeros and ones for multi-label data.")
        }
        self.columns = columns
        self.dataset = dataset
    }

    /// Whether they are a column of bytes, which could be one label that is there or not.
    var isByteColumn: Bool { columns == 1 && dataset.shape.count > 1 && dataset.type.byteCount == 1 }

    consuming func taken() -> HDF5Dataset { dataset }

    /// Hands over all labels, some rows at a time.
    ///
    /// - Parameter isOver: Whether no more are wanted.
    func readAll(until isOver: () -> Bool = { false }, _ take: (LabelBlock) throws -> Void) throws {
        let count = dataset.shape[0], step = max(1, Self.blockByteCount / (8 * columns))
        for start in stride(from: 0, to: count, by: step) where !isOver() {
            try take(read(start..<min(start + step, count)))
        }
    }

    private func read(_ rows: Range<Int>) throws(HDF5Error) -> LabelBlock {
        if dataset.type == .float64 { return LabelBlock(rows, columns: columns, try elements(rows, Double.self)) }
        if dataset.type.isFloat { return LabelBlock(rows, columns: columns, try elements(rows, Float.self)) }
        if dataset.type == .uint64 { return LabelBlock(rows, columns: columns, try elements(rows, UInt64.self)) }
        return LabelBlock(rows, columns: columns, try elements(rows, Int.self))
    }

    private func elements<Element: HDF5Element>(
        _ rows: Range<Int>, _: Element.Type
    ) throws(HDF5Error) -> [Element] {
        var elements = [Element](repeating: .zero, count: rows.count * columns)
        var span = elements.mutableSpan
        try dataset.read(rows: rows, into: &span)
        return elements
    }

    /// What the labels of some splits mean together: multi-label, if they are in one of them.
    ///
    /// Datasets that are not there are passed over.
    ///
    /// - Parameter task: What the file says that they are.
    static func meaning(
        _ root: borrowing HDF5Group, _ splits: [String], _ task: LabelKind?, _ path: String
    ) throws -> LabelMeaning {
        var meaning: LabelMeaning?
        for split in splits {
            guard try root.kind(of: "\(split)/y") == .dataset else { continue }
            let y = try root.dataset("\(split)/y"), count = y.shape.first ?? 0
            do {
                let labels = try StoredLabels(y, of: split, count: count)
                var scan = try LabelScan(columns: labels.columns, task)
                // Bytes of multi-label data may be many, and are looked at again whenever examples are read.
                let isOfBytes = labels.dataset.type.byteCount == 1
                try labels.readAll(until: { isOfBytes && scan.meaning == .severalLabels }) { try scan.look(at: $0) }
                if meaning != .severalLabels { meaning = scan.meaning }
            } catch let problem as LabelScan.Problem {
                throw problem.error(path, "\(split)/y")
            }
        }
        return meaning ?? .classNumbers
    }
}

/// The dataset of labels, to be read in parts.
final class LabelRows: Sendable {
    let dataset: HDF5Dataset

    init(_ dataset: consuming HDF5Dataset) { self.dataset = dataset }
}
