import CHDF5
import Foundation
import Storage

/// The one door to the C library: every call goes through here, one at a time.
private let library = Library()

private final class Library: Sendable {
    /// Recursive, because closing a handle may happen while another call is being prepared.
    let lock = NSRecursiveLock()

    init() {
        // Locks fail on network file systems, and would meet our own; the library asks the environment first.
        unsafe setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1)
        // Every handle closes itself. What could not be closed is a damaged file, and trying again at exit crashes.
        H5dont_atexit()
        H5Eset_auto2(hid_t(H5E_DEFAULT), nil, nil)
        // A file may not make us open other files, nor load code.
        H5Lunregister(H5L_TYPE_EXTERNAL)
        H5PLset_loading_state(0)
        LZFFilter.register()
        VariableStrings.register()
    }
}

/// Calls the library while no other thread is inside it.
func withLibrary<Result>(_ call: () -> Result) -> Result {
    library.lock.lock()
    defer { library.lock.unlock() }
    // The error printer is a setting of each thread; it costs nothing to switch it off again.
    H5Eset_auto2(hid_t(H5E_DEFAULT), nil, nil)
    return call()
}

/// Calls the library, and turns a negative result into an error with the library's own reasons.
@discardableResult
func attempt<Result: SignedInteger>(
    _ action: @autoclosure () -> String, _ place: HDF5Place, _ kind: HDF5Error.Kind = .damaged, _ call: () -> Result
) throws(HDF5Error) -> Result {
    let (result, failure) = withLibrary {
        let result = call()
        return (result, result < 0 ? reasonOfFailure() : Reason(""))
    }
    guard result >= 0 else {
        // That the system has nothing left says nothing of the file.
        let isOfSystem = kind == .damaged && [EMFILE, ENFILE, ENOMEM, EAGAIN, EIO].contains(failure.code)
        throw HDF5Error(isOfSystem ? .system : kind, action(), place, failure.words)
    }
    return result
}

/// An open thing of the library (file, group, dataset, type, property list), closed when it goes.
struct Handle: ~Copyable, Sendable {
    let id: hid_t
    /// Where it is noted that closing it failed: closing writes what is left. Nil where nothing is written.
    let failures: WriteFailures?

    init(_ id: hid_t, _ failures: WriteFailures? = nil) {
        (self.id, self.failures) = (id, failures)
    }

    deinit {
        let id = id
        guard let failures else {
            _ = withLibrary { H5Idec_ref(id) }
            return
        }
        do throws(HDF5Error) {
            try attempt("write", failures.place, .write) { H5Idec_ref(id) }
        } catch {
            failures.note(error)
        }
    }
}

/// Calls the library for a new handle.
func attemptHandle(
    _ action: @autoclosure () -> String, _ place: HDF5Place, _ kind: HDF5Error.Kind = .damaged,
    _ failures: WriteFailures? = nil, _ call: () -> hid_t
) throws(HDF5Error) -> Handle {
    Handle(try attempt(action(), place, kind, call), failures)
}

/// Why the library failed, and the system's error number where that is why.
private struct Reason {
    let words: String
    let code: Int32?

    init(_ words: String, _ code: Int32? = nil) { (self.words, self.code) = (words, code) }
}

/// The reasons on the error stack, as "outermost (innermost)".
private func reasonOfFailure() -> Reason {
    var reasons: [String] = []
    unsafe withUnsafeMutablePointer(to: &reasons) { pointer in
        // Upward means from where it went wrong to the function we called.
        _ = unsafe H5Ewalk2(
            hid_t(H5E_DEFAULT), H5E_WALK_UPWARD,
            { _, entry, context in
                if let text = unsafe entry?.pointee.desc, let context = unsafe context {
                    unsafe context.assumingMemoryBound(to: [String].self).pointee.append(String(cString: text))
                }
                return 0
            }, pointer)
    }
    guard let inner = reasons.first, let outer = reasons.last else {
        return Reason("no reason given")
    }
    if inner == "file signature not found" { return Reason("it is no HDF5 file") }
    if let numbers = inner.wholeMatch(of: /truncated file: eof = (\d+), .*stored_eof = (\d+)/) {
        return Reason("it is cut off: of \(numbers.2) bytes \(numbers.1) are there. Copy or download it again")
    }
    // The library puts pointers and dates around the system's reasons.
    if let reason = reasons.lazy.compactMap(systemReason).first { return reason }
    return Reason(reasons.count == 1 ? inner : "\(outer) (\(inner))")
}

/// The words for the system's error number in a reason, such as "file write failed: …, errno = 28, …".
private func systemReason(_ reason: String) -> Reason? {
    guard let found = reason.firstMatch(of: /errno = ([0-9]+)/), let code = Int32(found.1), code > 0 else { return nil }
    return Reason(SystemReason.words(code), code)
}
