import CHDF5

/// Datasets whose rows come one after another, and nobody knows how many.
extension HDF5Group {
    /// Creates a dataset without rows, to which they will be appended, and the groups on the way to it.
    ///
    /// - Parameters:
    ///   - rowShape: The extents of one row.
    ///   - rowsPerChunk: How many rows lie together. Appending as many at a time is fastest.
    ///   - isCompressed: Whether a chunk is a zlib stream; see `appendChunk`.
    public func createGrowingDataset(
        _ path: String, _ type: HDF5Type, rowShape: [Int], rowsPerChunk: Int, isCompressed: Bool = false
    ) throws(HDF5Error) -> HDF5Dataset {
        let place = place.appending(path)
        return try createGrowing(path, type.makeHandle(place), rowShape, rowsPerChunk, isCompressed)
    }

    /// Creates a dataset of strings of up to `byteCount` bytes, to which they will be appended.
    public func createGrowingStrings(
        _ path: String, byteCount: Int, rowsPerChunk: Int
    ) throws(HDF5Error) -> HDF5Dataset {
        let place = place.appending(path)
        return try createGrowing(path, makeStringType(byteCount: byteCount, place), [], rowsPerChunk, false)
    }

    private func createGrowing(
        _ path: String, _ type: borrowing Handle, _ rowShape: [Int], _ rowsPerChunk: Int, _ isCompressed: Bool
    ) throws(HDF5Error) -> HDF5Dataset {
        precondition(rowsPerChunk > 0, "a chunk needs at least one row")
        let place = place.appending(path)
        let most = [hsize_t.max] + rowShape.map { hsize_t($0) }, chunk = ([rowsPerChunk] + rowShape).map { hsize_t($0) }
        let space = try makeSpace([0] + rowShape, most: most, place)
        let properties = try attemptHandle("create", place, .write) { H5Pcreate(chdf5_class_dataset_create()) }
        let id = properties.id
        try attempt("create", place, .write) { H5Pset_obj_track_times(id, false) }
        try attempt("create", place, .write) { H5Pset_attr_phase_change(id, 65_535, 0) }
        try attempt("create", place, .write) { unsafe H5Pset_chunk(id, Int32(chunk.count), chunk) }
        if isCompressed {
            try attempt("create", place, .write) { H5Pset_deflate(id, 1) }
        }
        return try create(path, type, space, properties)
    }
}

extension HDF5Dataset {
    /// Writes rows behind those that are there, converted if the dataset has another type.
    public mutating func append<Element: HDF5Element>(_ elements: Span<Element>) throws(HDF5Error) {
        let rows = try grow(by: elements.count / elementsPerRow)
        try write(rows: rows, elements)
    }

    /// Writes strings behind those that are there.
    ///
    /// - Parameter strings: One after another, each filled up with zeros to the bytes that the dataset has for it.
    public mutating func append(paddedStrings strings: Span<UInt8>) throws(HDF5Error) {
        precondition(type == .string && strings.count % elementSize == 0, "no strings of \(elementSize) bytes")
        let rows = try grow(by: strings.count / elementSize)
        guard !rows.isEmpty else { return }
        let id = id
        let type = try storedType(), inFile = try select(rows), inMemory = try makeSpace([rows.count], place)
        let (typeID, fileID, memoryID) = (type.id, inFile.id, inMemory.id)
        try attempt("write", place, .write) {
            unsafe strings.withUnsafeBytes {
                unsafe H5Dwrite(id, typeID, memoryID, fileID, chdf5_default(), $0.baseAddress)
            }
        }
    }

    /// Writes the rows of one chunk, compressed already, behind those that are there, which must fill their chunks.
    ///
    /// - Parameters:
    ///   - chunk: The zlib stream of a whole chunk, where it has fewer rows, too.
    ///   - rowCount: How many of its rows there are: less than a chunk has only in the last one.
    public mutating func appendChunk(_ chunk: Span<UInt8>, rowCount: Int) throws(HDF5Error) {
        let rows = try grow(by: rowCount)
        let id = id, offset = [hsize_t(rows.lowerBound)] + shape.dropFirst().map { _ in 0 }
        try attempt("write", place, .write) {
            unsafe chunk.withUnsafeBytes {
                unsafe H5Dwrite_chunk(id, chdf5_default(), 0, offset, $0.count, $0.baseAddress)
            }
        }
    }

    /// Makes room for rows, and says which they are.
    private mutating func grow(by count: Int) throws(HDF5Error) -> Range<Int> {
        let rows = shape[0]..<(shape[0] + count)
        let id = id, extents = ([rows.upperBound] + shape.dropFirst()).map { hsize_t($0) }
        try attempt("write", place, .write) { unsafe H5Dset_extent(id, extents) }
        shape[0] = rows.upperBound
        elementCount = rows.upperBound * elementsPerRow
        byteCount = elementCount * elementSize
        return rows
    }
}
