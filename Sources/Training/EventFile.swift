import Foundation
import Protobuf
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
    /// - Parameter source: Who writes it, as its first event has it.
    public init(in directory: String, source: String? = nil) throws(StorageError) {
        let now = Date().timeIntervalSince1970
        path = Self.path(in: directory, now)
        try WholeFile.createFolder(directory)
        writer = try RecordWriter(creating: path)
        try append(Event.version("brain.Event:2", source: source, wallTime: now))
    }

    /// Writes numbers by name, which others can read when this returns.
    ///
    /// - Parameter wallTime: Seconds since 1970.
    public func write(
        _ scalars: [(name: String, value: Double)], step: Int, wallTime: Double
    ) throws(StorageError) {
        try append(Event.scalars(scalars, step: step, wallTime: wallTime))
    }

    /// Waits until all is on the disk, and closes the file.
    public func close() throws(StorageError) {
        guard let writer = writer.take() else { return }
        try writer.close()
    }

    private func append(_ event: ProtobufWriter) throws(StorageError) {
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

/// The messages `Event` and what they are made of.
private enum Event {
    static func version(_ version: String, source: String?, wallTime: Double) -> ProtobufWriter {
        var event = ProtobufWriter()
        event.add(1, wallTime)
        event.add(3, version)
        guard let source else { return event }
        var metadata = ProtobufWriter()
        metadata.add(1, source)
        event.add(10, metadata)
        return event
    }

    static func scalars(_ scalars: [(name: String, value: Double)], step: Int, wallTime: Double) -> ProtobufWriter {
        var summary = ProtobufWriter()
        for (name, value) in scalars {
            var scalar = ProtobufWriter()
            scalar.add(1, name)
            scalar.add(2, Float(value))
            summary.add(1, scalar)
        }
        var event = ProtobufWriter()
        event.add(1, wallTime)
        event.add(2, step)
        event.add(5, summary)
        return event
    }
}
