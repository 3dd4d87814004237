import HDF5

/// A dataset of a split as it is written, row after row, until there are no more.
final class GrowingColumn<Element: HDF5Element> {
    private var dataset: HDF5Dataset
    private let elementsPerWrite: Int
    /// What was not written yet: whole rows, whenever `writeIfFull` is called.
    var elements: [Element] = []

    init(
        _ path: String, in root: borrowing HDF5Group, rowShape: [Int] = [], rowsPerChunk: Int
    ) throws(HDF5Error) {
        dataset = try root.createGrowingDataset(
            path, Element.hdf5Type, rowShape: rowShape, rowsPerChunk: rowsPerChunk)
        elementsPerWrite = rowsPerChunk * rowShape.reduce(1, *)
        elements.reserveCapacity(elementsPerWrite)
    }

    func setAttribute(_ name: String, to value: Double) throws(HDF5Error) {
        try dataset.attributes.write(value, to: name)
    }

    func writeIfFull() throws(HDF5Error) {
        if elements.count >= elementsPerWrite { try write() }
    }

    func write() throws(HDF5Error) {
        var rows: [Element] = []
        swap(&rows, &elements)
        try dataset.append(rows.span)
        rows.removeAll(keepingCapacity: true)
        elements = rows
    }
}

/// A dataset of strings of up to so many bytes.
final class GrowingStrings {
    private var dataset: HDF5Dataset
    private let byteCount: Int
    private let byteCountPerWrite: Int
    private var bytes: [UInt8] = []

    init(_ path: String, in root: borrowing HDF5Group, byteCount: Int, rowsPerChunk: Int) throws(HDF5Error) {
        dataset = try root.createGrowingStrings(path, byteCount: byteCount, rowsPerChunk: rowsPerChunk)
        self.byteCount = byteCount
        byteCountPerWrite = rowsPerChunk * byteCount
    }

    func append(_ string: ArraySlice<UInt8>) throws(HDF5Error) {
        precondition(string.count <= byteCount, "a string of \(string.count) bytes does not fit \(byteCount)")
        bytes += string
        bytes += repeatElement(0, count: byteCount - string.count)
        if bytes.count >= byteCountPerWrite { try write() }
    }

    func write() throws(HDF5Error) {
        let strings = bytes
        try dataset.append(paddedStrings: strings.span)
        bytes = []
    }
}
