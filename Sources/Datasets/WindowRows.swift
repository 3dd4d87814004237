import HDF5

/// The inputs of some examples, in the type in which the file has them, except that all but these are read as float32.
enum InputRows: Sendable {
    case uint8([UInt8])
    case float16([Float16])
    case float32([Float])
}

extension InputRows {
    fileprivate init(_ input: InputSource, _ rows: [Int], _ rowsPerSegment: Int, _ source: SplitSource) throws {
        switch input.dataset.type {
        case .uint8:
            self = .uint8(try input.dataset.gather(rows, rowsPerSegment))
        case .float16:
            let values: [Float16] = try input.dataset.gather(rows, rowsPerSegment)
            if let index = firstNonFinite(values) {
                throw source.nonFinite(Float(values[index]), at: index, rows, of: input)
            }
            self = .float16(values)
        case .int32: self = .float32(try input.exact(rows, rowsPerSegment, source, Int32.self))
        case .uint32: self = .float32(try input.exact(rows, rowsPerSegment, source, UInt32.self))
        case .int64: self = .float32(try input.exact(rows, rowsPerSegment, source, Int64.self))
        case .uint64: self = .float32(try input.exact(rows, rowsPerSegment, source, UInt64.self))
        default:
            let values: [Float] = try input.dataset.gather(rows, rowsPerSegment)
            if let index = firstNonFinite(values) {
                throw source.nonFinite(Float(values[index]), at: index, rows, of: input)
            }
            self = .float32(values)
        }
    }
}

/// The examples of one window as they were read, never changed afterwards, so that any thread may use them.
final class WindowRows: Sendable {
    /// The rows of the file, in the order in which they lie here.
    let rows: [Int]
    /// Those of each dataset that the split reads.
    let inputs: [InputRows]
    /// Zeros and ones of multi-label data.
    let labels: [UInt8]

    init(_ rows: [Int], of split: ExampleSplit, rowsPerSegment: Int) throws {
        let source = split.source
        self.rows = rows
        self.inputs = try split.inputs.map { try InputRows($0, rows, rowsPerSegment, source) }
        guard source.labelKind == .multilabel else {
            self.labels = []
            return
        }
        self.labels = try source.labelBytes(rows, rowsPerSegment)
        if let index = labels.firstIndex(where: { $0 > 1 }) {
            throw ExampleFileError(
                source.path, "\(source.name)/y", expected: "zeros and ones",
                found: "\(labels[index]) in row \(rows[index / source.labelsPerExample])",
                "A label is there or not; store 1 or 0.")
        }
    }
}

extension InputSource {
    /// Whole numbers as float32, which has all of them up to 2²⁴ and few of the larger ones.
    ///
    /// - Throws: `ExampleFileError` where one would become another.
    fileprivate func exact<Number: HDF5Element & FixedWidthInteger>(
        _ rows: [Int], _ rowsPerSegment: Int, _ source: SplitSource, _: Number.Type
    ) throws -> [Float] {
        let numbers: [Number] = try dataset.gather(rows, rowsPerSegment)
        if let index = numbers.firstIndex(where: { Float(exactly: $0) == nil }) {
            let (row, element) = index.quotientAndRemainder(dividingBy: dataset.elementsPerRow)
            throw ExampleFileError(
                source.path, "\(source.name)/\(name)", expected: "numbers that float32 has",
                found: "\(numbers[index]) in row \(rows[row]), element \(element)",
                ExampleFileError.exactAdvice)
        }
        return numbers.map { Float($0) }
    }
}

extension SplitSource {
    /// Zeros and ones of multi-label data; what is neither becomes 2.
    fileprivate func labelBytes(_ rows: [Int], _ rowsPerSegment: Int) throws -> [UInt8] {
        guard let labelRows else { return [] }
        if labelRows.dataset.type.byteCount == 1 { return try labelRows.dataset.gather(rows, rowsPerSegment) }
        let values: [Float] = try labelRows.dataset.gather(rows, rowsPerSegment)
        return values.map { $0 == 0 ? 0 : $0 == 1 ? 1 : 2 }
    }

    fileprivate func nonFinite(
        _ value: Float, at index: Int, _ rows: [Int], of input: InputSource
    ) -> ExampleFileError {
        let (row, element) = index.quotientAndRemainder(dividingBy: input.dataset.elementsPerRow)
        return ExampleFileError(
            path, "\(name)/\(input.name)", expected: "finite float32 numbers",
            found: "\(value.isNaN ? "nan" : "\(value)") in row \(rows[row]), element \(element)",
            "Remove or repair that example.")
    }
}

extension HDF5Dataset {
    /// Gaps up to this size are read and dropped, which is faster than another read.
    private static let gapByteCount = 64 << 10

    /// Reads rows, ascending within each segment of the file, one after the other.
    func gather<Element: HDF5Element>(_ rows: [Int], _ rowsPerSegment: Int) throws -> [Element] {
        let width = elementsPerRow
        let gap = layout == .chunked ? rowsPerSegment : Self.gapByteCount / max(1, width * MemoryLayout<Element>.size)
        var elements = [Element](repeating: .zero, count: rows.count * width)
        var span = elements.mutableSpan
        var scratch: [Element] = []
        var start = 0
        while start < rows.count {
            // A run ends with its segment, or before a large gap.
            var end = start + 1
            while end < rows.count, rows[end] > rows[end - 1], rows[end] - rows[end - 1] <= gap + 1,
                rows[end] / rowsPerSegment == rows[start] / rowsPerSegment
            {
                end += 1
            }
            let range = rows[start]..<(rows[end - 1] + 1)
            var place = span._mutatingExtracting((start * width)..<(end * width))
            if range.count == end - start {
                try read(rows: range, into: &place)
            } else {
                scratch = [Element](repeating: .zero, count: range.count * width)
                var scratchSpan = scratch.mutableSpan
                try read(rows: range, into: &scratchSpan)
                for index in start..<end {
                    let from = (rows[index] - range.lowerBound) * width, to = (index - start) * width
                    for element in 0..<width {
                        place[to + element] = scratchSpan[from + element]
                    }
                }
            }
            start = end
        }
        return elements
    }
}

/// The index of the first NaN or infinity.
///
/// Looks at exponents only and at all of a block at once, so that the search runs at the speed of memory.
private func firstNonFinite(_ values: [Float]) -> Int? {
    let span = values.span
    var isBad: UInt32 = 0
    for index in span.indices {
        isBad |= span[index].bitPattern & 0x7F80_0000 == 0x7F80_0000 ? 1 : 0
    }
    return isBad == 0 ? nil : values.firstIndex { !$0.isFinite }
}

private func firstNonFinite(_ values: [Float16]) -> Int? {
    let span = values.span
    var isBad: UInt16 = 0
    for index in span.indices {
        isBad |= span[index].bitPattern & 0x7C00 == 0x7C00 ? 1 : 0
    }
    return isBad == 0 ? nil : values.firstIndex { !$0.isFinite }
}
