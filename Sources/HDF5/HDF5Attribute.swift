import CHDF5

/// The attributes of a group or dataset, which is kept open by it.
public struct HDF5Attributes: ~Copyable, Sendable {
    let handle: Handle
    public let place: HDF5Place
    /// No attribute can be larger than the file it is in.
    let fileByteCount: Int

    /// The most bytes of an attribute that lies in the object header; Keras uses the same number.
    public static let headerLimit = 64_512
}

// MARK: - Reading

extension HDF5Attributes {
    public func contains(_ name: String) throws(HDF5Error) -> Bool {
        let id = handle.id
        return try attempt("look for attribute '\(name)' of", place) { unsafe H5Aexists(id, name) } > 0
    }

    /// The text of an attribute that holds one string.
    public func string(_ name: String) throws(HDF5Error) -> String {
        let values = try readStrings(name)
        guard values.count == 1 else {
            throw unsupported(name, "expected one string, found \(values.count)")
        }
        return values[0]
    }

    /// A list of strings, which Keras may have cut into `name0`, `name1`, … when it was long.
    public func strings(_ name: String) throws(HDF5Error) -> [String] {
        if try contains(name) {
            return try readStrings(name)
        }
        guard try contains("\(name)0") else {
            throw absent(name)
        }
        var values: [String] = []
        var part = 0
        while try contains("\(name)\(part)") {
            values += try readStrings("\(name)\(part)")
            part += 1
        }
        return values
    }

    /// The number in an attribute that holds one, whatever its type.
    public func double(_ name: String) throws(HDF5Error) -> Double {
        let values = try doubles(name)
        guard values.count == 1 else {
            throw unsupported(name, "expected one number, found \(values.count)")
        }
        return values[0]
    }

    /// The numbers in an attribute, whatever its shape and type.
    public func doubles(_ name: String) throws(HDF5Error) -> [Double] {
        let attribute = try Attribute(name, of: self)
        guard attribute.type.isFloat || attribute.type.isInteger else {
            throw unsupported(name, "expected a number, found \(attribute.type)")
        }
        return try attribute.readNumbers(name, of: self, as: Double.self)
    }

    /// The whole number in an attribute that holds one.
    public func integer(_ name: String) throws(HDF5Error) -> Int {
        let attribute = try Attribute(name, of: self)
        guard attribute.type.isInteger else {
            throw unsupported(name, "expected a whole number, found \(attribute.type)")
        }
        let values = try attribute.readNumbers(name, of: self, as: Int.self)
        guard values.count == 1 else {
            throw unsupported(name, "expected one number, found \(values.count)")
        }
        return values[0]
    }

    private func readStrings(_ name: String) throws(HDF5Error) -> [String] {
        let attribute = try Attribute(name, of: self)
        if attribute.count == 0 {
            // Keras writes an empty list as an array of no floats.
            return []
        }
        guard attribute.type == .string else {
            throw unsupported(name, "expected strings, found \(attribute.type)")
        }
        let typeID = attribute.storedType.id
        return try withLibrary({ H5Tis_variable_str(typeID) }) > 0
            ? attribute.readVariableStrings(name, of: self)
            : attribute.readFixedStrings(name, of: self)
    }
}

/// An open attribute.
private struct Attribute: ~Copyable {
    let handle: Handle
    let storedType: Handle
    let space: Handle
    let type: HDF5Type
    let count: Int

    init(_ name: String, of owner: borrowing HDF5Attributes) throws(HDF5Error) {
        guard try owner.contains(name) else {
            throw owner.absent(name)
        }
        let place = owner.place, ownerID = owner.handle.id
        let action = "read attribute '\(name)' of"
        let handle = try attemptHandle(action, place) { unsafe H5Aopen(ownerID, name, chdf5_default()) }
        let id = handle.id
        let storedType = try attemptHandle(action, place) { H5Aget_type(id) }
        let space = try attemptHandle(action, place) { H5Aget_space(id) }
        let spaceID = space.id, typeID = storedType.id
        let count = try attempt(action, place) { H5Sget_simple_extent_npoints(spaceID) }
        let size = withLibrary { H5Tget_size(typeID) }
        let (byteCount, overflow) = Int(count).multipliedReportingOverflow(by: size)
        guard !overflow, byteCount <= owner.fileByteCount else {
            throw HDF5Error(
                .damaged, action, place,
                "it declares \(count) elements of \(size) bytes, more than the file's \(owner.fileByteCount) bytes")
        }
        self.type = HDF5Type(storedType)
        self.count = Int(count)
        self.handle = handle
        self.storedType = storedType
        self.space = space
    }

    func readNumbers<Element: HDF5Element>(
        _ name: String, of owner: borrowing HDF5Attributes, as: Element.Type
    ) throws(HDF5Error) -> [Element] {
        let id = handle.id
        let memoryType = try Element.hdf5Type.makeHandle(owner.place)
        let memoryTypeID = memoryType.id
        var values = [Element](repeating: .zero, count: count)
        guard count > 0 else { return values }
        try attempt("read attribute '\(name)' of", owner.place) { unsafe H5Aread(id, memoryTypeID, &values) }
        return values
    }

    func readFixedStrings(_ name: String, of owner: borrowing HDF5Attributes) throws(HDF5Error) -> [String] {
        let id = handle.id, typeID = storedType.id
        let size = withLibrary { H5Tget_size(typeID) }
        let padding = withLibrary { H5Tget_strpad(typeID) }
        var bytes = [UInt8](repeating: 0, count: count * size)
        try attempt("read attribute '\(name)' of", owner.place) { unsafe H5Aread(id, typeID, &bytes) }
        return (0..<count).map { index in
            var text = bytes[(index * size)..<((index + 1) * size)]
            if padding == H5T_STR_NULLTERM {
                text = text.prefix { $0 != 0 }
            }
            let filler = padding == H5T_STR_SPACEPAD ? UInt8(ascii: " ") : 0
            while text.last == filler {
                text.removeLast()
            }
            return String(decoding: text, as: UTF8.self)
        }
    }

    func readVariableStrings(_ name: String, of owner: borrowing HDF5Attributes) throws(HDF5Error) -> [String] {
        var strings = try VariableStrings(of: owner.handle.id, "read attribute '\(name)' of", owner.place)
        return try strings.read(handle.id, count: count)
    }
}

// MARK: - Writing

extension HDF5Attributes {
    /// Writes text: into the object header if it fits there, otherwise, as Keras does, into the file's heap.
    public func write(_ value: String, to name: String) throws(HDF5Error) {
        let bytes = Array(value.utf8)
        let fits = bytes.count <= Self.headerLimit && !bytes.contains(0)
        let type = try makeStringType(byteCount: fits ? max(1, bytes.count) : chdf5_variable_length(), place)
        let typeID = type.id
        try attempt("describe strings of", place, .write) { H5Tset_cset(typeID, H5T_CSET_UTF8) }
        let space = try attemptHandle("write attribute '\(name)' of", place, .write) { H5Screate(H5S_SCALAR) }
        if fits {
            try write(bytes.isEmpty ? [0] : bytes, to: name, type, space)
        } else {
            var text = bytes.map { CChar(bitPattern: $0) } + [0]
            try create(name, type, space) { id, typeID in
                unsafe text.withUnsafeMutableBufferPointer { buffer in
                    var pointer = buffer.baseAddress
                    return unsafe H5Awrite(id, typeID, &pointer)
                }
            }
        }
    }

    /// Writes a list of strings as Keras does: padded to the longest, in several pieces if one would be too large.
    public func write(_ values: [String], to name: String) throws(HDF5Error) {
        if values.isEmpty {
            return try writeEmptyList(to: name)
        }
        let texts = values.map { Array($0.utf8) }
        let longest = texts.map(\.count).max() ?? 0
        let size = max(1, longest)
        guard size <= Self.headerLimit else {
            throw HDF5Error(
                .write, "write attribute '\(name)' of", place,
                "a string of \(size) bytes is longer than the limit of \(Self.headerLimit)")
        }
        let perPart = Self.headerLimit / size
        let partCount = (texts.count + perPart - 1) / perPart
        // Equal parts, the longer ones first, as numpy.array_split cuts them.
        let (base, extra) = texts.count.quotientAndRemainder(dividingBy: partCount)
        var start = 0
        for part in 0..<partCount {
            let count = base + (part < extra ? 1 : 0)
            var bytes: [UInt8] = []
            bytes.reserveCapacity(count * size)
            for text in texts[start..<(start + count)] {
                bytes += text
                bytes += repeatElement(0, count: size - text.count)
            }
            start += count
            let type = try makeStringType(byteCount: size, place)
            let space = try makeSpace([count], place)
            try write(bytes, to: partCount == 1 ? name : "\(name)\(part)", type, space)
        }
    }

    /// Writes a number.
    public func write<Element: HDF5Element>(_ value: Element, to name: String) throws(HDF5Error) {
        let type = try Element.hdf5Type.makeHandle(place)
        let space = try attemptHandle("write attribute '\(name)' of", place, .write) { H5Screate(H5S_SCALAR) }
        try write([value], to: name, type, space)
    }

    /// Writes a list of numbers.
    public func write<Element: HDF5Element>(_ values: [Element], to name: String) throws(HDF5Error) {
        let type = try Element.hdf5Type.makeHandle(place)
        let space = try makeSpace([values.count], place)
        try write(values, to: name, type, space)
    }

    private func writeEmptyList(to name: String) throws(HDF5Error) {
        let type = try HDF5Type.float64.makeHandle(place)
        let space = try makeSpace([0], place)
        try write([Double](), to: name, type, space)
    }

    private func write<Element: BitwiseCopyable>(
        _ elements: [Element], to name: String, _ type: borrowing Handle, _ space: borrowing Handle
    ) throws(HDF5Error) {
        try create(name, type, space) { id, typeID in
            elements.isEmpty ? 0 : unsafe elements.withUnsafeBytes { unsafe H5Awrite(id, typeID, $0.baseAddress) }
        }
    }

    private func create(
        _ name: String, _ type: borrowing Handle, _ space: borrowing Handle,
        write: (hid_t, hid_t) -> herr_t
    ) throws(HDF5Error) {
        let ownerID = handle.id, typeID = type.id, spaceID = space.id
        let action = "write attribute '\(name)' of"
        let attribute = try attemptHandle(action, place, .write, handle.failures) {
            unsafe H5Acreate2(ownerID, name, typeID, spaceID, chdf5_default(), chdf5_default())
        }
        let id = attribute.id
        try attempt(action, place, .write) { write(id, typeID) }
    }
}

extension HDF5Attributes {
    fileprivate func absent(_ name: String) -> HDF5Error {
        HDF5Error(.absent, "read attribute '\(name)' of", place, "there is no such attribute")
    }

    fileprivate func unsupported(_ name: String, _ reason: String) -> HDF5Error {
        HDF5Error(.unsupported, "read attribute '\(name)' of", place, reason)
    }
}

/// A string type, padded with zeros.
func makeStringType(byteCount: Int, _ place: HDF5Place) throws(HDF5Error) -> Handle {
    let type = try attemptHandle("describe strings of", place) { H5Tcopy(chdf5_c_string()) }
    let id = type.id
    try attempt("describe strings of", place) { H5Tset_size(id, byteCount) }
    try attempt("describe strings of", place) { H5Tset_strpad(id, H5T_STR_NULLPAD) }
    return type
}

/// A dataspace of the given shape.
///
/// - Parameter most: How far each axis may grow, where that is farther.
func makeSpace(_ shape: [Int], most: [hsize_t]? = nil, _ place: HDF5Place) throws(HDF5Error) -> Handle {
    let dimensions = shape.map { hsize_t($0) }
    return try attemptHandle("describe the shape of", place) {
        shape.isEmpty
            ? H5Screate(H5S_SCALAR) : unsafe H5Screate_simple(Int32(dimensions.count), dimensions, most)
    }
}
