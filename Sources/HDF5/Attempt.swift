import CHDF5
import Foundation

/// The one door to the C library: every call goes through here, one at a time.
private let library = Library()

private final class Library: Sendable {
    /// Recursive, because closing a handle may happen while another call is being prepared.
    let lock = NSRecursiveLock()

    init() {
        // Every handle closes itself. What could not be closed is a damaged file, and trying again at exit crashes.
        H5dont_atexit()
        H5Eset_auto2(hid_t(H5E_DEFAULT), nil, nil)
        // A file may not make us open other files, nor load code.
        H5Lunregister(H5L_TYPE_EXTERNAL)
        H5PLset_loading_state(0)
        LZFFilter.register()
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
    let (result, reason) = withLibrary {
        let result = call()
        return (result, result < 0 ? reasonOfFailure() : "")
    }
    guard result >= 0 else {
        throw HDF5Error(kind, action(), place, reason)
    }
    return result
}

/// An open thing of the library (file, group, dataset, type, property list), closed when it goes.
struct Handle: ~Copyable, Sendable {
    let id: hid_t

    init(_ id: hid_t) {
        self.id = id
    }

    /// Closes now and says whether that worked, which matters for a file that was written.
    consuming func close(_ place: HDF5Place) throws(HDF5Error) {
        let id = id
        discard self
        try attempt("close", place, .write) { H5Idec_ref(id) }
    }

    deinit {
        let id = id
        _ = withLibrary { H5Idec_ref(id) }
    }
}

/// Calls the library for a new handle.
func attemptHandle(
    _ action: @autoclosure () -> String, _ place: HDF5Place, _ kind: HDF5Error.Kind = .damaged, _ call: () -> hid_t
) throws(HDF5Error) -> Handle {
    Handle(try attempt(action(), place, kind, call))
}

/// The reasons on the error stack, as "outermost (innermost)".
private func reasonOfFailure() -> String {
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
        return "no reason given"
    }
    if inner == "file signature not found" { return "it is no HDF5 file" }
    if let numbers = inner.wholeMatch(of: /truncated file: eof = (\d+), .*stored_eof = (\d+)/) {
        return "it is cut off: of \(numbers.2) bytes \(numbers.1) are there. Copy or download it again"
    }
    // The library tells of the system's reasons with pointers and dates around them.
    if let reason = ["No space left on device", "File too large", "Disk quota exceeded", "Input/output error"].first(
        where: inner.contains)
    {
        return reason.prefix(1).lowercased() + reason.dropFirst()
    }
    return reasons.count == 1 ? inner : "\(outer) (\(inner))"
}
