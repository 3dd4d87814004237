import CIsolation
import Glibc

/// A way for bytes from one process to another. What is still open of it closes when it goes.
struct Pipe: ~Copyable {
    private(set) var reading: Int32 = -1
    private(set) var writing: Int32 = -1

    init() throws(IsolationError) {
        var ends: [Int32] = [-1, -1]
        guard unsafe isolation_pipe(&ends) == 0 else { throw .unavailable(systemReason()) }
        (reading, writing) = (ends[0], ends[1])
    }

    /// An end that another process sent.
    init(reading: Int32 = -1, writing: Int32 = -1) { (self.reading, self.writing) = (reading, writing) }

    deinit {
        if reading >= 0 { close(reading) }
        if writing >= 0 { close(writing) }
    }

    mutating func closeReading() {
        close(reading)
        reading = -1
    }

    mutating func closeWriting() {
        close(writing)
        writing = -1
    }

    /// Writes all bytes, unless nobody reads them.
    func write(_ bytes: [UInt8]) {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes[done...].withUnsafeBytes { rest in
                unsafe isolation_write(writing, rest.baseAddress, rest.count)
            }
            guard count > 0 || errno == EINTR else { return }
            done += max(count, 0)
        }
    }

    /// Reads until the other end is closed, or there are more than `limit` bytes.
    func readAll(limit: Int) -> [UInt8] {
        var bytes: [UInt8] = [], block = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count <= limit {
            let count = unsafe block.withUnsafeMutableBytes { unsafe read(reading, $0.baseAddress, $0.count) }
            guard count > 0 || (count < 0 && errno == EINTR) else { break }
            bytes += block.prefix(max(count, 0))
        }
        return bytes
    }
}
