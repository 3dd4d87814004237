import Foundation

/// An open file of the system, closed when it goes.
struct Descriptor: ~Copyable, Sendable {
    let number: Int32

    /// - Returns: nil if the file cannot be opened; `errno` says why.
    init?(_ path: String, _ flags: Int32, mode: mode_t = 0o666) {
        var number: Int32
        repeat {
            number =
                flags & O_CREAT == 0
                ? unsafe open(path, flags | O_CLOEXEC, mode)
                : Creation.make { unsafe open(path, flags | O_CLOEXEC, mode) }
        } while number < 0 && errno == EINTR
        guard number >= 0 else { return nil }
        self.number = number
    }

    deinit { _ = Foundation.close(number) }

    /// Closes it now; false if that failed, and `errno` says why.
    consuming func close() -> Bool {
        let number = number
        discard self
        return Foundation.close(number) == 0
    }

    /// Hands the descriptor over to whoever closes it.
    consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }

    /// Waits until what was written is on the disk.
    func sync() -> Bool {
        var result: Int32
        repeat { result = fsync(number) } while result != 0 && errno == EINTR
        return result == 0
    }

    var status: stat? {
        var status = stat()
        return unsafe fstat(number, &status) == 0 ? status : nil
    }
}
