import CHDF5
import CIsolation
import Foundation

/// Numbers of a file, read where and when they are looked at: none of them is kept in memory.
///
/// They are read without the library, by any number of threads at a time. Who makes the file shorter meanwhile ends the
/// program, with a message that names the file; removing or replacing it does no harm.
///
/// Reading is faster here than mapping, and the system counts whatever it maps as this process's memory: around a number that
/// is looked at, Linux maps up to 2 MiB.
public final class StoredNumbers<Element: HDF5Element>: Sendable {
    public let count: Int
    private let path: String
    private let offset: Int
    private let descriptor: Int32

    /// - Parameter offset: The byte at which the numbers begin.
    fileprivate init?(_ path: String, at offset: Int, count: Int) {
        descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        (self.path, self.offset, self.count) = (path, offset, count)
        var status = stat()
        guard descriptor >= 0, unsafe fstat(descriptor, &status) == 0, count > 0,
            Int(status.st_size) >= offset + count * MemoryLayout<Element>.stride
        else { return nil }
    }

    deinit {
        if descriptor >= 0 { Foundation.close(descriptor) }
    }

    /// Lends some of the numbers, which are in memory as long as `body` runs.
    public func withNumbers<Result>(_ range: Range<Int>, _ body: (Span<Element>) -> Result) -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "numbers \(range) of \(count)")
        return unsafe withUnsafeTemporaryAllocation(of: Element.self, capacity: range.count) { numbers in
            unsafe read(UnsafeMutableRawBufferPointer(numbers), from: range.lowerBound * MemoryLayout<Element>.stride)
            return unsafe body(UnsafeBufferPointer(numbers).span)
        }
    }

    private func read(_ bytes: UnsafeMutableRawBufferPointer, from start: Int) {
        var done = 0
        while let base = bytes.baseAddress, done < bytes.count {
            let count = unsafe pread(descriptor, base + done, bytes.count - done, off_t(offset + start + done))
            guard count > 0 || count < 0 && errno == EINTR else { unsafe isolation_end_unreadable(path) }
            done += max(count, 0)
        }
    }
}

extension HDF5Dataset {
    /// All elements as they lie in the file, if they lie there one after another as this processor has them; nil if they do
    /// not.
    public func stored<Element: HDF5Element>(as: Element.Type = Element.self) -> StoredNumbers<Element>? {
        guard type == Element.hdf5Type, let offset = contiguousOffset else { return nil }
        return StoredNumbers(place.file, at: offset, count: elementCount)
    }

    /// Where in the file the elements lie, if they lie there one after another as this processor has numbers.
    var contiguousOffset: Int? {
        guard layout == .contiguous, byteOrder == .littleEndian, storedByteCount == byteCount else { return nil }
        let id = id
        let address = withLibrary { H5Dget_offset(id) }
        return address == chdf5_undefined_address() ? nil : Int(exactly: address)
    }
}
