import CHDF5

// Datasets whose one chunk is compressed before it reaches the library: a stream that is the same with every zlib.

extension HDF5Group {
    /// Creates a dataset of 8-bit floats whose elements are written by `writeChunk`, and the groups on the way to it.
    ///
    /// It is one chunk with the deflate filter, which every reader of HDF5 has. `HDF5File.byteCount()` leaves out what is not
    /// written yet: the bytes of the chunk follow from the numbers.
    /// - Parameter shape: Of at least one axis, none of which is 0.
    public func createCodedDataset(_ path: String, _ type: SmallFloat, shape: [Int]) throws(HDF5Error) -> HDF5Dataset {
        precondition(!type.isPacked && type.byteCount == 1, "\(type) has no code of one byte")
        precondition(!shape.isEmpty && !shape.contains(0), "a chunk of shape \(shape) holds nothing")
        let place = place.appending(path)
        let properties = try type.makeProperties(place), id = properties.id
        let dimensions = shape.map { hsize_t($0) }
        try attempt("create", place, .write) { unsafe H5Pset_chunk(id, Int32(dimensions.count), dimensions) }
        try attempt("create", place, .write) { H5Pset_deflate(id, 1) }
        return try create(path, type.makeHandle(place), makeSpace(shape, place), properties)
    }
}

extension HDF5Dataset {
    /// Writes the only chunk, as its filter would have left it.
    ///
    /// - Parameter stream: For a dataset of `createCodedDataset`, its codes in a zlib stream (RFC 1950).
    public func writeChunk(_ stream: [UInt8]) throws(HDF5Error) {
        let id = id, start = [hsize_t](repeating: 0, count: shape.count)
        try attempt("write", place, .write) {
            unsafe stream.withUnsafeBytes {
                unsafe H5Dwrite_chunk(id, chdf5_default(), 0, start, $0.count, $0.baseAddress)
            }
        }
    }
}
