import CHDF5
import Foundation

/// The strings of variable length in an attribute, read without the library's own code for them.
///
/// Of each, the attribute has a descriptor: its length, the address of a heap, and its number in there. HDF5 1.10 believes
/// them all: it copies as many bytes as the heap says to where it took memory for as many as the descriptor says, from
/// wherever a number leads. So the library hands out the descriptors only, and the heaps are read here:
///
///     descriptor  length (4), address of the heap, number (4)
///     heap        "GCOL", version 1, 0 0 0, size, then objects: number (2), references (2), 0 (4), size, bytes (padded to 8)
///
/// (HDF5 File Format Specification 3.0, III.E and VIII.B)
struct VariableStrings: ~Copyable {
    private let file: Handle
    private let action: String
    private let place: HDF5Place
    private let addressSize: Int
    private let lengthSize: Int
    /// Where addresses count from.
    private let base: Int
    private let byteCount: Int
    /// Where the objects of the heaps that were met lie in the file.
    private var heaps: [Int: [Int: Range<Int>]] = [:]
    /// What heaps not met yet can take: they do not overlap.
    private var rest: Int

    /// - Parameters:
    ///   - object: That whose attribute is read.
    ///   - action: What errors say was tried.
    init(of object: hid_t, _ action: String, _ place: HDF5Place) throws(HDF5Error) {
        (self.action, self.place) = (action, place)
        let file = try attemptHandle(action, place) { H5Iget_file_id(object) }
        let id = file.id
        let creation = try attemptHandle(action, place) { H5Fget_create_plist(id) }
        let creationID = creation.id
        var sizes = (address: 0, length: 0), userBlock: hsize_t = 0, total: hsize_t = 0, intent: UInt32 = 0
        try attempt(action, place) { unsafe H5Pget_sizes(creationID, &sizes.address, &sizes.length) }
        try attempt(action, place) { unsafe H5Pget_userblock(creationID, &userBlock) }
        try attempt(action, place) { unsafe H5Fget_intent(id, &intent) }
        // What is being written may not be there yet.
        if intent != chdf5_read_only() { try attempt(action, place) { H5Fflush(id, H5F_SCOPE_LOCAL) } }
        try attempt(action, place) { unsafe H5Fget_filesize(id, &total) }
        self.file = file
        (addressSize, lengthSize) = sizes
        (base, byteCount) = (Int(clamping: userBlock), Int(clamping: total))
        rest = byteCount
    }

    /// Reads the strings of an attribute, each up to its first zero.
    mutating func read(_ attribute: hid_t, count: Int) throws(HDF5Error) -> [String] {
        let size = 4 + addressSize + 4
        guard (1...8).contains(addressSize), (1...8).contains(lengthSize), count <= byteCount / size else {
            throw damaged("it declares \(count) strings, more than the file's \(byteCount) bytes have room for")
        }
        let type = try attemptHandle(action, place) { H5Tcreate(H5T_OPAQUE, size) }
        let typeID = type.id
        var descriptors = [UInt8](repeating: 0, count: count * size)
        try attempt(action, place) { unsafe H5Aread(attribute, typeID, &descriptors) }
        var texts: [String] = []
        for index in 0..<count {
            texts.append(try text(descriptors[(index * size)..<((index + 1) * size)]))
        }
        return texts
    }

    private mutating func text(_ descriptor: ArraySlice<UInt8>) throws(HDF5Error) -> String {
        let start = descriptor.startIndex
        guard let length = number(descriptor, start, 4), let address = number(descriptor, start + 4, addressSize),
            let index = number(descriptor, start + 4 + addressSize, 4)
        else { throw damaged("a string lies outside the file") }
        guard length > 0 else { return "" }
        guard let range = try heap(at: address)[index], length <= range.count else {
            throw damaged("a string of \(length) bytes is not in the heap that it should be in")
        }
        return String(decoding: try bytes(range.prefix(length)).prefix { $0 != 0 }, as: UTF8.self)
    }

    private mutating func heap(at address: Int) throws(HDF5Error) -> [Int: Range<Int>] {
        if let heap = heaps[address] { return heap }
        let (start, overflow) = address.addingReportingOverflow(base), header = (8 + lengthSize + 7) / 8 * 8
        guard !overflow, start <= byteCount - header else { throw damaged("a heap of strings lies outside the file") }
        let head = try bytes(start..<(start + header))
        guard head.starts(with: "GCOL\u{1}".utf8), let size = number(head[...], 8, lengthSize),
            (header...rest).contains(size), size <= byteCount - start
        else { throw damaged("there is no heap of strings where one should be") }
        rest -= size
        let content = try bytes(start..<(start + size))
        var objects: [Int: Range<Int>] = [:], position = header
        // Less than an object's header is left free.
        while position + header <= size {
            guard let index = number(content[...], position, 2),
                let count = number(content[...], position + 8, lengthSize), count <= size
            else { throw damagedHeap }
            // Number 0 is what is left, header included.
            let step = index == 0 ? count : header + (count + 7) / 8 * 8
            guard step > 0, step <= size - position else { throw damagedHeap }
            if index > 0 { objects[index] = (start + position + header)..<(start + position + header + count) }
            position += step
        }
        heaps[address] = objects
        return objects
    }

    /// Bytes of the file.
    private func bytes(_ range: Range<Int>) throws(HDF5Error) -> [UInt8] {
        let id = file.id
        var bytes = [UInt8](repeating: 0, count: range.count), done = 0, isMissing = false
        try attempt(action, place) {
            var pointer: UnsafeMutableRawPointer?
            guard unsafe H5Fget_vfd_handle(id, chdf5_default(), &pointer) >= 0, let handle = unsafe pointer else {
                return Int32(-1)
            }
            if chdf5_is_in_memory(id) {
                guard let memory = unsafe handle.load(as: UnsafePointer<UInt8>?.self) else { return Int32(-1) }
                unsafe bytes.withUnsafeMutableBytes { buffer in
                    unsafe buffer.copyMemory(
                        from: UnsafeRawBufferPointer(start: memory + range.lowerBound, count: range.count))
                }
                return 0
            }
            let descriptor = unsafe handle.load(as: Int32.self)
            while done < range.count {
                let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                    let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
                    return unsafe pread(descriptor, rest.baseAddress, rest.count, off_t(range.lowerBound + done))
                }
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else {
                    isMissing = true
                    break
                }
                done += count
            }
            return 0
        }
        guard !isMissing else { throw damaged("a heap of strings cannot be read") }
        return bytes
    }

    /// A little-endian number; nil if it lies outside or is too large for one.
    private func number(_ bytes: ArraySlice<UInt8>, _ position: Int, _ count: Int) -> Int? {
        guard position >= bytes.startIndex, position + count <= bytes.endIndex else { return nil }
        return Int(exactly: (0..<count).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64(bytes[position + $1]) })
    }

    private var damagedHeap: HDF5Error { damaged("a heap of strings has an object of impossible size") }

    private func damaged(_ reason: String) -> HDF5Error { HDF5Error(.damaged, action, place, reason) }
}

extension VariableStrings {
    /// Lets the library hand out descriptors as opaque bytes of their size.
    static func register() {
        let text = H5Tcopy(chdf5_c_string()), bytes = H5Tcreate(H5T_OPAQUE, 16)
        H5Tset_size(text, chdf5_variable_length())
        unsafe H5Tregister(H5T_PERS_SOFT, "descriptors", text, bytes) { source, target, data, _, _, _, _, _, _ in
            // What is converted stays as it is; asked first whether it can be.
            guard unsafe data?.pointee.command == H5T_CONV_INIT else { return 0 }
            unsafe data?.pointee.need_bkg = H5T_BKG_NO
            return H5Tget_size(source) == H5Tget_size(target) ? 0 : -1
        }
        H5Tclose(text)
        H5Tclose(bytes)
    }
}
