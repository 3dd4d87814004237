import CHDF5

extension SmallFloat {
    /// Whether datasets that are written here are packed: codes do not fill their bytes.
    var isPacked: Bool { bitCount != 8 * byteCount }

    /// The bytes of some elements in a dataset that is written here.
    public func storedByteCount(of count: Int) -> Int { isPacked ? packedByteCount(of: count) : count * byteCount }

    /// The library's description of the type.
    func makeHandle(_ place: HDF5Place) throws(HDF5Error) -> Handle {
        let type = try attemptHandle("describe elements of", place) { H5Tcopy(chdf5_float32()) }
        let id = type.id
        // In this order: fields have to fit what the type is at the time.
        try attempt("describe elements of", place) {
            H5Tset_fields(
                id, sign.position, exponent.position, exponent.count, mantissa.position, mantissa.count)
        }
        try attempt("describe elements of", place) { H5Tset_precision(id, bitCount) }
        try attempt("describe elements of", place) { H5Tset_size(id, byteCount) }
        try attempt("describe elements of", place) { H5Tset_ebias(id, bias) }
        return type
    }
}

extension HDF5Group {
    /// Creates a dataset of small floats to be written later, and the groups on the way to it.
    ///
    /// Codes of 8 and 16 bits lie one after another; others are one chunk, packed by the N-bit filter.
    /// - Parameter shape: Of at least one axis, none of which is 0, unless codes have 8 or 16 bits.
    public func createDataset(_ path: String, _ type: SmallFloat, shape: [Int]) throws(HDF5Error) -> HDF5Dataset {
        let place = place.appending(path)
        return try create(
            path, type.makeHandle(place), makeSpace(shape, place), type.makeProperties(shape, place))
    }
}

extension HDF5Dataset {
    /// Writes the numbers nearest to the values.
    public func write(nearestTo values: Span<Float>) throws(HDF5Error) {
        guard case .smallFloat(let type) = type else { preconditionFailure("\(self.type) is no small float") }
        precondition(values.count == elementCount, "\(values.count) elements do not fill \(shape)")
        guard values.count > 0 else { return }
        if type.byteCount == 1 {
            try put(values.indices.map { UInt8(truncatingIfNeeded: type.code(nearestTo: values[$0])) })
        } else {
            try put(values.indices.map { type.code(nearestTo: values[$0]).littleEndian })
        }
    }

    /// Writes codes as they are: the memory has the file's own type.
    private func put<Code: BitwiseCopyable>(_ codes: [Code]) throws(HDF5Error) {
        let id = id, type = try storedType(), typeID = type.id
        try attempt("write", place, .write) {
            unsafe codes.withUnsafeBytes {
                unsafe H5Dwrite(id, typeID, chdf5_all(), chdf5_all(), chdf5_default(), $0.baseAddress)
            }
        }
    }
}

extension SmallFloat {
    /// One chunk, packed by N-bit, where codes do not fill their bytes.
    fileprivate func makeProperties(_ shape: [Int], _ place: HDF5Place) throws(HDF5Error) -> Handle {
        let properties = try makeProperties(place), id = properties.id
        guard isPacked else { return properties }
        precondition(!shape.isEmpty && !shape.contains(0), "a chunk of shape \(shape) holds nothing")
        let dimensions = shape.map { hsize_t($0) }
        try attempt("create", place, .write) { unsafe H5Pset_chunk(id, Int32(dimensions.count), dimensions) }
        try attempt("create", place, .write) { H5Pset_nbit(id) }
        return properties
    }

    /// What all datasets have in common whose numbers are written once: no times, no fill.
    func makeProperties(_ place: HDF5Place) throws(HDF5Error) -> Handle {
        let properties = try attemptHandle("create", place, .write) { H5Pcreate(chdf5_class_dataset_create()) }
        let id = properties.id
        try attempt("create", place, .write) { H5Pset_obj_track_times(id, false) }
        try attempt("create", place, .write) { H5Pset_attr_phase_change(id, 65_535, 0) }
        try attempt("create", place, .write) { H5Pset_fill_time(id, H5D_FILL_TIME_NEVER) }
        return properties
    }
}
