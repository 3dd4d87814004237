import Protobuf

/// Why no example can be made of a record.
struct UnusableRecord: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }

    init(_ error: ProtobufError) {
        reason =
            "expected a message of Protocol Buffers, Example or SequenceExample, found something else from its byte "
            + "\(error.offset) on"
    }
}
