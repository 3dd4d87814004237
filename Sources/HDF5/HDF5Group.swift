import CHDF5

/// A named collection of groups and datasets.
public struct HDF5Group: ~Copyable, Sendable {
    public enum ChildKind: Hashable, Sendable {
        case group, dataset, other
    }

    public let attributes: HDF5Attributes

    public var place: HDF5Place { attributes.place }

    private var id: hid_t { attributes.handle.id }
    private var failures: WriteFailures? { attributes.handle.failures }

    init(_ attributes: consuming HDF5Attributes) {
        self.attributes = attributes
    }
}

// MARK: - Reading

extension HDF5Group {
    /// The names of the children, in ascending order of their bytes.
    public func names() throws(HDF5Error) -> [String] {
        // In the library's own order: when it sorts the names of a damaged group, HDF5 1.10 frees what it never took.
        let id = id
        var names: [String] = []
        try attempt("list", place) {
            unsafe withUnsafeMutablePointer(to: &names) { pointer in
                unsafe H5Literate(
                    id, H5_INDEX_NAME, H5_ITER_NATIVE, nil,
                    { _, name, _, context in
                        if let name = unsafe name,
                            let context = unsafe context?.assumingMemoryBound(to: [String].self)
                        {
                            unsafe context.pointee.append(String(cString: name))
                        }
                        return 0
                    }, pointer)
            }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Whether something lies at a path relative to this group.
    public func contains(_ path: String) throws(HDF5Error) -> Bool {
        let id = id
        let place = place.appending(path)
        var parent: ChildKind = .group
        for prefix in prefixes(of: path) {
            guard parent == .group else { return false }
            guard try attempt("look for", place, .damaged, { unsafe H5Lexists(id, prefix, chdf5_default()) }) > 0 else {
                return false
            }
            try refuseForeignLink(prefix)
            // A link may lead nowhere.
            guard
                try attempt("look for", place, .damaged, { unsafe H5Oexists_by_name(id, prefix, chdf5_default()) }) > 0
            else {
                return false
            }
            parent = try openChild(prefix).kind
        }
        return true
    }

    /// What lies at a path relative to this group; nil if nothing does.
    public func kind(of path: String) throws(HDF5Error) -> ChildKind? {
        guard try contains(path) else { return nil }
        let child = try openChild(path)
        return child.kind
    }

    /// Opens the group at a path relative to this one.
    public func group(_ path: String) throws(HDF5Error) -> HDF5Group {
        let child = try openExisting(path)
        guard child.kind == .group else {
            throw HDF5Error(.unsupported, "open", place.appending(path), "expected a group, found a \(child.kind)")
        }
        return HDF5Group(child.attributes)
    }

    /// Opens the dataset at a path relative to this group.
    public func dataset(_ path: String) throws(HDF5Error) -> HDF5Dataset {
        let child = try openExisting(path)
        guard child.kind == .dataset else {
            throw HDF5Error(.unsupported, "open", place.appending(path), "expected a dataset, found a \(child.kind)")
        }
        let dataset = try HDF5Dataset.checked(child.attributes)
        return dataset.needsDirectAccess ? try openAgain(dataset, path) : dataset
    }

    /// The same dataset without the library's cache of chunks.
    private func openAgain(_ dataset: consuming HDF5Dataset, _ path: String) throws(HDF5Error) -> HDF5Dataset {
        // While it is open, it keeps the cache that it was first opened with.
        _ = consume dataset
        let id = id, place = place.appending(path)
        let access = try HDF5Dataset.directAccess(place)
        let accessID = access.id
        let handle = try attemptHandle("open", place) { unsafe H5Dopen2(id, path, accessID) }
        return try .checked(HDF5Attributes(handle: handle, place: place, fileByteCount: attributes.fileByteCount))
    }

    private func openExisting(_ path: String) throws(HDF5Error) -> OpenChild {
        guard try contains(path) else {
            throw HDF5Error(.absent, "open", place.appending(path), "there is no such object")
        }
        return try openChild(path)
    }

    private func openChild(_ path: String) throws(HDF5Error) -> OpenChild {
        let id = id
        let place = place.appending(path)
        let handle = try attemptHandle("open", place, .damaged, failures) { unsafe H5Oopen(id, path, chdf5_default()) }
        let childID = handle.id
        let kind: ChildKind =
            switch withLibrary({ H5Iget_type(childID) }) {
            case H5I_GROUP: .group
            case H5I_DATASET: .dataset
            default: .other
            }
        return OpenChild(
            kind: kind,
            attributes: HDF5Attributes(handle: handle, place: place, fileByteCount: attributes.fileByteCount))
    }

    /// External links would make us read any file their author names.
    private func refuseForeignLink(_ path: String) throws(HDF5Error) {
        let id = id
        let place = place.appending(path)
        var link = H5L_info_t()
        try attempt("look at", place) { unsafe H5Lget_info(id, path, &link, chdf5_default()) }
        if link.type == H5L_TYPE_EXTERNAL {
            throw HDF5Error(.unsupported, "open", place, "it is a link to another file, and those are not followed")
        }
        guard link.type == H5L_TYPE_HARD || link.type == H5L_TYPE_SOFT else {
            throw HDF5Error(.unsupported, "open", place, "it is a link of an unknown kind")
        }
    }

    /// Every beginning of a path that names something: "a", "a/b", "a/b/c".
    private func prefixes(of path: String) -> [String] {
        let names = path.split(separator: "/")
        let root = path.hasPrefix("/") ? "/" : ""
        return names.indices.map { root + names[...$0].joined(separator: "/") }
    }
}

extension HDF5Group.ChildKind: CustomStringConvertible {
    public var description: String {
        switch self {
        case .group: "group"
        case .dataset: "dataset"
        case .other: "named type"
        }
    }
}

private struct OpenChild: ~Copyable {
    let kind: HDF5Group.ChildKind
    let attributes: HDF5Attributes
}

// MARK: - Writing

extension HDF5Group {
    /// Creates a group, and the groups on the way to it.
    public func createGroup(_ path: String) throws(HDF5Error) -> HDF5Group {
        for prefix in prefixes(of: path).dropLast() where try !contains(prefix) {
            _ = try createOne(prefix)
        }
        return try createOne(path)
    }

    /// Creates a dataset of a shape to be written later, and the groups on the way to it.
    ///
    /// Its data take room in the file only when they are written.
    public func createDataset(
        _ path: String, _ type: HDF5Type, shape: [Int], compression: HDF5Compression? = nil
    ) throws(HDF5Error) -> HDF5Dataset {
        let place = place.appending(path)
        return try create(
            path, type.makeHandle(place), makeSpace(shape, place),
            makeDatasetProperties(type, shape, compression, place))
    }

    /// Creates a dataset of a described type and shape, and the groups on the way to it.
    func create(
        _ path: String, _ type: borrowing Handle, _ space: borrowing Handle, _ properties: borrowing Handle
    ) throws(HDF5Error) -> HDF5Dataset {
        for prefix in prefixes(of: path).dropLast() where try !contains(prefix) {
            _ = try createOne(prefix)
        }
        let id = id
        let place = place.appending(path)
        let links = try makeLinkProperties(place)
        let (typeID, spaceID, propertiesID, linksID) = (type.id, space.id, properties.id, links.id)
        let handle = try attemptHandle("create", place, .write, failures) {
            unsafe H5Dcreate2(id, path, typeID, spaceID, linksID, propertiesID, chdf5_default())
        }
        return try .checked(HDF5Attributes(handle: handle, place: place, fileByteCount: .max))
    }

    /// Creates a dataset and writes its elements.
    @discardableResult
    public func createDataset<Element: HDF5Element>(
        _ path: String, _ elements: [Element], shape: [Int], type: HDF5Type = Element.hdf5Type
    ) throws(HDF5Error) -> HDF5Dataset {
        let dataset = try createDataset(path, type, shape: shape)
        try dataset.write(elements.span)
        return dataset
    }

    private func createOne(_ path: String) throws(HDF5Error) -> HDF5Group {
        let id = id
        let place = place.appending(path)
        let properties = try attemptHandle("create", place, .write) { H5Pcreate(chdf5_class_group_create()) }
        try configureForSmallGroups(properties, place)
        let links = try makeLinkProperties(place)
        let propertiesID = properties.id, linksID = links.id
        let handle = try attemptHandle("create", place, .write, failures) {
            unsafe H5Gcreate2(id, path, linksID, propertiesID, chdf5_default())
        }
        return HDF5Group(HDF5Attributes(handle: handle, place: place, fileByteCount: .max))
    }
}

/// Keeps links and attributes inside the header of a group, which takes least room and makes sizes add up exactly.
func configureForSmallGroups(_ properties: borrowing Handle, _ place: HDF5Place) throws(HDF5Error) {
    let id = properties.id
    try attempt("create", place, .write) { H5Pset_link_phase_change(id, 65_535, 0) }
    try attempt("create", place, .write) { H5Pset_attr_phase_change(id, 65_535, 0) }
    // The same content gives the same bytes, whenever it is written.
    try attempt("create", place, .write) { H5Pset_obj_track_times(id, false) }
}

private func makeLinkProperties(_ place: HDF5Place) throws(HDF5Error) -> Handle {
    let properties = try attemptHandle("create", place, .write) { H5Pcreate(chdf5_class_link_create()) }
    let id = properties.id
    try attempt("create", place, .write) { H5Pset_char_encoding(id, H5T_CSET_UTF8) }
    return properties
}

private func makeDatasetProperties(
    _ type: HDF5Type, _ shape: [Int], _ compression: HDF5Compression?, _ place: HDF5Place
) throws(HDF5Error) -> Handle {
    let properties = try attemptHandle("create", place, .write) { H5Pcreate(chdf5_class_dataset_create()) }
    let id = properties.id
    try attempt("create", place, .write) { H5Pset_obj_track_times(id, false) }
    try attempt("create", place, .write) { H5Pset_attr_phase_change(id, 65_535, 0) }
    guard let compression, shape.count > 0, !shape.contains(0) else {
        // Rows that nobody writes are holes, not zeros written twice.
        try attempt("create", place, .write) { H5Pset_fill_time(id, H5D_FILL_TIME_NEVER) }
        return properties
    }
    let chunk = [min(compression.rowsPerChunk, shape[0])] + shape.dropFirst()
    let dimensions = chunk.map { hsize_t($0) }
    try attempt("create", place, .write) { unsafe H5Pset_chunk(id, Int32(dimensions.count), dimensions) }
    if compression.shuffles {
        try attempt("create", place, .write) { H5Pset_shuffle(id) }
    }
    try attempt("create", place, .write) { H5Pset_deflate(id, UInt32(compression.level)) }
    return properties
}
