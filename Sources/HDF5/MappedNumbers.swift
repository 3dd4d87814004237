import CHDF5
import CIsolation
import Foundation
import Synchronization

/// Numbers of a file in memory as far as they are looked at: the system reads pages when they are first needed.
///
/// Of a large file only some are kept at a time, so that this process never takes much more than `limit` for it. Who makes
/// the file shorter meanwhile ends the program, with a message that names the file; removing or replacing it does no harm.
@safe public final class MappedNumbers<Element: HDF5Element>: @unchecked Sendable {
    public let count: Int
    private let pages: UnsafeMutableRawPointer
    private let byteCount: Int
    private let numbers: UnsafePointer<Element>
    private let entry: Int32
    /// The bytes that have come into memory since they were last let go, at most.
    private let present = Atomic(0)

    /// About the most bytes that are in memory.
    private static var limit: Int { 64 << 20 }
    /// What the system may map around a page that is looked at.
    private static var neighborhood: Int { 64 << 10 }

    /// - Parameter offset: The byte at which the numbers begin, a multiple of their size.
    fileprivate init?(_ path: String, at offset: Int, count: Int) {
        let size = MemoryLayout<Element>.stride, page = Int(getpagesize()), start = offset / page * page
        let byteCount = offset - start + count * size
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        defer { if descriptor >= 0 { _ = Foundation.close(descriptor) } }
        var status = stat()
        guard descriptor >= 0, unsafe fstat(descriptor, &status) == 0, count > 0, offset % size == 0,
            Int(status.st_size) >= offset + count * size,
            let pages = unsafe mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, off_t(start)),
            unsafe pages != MAP_FAILED
        else { return nil }
        (self.count, self.byteCount) = (count, byteCount)
        unsafe self.pages = pages
        unsafe entry = isolation_note_mapping(pages, byteCount, path)
        unsafe numbers = UnsafePointer((pages + (offset - start)).assumingMemoryBound(to: Element.self))
    }

    deinit {
        isolation_forget_mapping(entry)
        unsafe munmap(pages, byteCount)
    }

    /// Lends some of the numbers.
    public func withNumbers<Result>(_ range: Range<Int>, _ body: (Span<Element>) -> Result) -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "numbers \(range) of \(count)")
        if byteCount > Self.limit { letGo(range.count * MemoryLayout<Element>.stride) }
        return body(unsafe UnsafeBufferPointer(start: numbers + range.lowerBound, count: range.count).span)
    }

    /// Lets the pages go from time to time, before `wanted` bytes are looked at; whoever needs them gets them again.
    private func letGo(_ wanted: Int) {
        let bytes = wanted + Self.neighborhood
        guard present.wrappingAdd(bytes, ordering: .relaxed).newValue > Self.limit else { return }
        present.store(bytes, ordering: .relaxed)
        unsafe madvise(pages, byteCount, MADV_DONTNEED)
    }
}

extension HDF5Dataset {
    /// Maps all elements, if they lie in the file one after another as this processor has them; nil if they do not.
    public func mapped<Element: HDF5Element>(as: Element.Type = Element.self) -> MappedNumbers<Element>? {
        guard type == Element.hdf5Type, let offset = contiguousOffset else { return nil }
        return MappedNumbers(place.file, at: offset, count: elementCount)
    }

    /// Where in the file the elements lie, if they lie there one after another as this processor has numbers.
    var contiguousOffset: Int? {
        guard layout == .contiguous, byteOrder == .littleEndian, storedByteCount == byteCount else { return nil }
        let id = id
        let address = withLibrary { H5Dget_offset(id) }
        return address == chdf5_undefined_address() ? nil : Int(exactly: address)
    }
}
