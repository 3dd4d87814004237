import Foundation
import Records
public import Storage

/// Numbers by step in the format of TensorBoard: records of the protocol buffer `Event`.
///
///     Event { 1: wall_time (double), 2: step (int64), 3: file_version (string), 5: summary (Summary),
///         10: source_metadata (SourceMetadata) };  SourceMetadata { 1: writer (string) }
///     Summary { 1: value (repeated Value) };  Value { 1: tag (string), 2: simple_value (float) }
///
/// (`tensorboard/compat/proto/event.proto` and `summary.proto`.) TensorBoard takes the files of a folder, in the order of
/// their names, for one run; who goes on with a run opens another file in the same folder.
public final class EventFile {
    public let path: String
    private var writer: RecordWriter?

    /// Creates a file of its own in a folder, which is created if need be, and writes its version.
    ///
    /// - Parameter source: Who writes it, as its first event says.
    public init(in directory: String, source: String? = nil) throws(StorageError) {
        let now = Date().timeIntervalSince1970
        path = Self.path(in: directory, now)
        try WholeFile.createFolder(directory)
        writer = try RecordWriter(creating: path)
        try append(Event(wallTime: now, version: "brain.Event:2", source: source))
    }

    /// Writes numbers by name, which others can read when this returns.
    ///
    /// - Parameter wallTime: Seconds since 1970.
    public func write(
        _ scalars: [(name: String, value: Double)], step: Int, wallTime: Double
    ) throws(StorageError) {
        try append(Event(wallTime: wallTime, step: step, scalars))
    }

    /// Waits until all is on the disk, and closes the file.
    public func close() throws(StorageError) {
        guard let writer = writer.take() else { return }
        try writer.close()
    }

    private func append(_ event: Event) throws(StorageError) {
        guard writer != nil else { preconditionFailure("'\(path)' was closed before the last of its events") }
        try writer?.write(event.bytes)
        try writer?.flush()
    }

    /// A name that sorts by time, which no file of the folder has.
    private static func path(in directory: String, _ now: Double) -> String {
        let host = ProcessInfo.processInfo.hostName, process = ProcessInfo.processInfo.processIdentifier
        let folder = URL(filePath: directory)
        var count = 0
        while true {
            let name = "events.out.tfevents.\(Int(now)).\(host).\(process).\(count)"
            let path = folder.appending(path: name).path
            guard FileManager.default.fileExists(atPath: path) else { return path }
            count += 1
        }
    }
}

/// The bytes of a protocol buffer `Event`.
private struct Event {
    private(set) var bytes: [UInt8] = []

    init(wallTime: Double, version: String, source: String?) {
        add(1, wallTime.bitPattern)
        add(3, Array(version.utf8))
        guard let source else { return }
        var metadata = Event()
        metadata.add(1, Array(source.utf8))
        add(10, metadata.bytes)
    }

    init(wallTime: Double, step: Int, _ scalars: [(name: String, value: Double)]) {
        add(1, wallTime.bitPattern)
        addVarint(2 << 3)
        addVarint(UInt64(bitPattern: Int64(step)))
        var summary = Event()
        for (name, value) in scalars {
            var scalar = Event()
            scalar.add(1, Array(name.utf8))
            scalar.add(2, Float(value).bitPattern)
            summary.add(1, scalar.bytes)
        }
        add(5, summary.bytes)
    }

    private init() {}

    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    private mutating func addVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// A field of eight or four bytes: wire type 1 or 5.
    private mutating func add<Bits: FixedWidthInteger & UnsignedInteger>(_ field: UInt64, _ bits: Bits) {
        addVarint(field << 3 | (Bits.bitWidth == 64 ? 1 : 5))
        bytes += (0..<(Bits.bitWidth / 8)).map { UInt8(truncatingIfNeeded: bits >> Bits(8 * $0)) }
    }

    /// A field of bytes, which may be another message: wire type 2.
    private mutating func add(_ field: UInt64, _ content: [UInt8]) {
        addVarint(field << 3 | 2)
        addVarint(UInt64(content.count))
        bytes += content
    }
}
