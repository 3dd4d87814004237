import CHDF5
import Foundation
import Storage

/// The oldest version of the library that is to read a new file.
public enum HDF5Version: Hashable, Sendable {
    case v1_8
    /// A dataset of one chunk needs no index there, which would take 2,616 bytes and more.
    case v1_10

    fileprivate var bound: H5F_libver_t { self == .v1_8 ? H5F_LIBVER_V18 : H5F_LIBVER_V110 }
}

/// An HDF5 file, open for reading or newly created.
public struct HDF5File: ~Copyable, Sendable {
    /// The path the file was opened with, as errors name it.
    public let path: String
    /// The group that holds everything.
    public let root: HDF5Group

    private let handle: Handle

    private init(_ handle: consuming Handle, _ path: String, fileByteCount: Int?) throws(HDF5Error) {
        let place = HDF5Place(file: path)
        let id = handle.id
        let limit = if let fileByteCount { fileByteCount } else { try Self.allocatedByteCount(id, place) }
        let root = try attemptHandle("open", place, .damaged, handle.failures) {
            unsafe H5Gopen2(id, "/", chdf5_default())
        }
        self.root = HDF5Group(HDF5Attributes(handle: root, place: place, fileByteCount: limit))
        self.handle = handle
        self.path = path
    }
}

// MARK: - Opening

extension HDF5File {
    /// Opens a file for reading.
    ///
    /// - Parameter name: What errors call it, if that is not its path.
    /// - Parameter isOurs: Whether this program has just written it, so that nothing in it can be meant to do harm.
    /// - Parameter use: What it is opened as, for the advice about a file that is something else.
    public init(
        opening path: String, as name: String? = nil, isOurs: Bool = false, use: FileKind.Use = .data
    ) throws(HDF5Error) {
        let place = HDF5Place(file: name ?? path)
        try Self.refuseUnreadable(path, place, use)
        if let kind = FileKind(of: path), kind != .hdf5 {
            throw HDF5Error(.damaged, "open", place, kind.refusal(for: use))
        }
        if !isOurs { try Self.refuseLoops(path, place) }
        let access = try Self.makeAccess(place)
        let accessID = access.id
        let handle = try attemptHandle("open", place) { unsafe H5Fopen(path, chdf5_read_only(), accessID) }
        try self.init(handle, place.file, fileByteCount: nil)
    }

    /// Opens the bytes of a file for reading.
    public init(bytes: [UInt8], name: String) throws(HDF5Error) {
        let place = HDF5Place(file: name)
        try LoopCheck(Data(bytes), place)?.run()
        let access = try Self.makeMemoryAccess(place)
        let accessID = access.id
        var bytes = bytes
        try attempt("open", place) { unsafe H5Pset_file_image(accessID, &bytes, bytes.count) }
        let handle = try attemptHandle("open", place) { unsafe H5Fopen(Self.unique(name), chdf5_read_only(), accessID) }
        try self.init(handle, name, fileByteCount: nil)
    }

    /// Whether there is a regular file at the path that we may read; the library's words for this are obscure.
    private static func refuseUnreadable(
        _ path: String, _ place: HDF5Place, _ use: FileKind.Use
    ) throws(HDF5Error) {
        do throws(InputFile.Problem) {
            try InputFile.check(path)
        } catch {
            let kind = error == .directory ? FileKind(of: path) ?? .folder : .folder
            let reason = kind == .folder ? error.description : kind.refusal(for: use)
            throw HDF5Error(error == .missing ? .missing : .unreadable, "open", place, reason)
        }
    }

    private static func refuseLoops(_ path: String, _ place: HDF5Place) throws(HDF5Error) {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_size <= LoopCheck.byteLimit else { return }
        let bytes: Data
        do {
            bytes = try Data(contentsOf: URL(filePath: path), options: .alwaysMapped)
        } catch {
            // That it is there, and may be read, was found out before.
            throw HDF5Error(.system, "open", place, systemReason())
        }
        try LoopCheck(bytes, place)?.run()
    }

    private static func systemReason() -> String {
        let text = unsafe String(cString: strerror(errno))
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}

// MARK: - Creating

extension HDF5File {
    /// Creates a file, and refuses to replace one.
    ///
    /// - Parameter isMappable: Whether elements lie where processors want them, at multiples of 64, so that they can be
    ///   mapped.
    public init(
        creating path: String, isMappable: Bool = false, version: HDF5Version = .v1_8
    ) throws(HDF5Error) {
        let place = HDF5Place(file: path)
        var status = stat()
        if unsafe lstat(path, &status) == 0 {
            throw HDF5Error(.write, "create", place, "it exists already")
        }
        try self.init(onDisk: path, place, chdf5_exclusive, isMappable, version)
    }

    /// Creates a file in the place of an empty one.
    ///
    /// - Parameter name: What errors call it.
    init(filling path: String, as name: String, isMappable: Bool, version: HDF5Version) throws(HDF5Error) {
        try self.init(onDisk: path, HDF5Place(file: name), chdf5_truncate, isMappable, version)
    }

    private init(
        onDisk path: String, _ place: HDF5Place, _ flags: () -> UInt32, _ isMappable: Bool, _ version: HDF5Version
    ) throws(HDF5Error) {
        let access = try Self.makeAccess(place, version)
        let id = access.id
        // What is written goes to the system at once, so that it is known at once whether that worked.
        try attempt("create", place, .write) { H5Pset_sieve_buf_size(id, 0) }
        if isMappable {
            try attempt("create", place, .write) { H5Pset_alignment(id, 1, 64) }
        }
        try self.init(creating: place.file, as: path, flags, access)
    }

    /// Creates a file that exists only in memory, for instance to see how large it would be.
    public static func inMemory(
        name: String = "memory", version: HDF5Version = .v1_8
    ) throws(HDF5Error) -> HDF5File {
        let access = try makeMemoryAccess(HDF5Place(file: name), version)
        return try HDF5File(creating: name, as: unique(name), chdf5_truncate, access)
    }

    /// The library takes two files in memory for one if they have the same name.
    private static func unique(_ name: String) -> String {
        "\(name) \(UUID().uuidString)"
    }

    /// - Parameter flags: Asked for when the library is ready: it would get ready by itself, and not as we want it.
    private init(
        creating path: String, as libraryName: String, _ flags: () -> UInt32, _ access: borrowing Handle
    ) throws(HDF5Error) {
        let place = HDF5Place(file: path)
        let properties = try attemptHandle("create", place, .write) { H5Pcreate(chdf5_class_file_create()) }
        try configureForSmallGroups(properties, place)
        let accessID = access.id, propertiesID = properties.id
        let handle = try attemptHandle("create", place, .write, WriteFailures(place)) {
            Creation.make { unsafe H5Fcreate(libraryName, flags(), propertiesID, accessID) }
        }
        try self.init(handle, path, fileByteCount: .max)
    }

    /// Throws what went wrong while something was closed.
    ///
    /// The library keeps what it could not close in its lists, but has freed it: it must not go through them any more.
    func checkSoFar() throws(HDF5Error) { try handle.failures?.check() }

    /// The groups, datasets and attributes that are open, without the root.
    func openCount() throws(HDF5Error) -> Int {
        let id = handle.id
        let kinds = UInt32(H5F_OBJ_DATASET | H5F_OBJ_GROUP | H5F_OBJ_DATATYPE | H5F_OBJ_ATTR)
        return Int(try attempt("close", HDF5Place(file: path), .write) { H5Fget_obj_count(id, kinds) }) - 1
    }

    /// Writes everything that was not written yet.
    public func flush() throws(HDF5Error) {
        let id = handle.id
        try attempt("write", HDF5Place(file: path), .write) { H5Fflush(id, H5F_SCOPE_LOCAL) }
    }

    /// Closes the file.
    ///
    /// Groups and datasets that are still open keep it open.
    /// - Throws: What went wrong now or, where nothing could be thrown, before: nothing that was written can be trusted
    ///   until this has returned.
    public consuming func close() throws(HDF5Error) {
        let failures = handle.failures
        try checkSoFar()
        try flush()
        // The file is the last to go, or it would stay open.
        let root = root
        let handle = handle
        _ = consume root
        try failures?.check()
        _ = consume handle
        try failures?.check()
    }

    /// The options that make files small, their sizes predictable, and reading safe.
    ///
    /// The format of HDF5 1.8, which Keras 2 and 3 read, takes half the overhead of the older one that Keras writes.
    /// With no blocks set aside for later, every object takes exactly its own bytes, in whatever order they are made.
    /// Measured for 30 layers of two weights: 24,790 bytes of overhead against 56,000.
    private static func makeAccess(
        _ place: HDF5Place, _ version: HDF5Version = .v1_8
    ) throws(HDF5Error) -> Handle {
        let access = try attemptHandle("open", place) { H5Pcreate(chdf5_class_file_access()) }
        let id = access.id
        try attempt("open", place) { H5Pset_libver_bounds(id, version.bound, chdf5_latest_version()) }
        try attempt("open", place) { H5Pset_meta_block_size(id, 0) }
        try attempt("open", place) { H5Pset_small_data_block_size(id, 0) }
        // Locks fail on network file systems, and nobody else writes the files we make.
        try attempt("open", place) { H5Pset_file_locking(id, false, true) }
        return access
    }

    private static func makeMemoryAccess(
        _ place: HDF5Place, _ version: HDF5Version = .v1_8
    ) throws(HDF5Error) -> Handle {
        let access = try makeAccess(place, version)
        let id = access.id
        // The memory grows byte by byte, so that its size is the file's.
        try attempt("open", place) { H5Pset_fapl_core(id, 1, false) }
        return access
    }
}

// MARK: - Size

extension HDF5File {
    /// The size of the file once every dataset in it has been written.
    ///
    /// Exact for datasets without compression: the size of a file in memory is that of the same file on disk.
    public func byteCount() throws(HDF5Error) -> Int {
        let place = HDF5Place(file: path)
        let id = handle.id
        try attempt("measure", place) { H5Fflush(id, H5F_SCOPE_LOCAL) }
        return try Self.allocatedByteCount(id, place) + unwrittenByteCount(root)
    }

    private static func allocatedByteCount(_ id: hid_t, _ place: HDF5Place) throws(HDF5Error) -> Int {
        var byteCount: hsize_t = 0
        try attempt("measure", place) { unsafe H5Fget_filesize(id, &byteCount) }
        return Int(clamping: byteCount)
    }

    private func unwrittenByteCount(_ group: borrowing HDF5Group) throws(HDF5Error) -> Int {
        var total = 0
        for name in try group.names() {
            switch try group.kind(of: name) {
            case .group:
                let child = try group.group(name)
                total += try unwrittenByteCount(child)
            case .dataset:
                let dataset = try group.dataset(name)
                total += try dataset.unwrittenByteCount()
            default: break
            }
        }
        return total
    }
}
