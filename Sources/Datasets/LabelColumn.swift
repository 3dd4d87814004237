import HDF5

/// The labels of a split as rows of zeros and ones, one column for each class, compressed as they come.
final class LabelColumn {
    private var dataset: HDF5Dataset
    private let classCount: Int
    private let rowsPerChunk: Int
    /// Those of the chunk that was not written yet.
    private var rowCount = 0
    private var stream = ZeroRunStream()

    init(_ path: String, in root: borrowing HDF5Group, classCount: Int, rowsPerChunk: Int) throws(HDF5Error) {
        dataset = try root.createGrowingDataset(
            path, .uint8, rowShape: [classCount], rowsPerChunk: rowsPerChunk, isCompressed: true)
        (self.classCount, self.rowsPerChunk) = (classCount, rowsPerChunk)
    }

    /// Adds a row.
    ///
    /// - Parameter labels: Its classes in ascending order; one may come several times.
    func append(_ labels: [Int]) throws(HDF5Error) {
        var next = 0
        for label in labels where label >= next {
            stream.appendZeros(label - next)
            stream.appendOne()
            next = label + 1
        }
        stream.appendZeros(classCount - next)
        rowCount += 1
        if rowCount == rowsPerChunk { try write() }
    }

    /// Writes what was not written yet.
    func write() throws(HDF5Error) {
        guard rowCount > 0 else { return }
        stream.appendZeros((rowsPerChunk - rowCount) * classCount)
        let chunk = stream.finished()
        try dataset.appendChunk(chunk.span, rowCount: rowCount)
        stream = ZeroRunStream()
        rowCount = 0
    }
}
