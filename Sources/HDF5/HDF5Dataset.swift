import CHDF5

/// How the rows of a new dataset are compressed.
public struct HDF5Compression: Hashable, Sendable {
    /// From 1, fast, to 9, small.
    public let level: Int
    /// Whether first bytes, second bytes, … of the elements are stored together, which helps numbers.
    public let shuffles: Bool
    public let rowsPerChunk: Int

    public init(level: Int = 4, shuffles: Bool = true, rowsPerChunk: Int) {
        precondition((1...9).contains(level), "there is no compression level \(level)")
        precondition(rowsPerChunk > 0, "a chunk needs at least one row")
        self.level = level
        self.shuffles = shuffles
        self.rowsPerChunk = rowsPerChunk
    }
}

/// An array of numbers in a file.
public struct HDF5Dataset: ~Copyable, Sendable {
    public enum Layout: Hashable, Sendable {
        case compact, contiguous, chunked
    }

    public let attributes: HDF5Attributes
    public internal(set) var shape: [Int]
    public internal(set) var elementCount: Int
    public private(set) var type: HDF5Type
    /// Which byte of an element comes first in the file; nil where that means nothing.
    public let byteOrder: HDF5ByteOrder?
    public let layout: Layout
    /// What is compressed, and so read, together; nil unless the layout is chunked.
    public let chunkShape: [Int]?
    /// The bytes of all elements, as the file's types have it.
    public internal(set) var byteCount: Int
    /// The bytes that they take in the file: fewer if they are compressed, none if they were never written.
    public let storedByteCount: Int

    /// bfloat16 as Keras stores it, which the library cannot convert.
    let isOpaque: Bool
    let elementSize: Int
    /// What is checked before chunks are read; nil for other layouts, and while the dataset is written.
    private var chunkCheck: ChunkCheck?

    public var place: HDF5Place { attributes.place }

    var id: hid_t { attributes.handle.id }
}

// MARK: - Opening

extension HDF5Dataset {
    /// The same dataset, its opaque elements of two bytes taken for bfloat16: in whole models Keras does not say so.
    public consuming func takingOpaqueForBFloat16() -> HDF5Dataset {
        if isOpaque && elementSize == 2 { type = .bfloat16 }
        return self
    }

    /// Takes an open dataset and checks that what it declares can be there.
    static func checked(_ attributes: consuming HDF5Attributes) throws(HDF5Error) -> HDF5Dataset {
        var dataset = try HDF5Dataset(attributes)
        guard let chunkShape = dataset.chunkShape, dataset.attributes.fileByteCount < .max else {
            try dataset.refuseImpossibleSize()
            return dataset
        }
        // How chunks are compressed comes before how much that can be.
        let pipeline = try FilterPipeline(
            dataset.id, dataset.place, of: dataset.smallFloat, count: product(chunkShape, 1) ?? 0)
        try dataset.refuseImpossibleSize()
        dataset.chunkCheck = try ChunkCheck(
            dataset.id, pipeline, shape: dataset.shape, chunkShape: chunkShape, elementSize: dataset.elementSize,
            fileByteCount: dataset.attributes.fileByteCount, dataset.place)
        return dataset
    }

    private var smallFloat: SmallFloat? { if case .smallFloat(let form) = type { form } else { nil } }

    private var isSmall: Bool { smallFloat != nil }

    /// Whether it is to be opened again, with `directAccess`, before it is read.
    var needsDirectAccess: Bool { chunkCheck?.needsDirectAccess ?? false }

    /// What makes the library read chunks straight from the file, without a copy of its own.
    static func directAccess(_ place: HDF5Place) throws(HDF5Error) -> Handle {
        let access = try attemptHandle("open", place) { H5Pcreate(chdf5_class_dataset_access()) }
        let id = access.id
        try attempt("open", place) { H5Pset_chunk_cache(id, 1, 0, 0) }
        return access
    }

    private init(_ attributes: consuming HDF5Attributes) throws(HDF5Error) {
        let place = attributes.place
        let id = attributes.handle.id
        let layout = try Self.layout(id, place)
        let space = try attemptHandle("open", place) { H5Dget_space(id) }
        let storedType = try attemptHandle("open", place) { H5Dget_type(id) }
        let (spaceID, typeID) = (space.id, storedType.id)
        let elementSize = withLibrary { H5Tget_size(typeID) }
        let shape = try Self.shape(spaceID, place)
        let byteCount = product(shape, elementSize)
        guard let byteCount, elementSize > 0 else {
            throw HDF5Error(.damaged, "open", place, "its shape \(shape) is too large for any computer")
        }
        let chunkShape = layout == .chunked ? try Self.chunkShape(id, rank: shape.count, place) : nil
        let storedByteCount = Int(clamping: withLibrary { H5Dget_storage_size(id) })
        let type = try Self.type(storedType, attributes)
        self.type = type
        self.byteCount = byteCount
        self.isOpaque = withLibrary { H5Tget_class(typeID) } == H5T_OPAQUE
        self.byteOrder =
            switch withLibrary({ H5Tget_order(typeID) }) {
            case H5T_ORDER_LE: .littleEndian
            case H5T_ORDER_BE: .bigEndian
            default: nil
            }
        self.shape = shape
        self.elementCount = byteCount / elementSize
        self.layout = layout
        self.storedByteCount = storedByteCount
        self.chunkShape = chunkShape
        self.elementSize = elementSize
        self.attributes = attributes
        self.chunkCheck = nil
    }

    /// The layout, unless the data lie in another file.
    private static func layout(_ id: hid_t, _ place: HDF5Place) throws(HDF5Error) -> Layout {
        let properties = try attemptHandle("open", place) { H5Dget_create_plist(id) }
        let propertiesID = properties.id
        guard try attempt("open", place, .damaged, { H5Pget_external_count(propertiesID) }) == 0 else {
            throw HDF5Error(.unsupported, "open", place, "its data are in another file, and those are not read")
        }
        switch withLibrary({ H5Pget_layout(propertiesID) }) {
        case H5D_COMPACT: return .compact
        case H5D_CONTIGUOUS: return .contiguous
        case H5D_CHUNKED: return .chunked
        case H5D_VIRTUAL:
            throw HDF5Error(
                .unsupported, "open", place,
                "it is a virtual dataset, whose data are in other files; those are not read")
        default: throw HDF5Error(.unsupported, "open", place, "its layout is unknown")
        }
    }

    private static func shape(_ spaceID: hid_t, _ place: HDF5Place) throws(HDF5Error) -> [Int] {
        if withLibrary({ H5Sget_simple_extent_type(spaceID) }) == H5S_NULL {
            return [0]
        }
        let rank = try attempt("open", place) { H5Sget_simple_extent_ndims(spaceID) }
        var dimensions = [hsize_t](repeating: 0, count: Int(rank))
        try attempt("open", place) { unsafe H5Sget_simple_extent_dims(spaceID, &dimensions, nil) }
        return dimensions.map { Int(clamping: $0) }
    }

    private static func type(
        _ storedType: borrowing Handle, _ attributes: borrowing HDF5Attributes
    ) throws(HDF5Error) -> HDF5Type {
        let type = HDF5Type(storedType)
        let id = storedType.id
        if withLibrary({ H5Tget_class(id) }) == H5T_OPAQUE, withLibrary({ H5Tget_size(id) }) == 2,
            try attributes.contains("dtype"), try attributes.string("dtype") == "bfloat16"
        {
            return .bfloat16
        }
        return type
    }

    /// Memory is taken for what a file declares; so it must not declare more than it can hold.
    private func refuseImpossibleSize() throws(HDF5Error) {
        let limit = attributes.fileByteCount
        guard limit < .max else { return }
        if storedByteCount > limit {
            throw HDF5Error(
                .damaged, "open", place, "it claims \(storedByteCount) stored bytes in a file of \(limit) bytes")
        }
        let address = withLibrary { [id] in H5Dget_offset(id) }
        if layout == .contiguous, storedByteCount > 0, address != chdf5_undefined_address(),
            address > UInt64(limit - storedByteCount)
        {
            throw HDF5Error(.damaged, "open", place, "its data end after the file's \(limit) bytes")
        }
        // gzip makes at best 1,032 bytes out of one, and N-bit packing eight out of one code; a mebibyte allows for what was
        // declared but never written.
        let ratio = layout == .chunked ? (isSmall ? 8 * 1_100 : 1_100) : 1
        let (largest, overflow) = storedByteCount.multipliedReportingOverflow(by: ratio)
        let slack = 1 << 20
        // What was written without compression was written whole; HDF5 reads beyond its memory if it was not.
        let isWritten = layout == .compact || layout == .contiguous && storedByteCount > 0
        let isShort = isWritten && storedByteCount < byteCount
        if isShort || !overflow && largest < byteCount - slack {
            throw HDF5Error(
                .damaged, "open", place,
                "it declares \(byteCount) bytes of data, but only \(storedByteCount) bytes are stored")
        }
        if let chunkShape, !overflow, product(chunkShape, elementSize).map({ $0 > max(largest, slack) }) ?? true {
            throw HDF5Error(
                .damaged, "open", place,
                "its chunks of shape \(chunkShape) are too large for \(storedByteCount) bytes stored")
        }
    }

    private static func chunkShape(_ id: hid_t, rank: Int, _ place: HDF5Place) throws(HDF5Error) -> [Int] {
        let properties = try attemptHandle("open", place) { H5Dget_create_plist(id) }
        let propertiesID = properties.id
        var dimensions = [hsize_t](repeating: 0, count: rank)
        try attempt("open", place) { unsafe H5Pget_chunk(propertiesID, Int32(rank), &dimensions) }
        return dimensions.map { Int(clamping: $0) }
    }

    /// Where in the file the elements lie, if they lie there one after another as this processor has float32.
    public var floatOffset: Int? { type == .float32 ? contiguousOffset : nil }

    /// What is still to be added to the file when this dataset is written; 0 if that depends on its numbers.
    func unwrittenByteCount() throws(HDF5Error) -> Int {
        var packed: Int?
        if case .smallFloat(let form) = type, form.isPacked { packed = form.packedByteCount(of: elementCount) }
        guard layout == .contiguous || packed != nil else { return 0 }
        let id = id
        var status = H5D_SPACE_STATUS_ERROR
        try attempt("measure", place) { unsafe H5Dget_space_status(id, &status) }
        return status == H5D_SPACE_STATUS_NOT_ALLOCATED ? packed ?? byteCount : 0
    }
}

// MARK: - Reading

extension HDF5Dataset {
    /// Reads all elements, converted if they are stored in another type.
    public func read<Element: HDF5Element>(as: Element.Type = Element.self) throws(HDF5Error) -> [Element] {
        var elements = [Element](repeating: .zero, count: elementCount)
        var span = elements.mutableSpan
        try read(into: &span)
        return elements
    }

    /// Reads all elements into memory that someone else owns.
    public func read<Element: HDF5Element>(into elements: inout MutableSpan<Element>) throws(HDF5Error) {
        precondition(elements.count == elementCount, "\(elementCount) elements do not fit \(elements.count) places")
        try read(nil, into: &elements)
    }

    /// Reads a range of rows: the elements whose first index is in the range.
    public func read<Element: HDF5Element>(
        rows: Range<Int>, into elements: inout MutableSpan<Element>
    ) throws(HDF5Error) {
        checkRows(rows, elements.count)
        try read(rows, into: &elements)
    }

    /// The number of elements that share one first index.
    public var elementsPerRow: Int {
        shape.dropFirst().reduce(1, *)
    }

    private func checkRows(_ rows: Range<Int>, _ count: Int) {
        precondition(!shape.isEmpty, "a single number has no rows")
        precondition(rows.lowerBound >= 0 && rows.upperBound <= shape[0], "rows \(rows) of \(shape[0])")
        precondition(
            count == rows.count * elementsPerRow,
            "\(rows.count) rows of \(elementsPerRow) elements do not fit \(count) places")
    }

    private func read<Element: HDF5Element>(
        _ rows: Range<Int>?, into elements: inout MutableSpan<Element>
    ) throws(HDF5Error) {
        try refuseConversion(to: Element.hdf5Type)
        guard elements.count > 0 else { return }
        if isNarrow && Element.self == Float.self {
            try readNarrow(rows, into: &elements)
        } else {
            let memoryType = try Element.hdf5Type.makeHandle(place)
            try unsafe elements.withUnsafeMutableBytes { bytes throws(HDF5Error) in
                try unsafe transfer(rows, memoryType, bytes.baseAddress)
            }
        }
    }

    func storedType() throws(HDF5Error) -> Handle {
        let id = id
        return try attemptHandle("read", place) { H5Dget_type(id) }
    }

    private func refuseConversion(to wanted: HDF5Type) throws(HDF5Error) {
        guard type.byteCount != nil else {
            throw HDF5Error(.unsupported, "read", place, "expected numbers, found \(type)")
        }
        if type.isFloat && wanted.isInteger {
            throw HDF5Error(.unsupported, "read", place, "expected whole numbers, found \(type)")
        }
        if isOpaque || isSmall, wanted != .float32 {
            throw HDF5Error(.unsupported, "read", place, "\(type) can be read as float32 only, not as \(wanted)")
        }
    }

    func transfer(
        _ rows: Range<Int>?, _ memoryType: borrowing Handle, _ memory: UnsafeMutableRawPointer?
    ) throws(HDF5Error) {
        let id = id, typeID = memoryType.id
        if let chunkCheck { try chunkCheck.check(rows ?? 0..<shape[0], id) }
        guard let rows else {
            try attempt("read", place) {
                unsafe H5Dread(id, typeID, chdf5_all(), chdf5_all(), chdf5_default(), memory)
            }
            return
        }
        let inFile = try select(rows)
        let inMemory = try makeSpace(shape(of: rows), place)
        let (fileID, memoryID) = (inFile.id, inMemory.id)
        try attempt("read", place) { unsafe H5Dread(id, typeID, memoryID, fileID, chdf5_default(), memory) }
    }

    /// The shape of some rows in memory: that in the file, or the library looks for each element of a chunk by itself.
    private func shape(of rows: Range<Int>) -> [Int] { [rows.count] + shape.dropFirst() }

    func select(_ rows: Range<Int>) throws(HDF5Error) -> Handle {
        let id = id
        let space = try attemptHandle("select rows of", place) { H5Dget_space(id) }
        let spaceID = space.id
        var start = [hsize_t](repeating: 0, count: shape.count)
        var count = shape.map { hsize_t($0) }
        start[0] = hsize_t(rows.lowerBound)
        count[0] = hsize_t(rows.count)
        try attempt("select rows of", place) {
            unsafe H5Sselect_hyperslab(spaceID, H5S_SELECT_SET, start, nil, count, nil)
        }
        return space
    }
}

// MARK: - Writing

extension HDF5Dataset {
    /// Writes all elements, converted if the dataset has another type.
    public func write<Element: HDF5Element>(_ elements: Span<Element>) throws(HDF5Error) {
        precondition(elements.count == elementCount, "\(elements.count) elements do not fill \(shape)")
        try write(nil, elements)
    }

    /// Writes all elements, converted if the dataset has another type.
    public func write<Element: HDF5Element>(_ elements: [Element]) throws(HDF5Error) {
        try write(elements.span)
    }

    /// Writes a range of rows.
    public func write<Element: HDF5Element>(rows: Range<Int>, _ elements: Span<Element>) throws(HDF5Error) {
        checkRows(rows, elements.count)
        try write(rows, elements)
    }

    private func write<Element: HDF5Element>(_ rows: Range<Int>?, _ elements: Span<Element>) throws(HDF5Error) {
        precondition(
            type.isFloat || Element.hdf5Type.isInteger, "\(Element.hdf5Type) numbers cannot be written as \(type)")
        guard elements.count > 0 else { return }
        if type == .float16, Element.self == Float.self {
            try writeHalves(rows, elements)
        } else {
            try put(rows, elements)
        }
    }

    /// Narrows the numbers by processor, some thousands at a time, where whole rows allow it.
    private func writeHalves<Element: HDF5Element>(
        _ rows: Range<Int>?, _ elements: Span<Element>
    ) throws(HDF5Error) {
        let halves = unsafe elements.withUnsafeBytes { bytes in
            unsafe bytes.withMemoryRebound(to: Float.self) { floats in unsafe floats.map { Float16($0) } }
        }
        try put(rows, halves.span)
    }

    private func put<Element: HDF5Element>(_ rows: Range<Int>?, _ elements: Span<Element>) throws(HDF5Error) {
        let id = id
        let memoryType = try Element.hdf5Type.makeHandle(place)
        let typeID = memoryType.id
        let inFile = if let rows { try select(rows) } else { try makeSpace(shape, place) }
        let inMemory = try makeSpace(rows.map { shape(of: $0) } ?? shape, place)
        let (fileID, memoryID) = (inFile.id, inMemory.id)
        try attempt("write", place, .write) {
            unsafe elements.withUnsafeBytes {
                unsafe H5Dwrite(id, typeID, memoryID, fileID, chdf5_default(), $0.baseAddress)
            }
        }
    }
}

/// The product of the factors; nil if it overflows.
private func product(_ shape: [Int], _ size: Int) -> Int? {
    // A zero makes the product zero, wherever it stands.
    if shape.contains(0) { return 0 }
    return shape.reduce(size) { product, extent in
        guard let (value, overflow) = product?.multipliedReportingOverflow(by: extent) else { return nil }
        return overflow ? nil : value
    }
}
