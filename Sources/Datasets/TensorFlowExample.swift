/// What of a record is wanted, and where it lies there.
///
/// A record is one of two messages of TensorFlow (tensorflow/core/example/example.proto and feature.proto), with the
/// number of each field before its name:
///
///     Example          1 features: Features
///     SequenceExample  1 context: Features, 2 feature_lists: FeatureLists
///     Features         1 feature: map (1 key, 2 value) of Feature
///     FeatureLists     1 feature_list: map (1 key, 2 value) of FeatureList
///     FeatureList      1 feature: Feature, one for each frame
///     Feature          one of 1 bytes_list, 2 float_list, 3 int64_list, each of which has its values as field 1
struct TensorFlowExample {
    /// The bytes of the record.
    let record: [UInt8]
    /// The features of the example, or the context of its frames.
    private var features: [Entry] = []
    /// Those that change from frame to frame.
    private var lists: [Entry] = []

    private struct Entry {
        let name: Range<Int>
        let value: Range<Int>
    }

    /// The three kinds of a feature, by the numbers of their fields.
    enum Kind: Int {
        case bytes = 1, floats, integers
    }

    init(_ record: [UInt8]) throws(UnusableRecord) {
        self.record = record
        var message = ProtobufMessage(record.indices)
        while let field = try message.next(record) {
            guard case .bytes(let range) = field.value else { continue }
            switch field.number {
            case 1: features += try Self.entries(range, record)
            case 2: lists += try Self.entries(range, record)
            default: continue
            }
        }
    }

    private static func entries(_ range: Range<Int>, _ record: [UInt8]) throws(UnusableRecord) -> [Entry] {
        var map = ProtobufMessage(range), entries: [Entry] = []
        entries.reserveCapacity(8)
        while let range = try map.next(1, record) {
            var entry = ProtobufMessage(range), name = 0..<0, value = 0..<0
            while let field = try entry.next(record) {
                guard case .bytes(let range) = field.value else { continue }
                if field.number == 1 { name = range }
                if field.number == 2 { value = range }
            }
            entries.append(Entry(name: name, value: value))
        }
        return entries
    }

    /// Whether it has frames: a `SequenceExample`.
    var hasFrames: Bool { !lists.isEmpty }

    /// The names of its features, or of those that change from frame to frame.
    func names(ofFrames: Bool) -> [String] {
        (ofFrames ? lists : features).map { String(decoding: record[$0.name], as: UTF8.self) }
    }

    /// Where the value of a feature lies; of several with its name, the last one counts.
    private func value(_ name: String, _ entries: [Entry]) -> Range<Int>? {
        entries.last { isCalled($0, name) }?.value
    }

    private func isCalled(_ entry: Entry, _ name: String) -> Bool {
        guard entry.name.count == name.utf8.count else { return false }
        var place = entry.name.lowerBound
        for byte in name.utf8 {
            if record[place] != byte { return false }
            place += 1
        }
        return true
    }

    /// The first feature, or list of frames, that is not among these.
    func feature(ofFrames: Bool, besides names: [String]) -> String? {
        let other = (ofFrames ? lists : features).first { entry in !names.contains { isCalled(entry, $0) } }
        return other.map { String(decoding: record[$0.name], as: UTF8.self) }
    }

    /// The kind of a feature, and where the message with its values lies; nil if it has none.
    private func list(_ feature: Range<Int>) throws(UnusableRecord) -> (kind: Kind, values: Range<Int>)? {
        var message = ProtobufMessage(feature), found: (Kind, Range<Int>)?
        while let field = try message.next(record) {
            if let kind = Kind(rawValue: field.number), case .bytes(let range) = field.value { found = (kind, range) }
        }
        return found
    }

    /// The values of a feature; nil if it is not there, or of another kind.
    private func values(_ name: String, _ kind: Kind) throws(UnusableRecord) -> Range<Int>? {
        guard let value = value(name, features), let list = try list(value), list.kind == kind else { return nil }
        return list.values
    }

    /// Where the first string of a feature lies.
    func string(_ name: String) throws(UnusableRecord) -> Range<Int>? {
        guard let range = try values(name, .bytes) else { return nil }
        var values = ProtobufMessage(range)
        return try values.next(1, record)
    }

    /// The whole numbers of a feature, negative ones included; nil if it is not there.
    func integers(_ name: String) throws(UnusableRecord) -> [Int]? {
        guard let value = value(name, features), let list = try list(value) else { return nil }
        guard list.kind == .integers else {
            throw UnusableRecord("its '\(name)' are \(list.kind), expected whole numbers (int64)")
        }
        let range = list.values
        var values = ProtobufMessage(range), numbers: [Int] = []
        while let field = try values.next(record) {
            guard field.number == 1 else { continue }
            switch field.value {
            case .number(let number): numbers.append(Int(truncatingIfNeeded: number))
            case .bytes(let range):
                var packed = ProtobufMessage(range)
                while let number = try packed.nextPacked(record) { numbers.append(Int(truncatingIfNeeded: number)) }
            }
        }
        return numbers
    }

    /// The float32 numbers of a feature; nil if there are none.
    func floats(_ name: String) throws(UnusableRecord) -> [Float]? {
        guard let range = try values(name, .floats) else { return nil }
        var values = ProtobufMessage(range), numbers: [Float] = []
        while let range = try values.next(1, record) {
            numbers.reserveCapacity(range.count / 4)
            for place in stride(from: range.lowerBound, to: range.upperBound - 3, by: 4) {
                let bits =
                    UInt32(record[place]) | UInt32(record[place + 1]) << 8 | UInt32(record[place + 2]) << 16
                    | UInt32(record[place + 3]) << 24
                numbers.append(Float(bitPattern: bits))
            }
        }
        return numbers
    }

    /// Where the one string of each frame lies; nil if there is no such list of frames.
    ///
    /// A frame without exactly one string is an empty range.
    func frames(_ name: String) throws(UnusableRecord) -> [Range<Int>]? {
        guard let range = value(name, lists) else { return nil }
        var message = ProtobufMessage(range), frames: [Range<Int>] = []
        frames.reserveCapacity(16)
        while let feature = try message.next(1, record) {
            guard let list = try list(feature), list.kind == .bytes else {
                frames.append(0..<0)
                continue
            }
            var strings = ProtobufMessage(list.values)
            let first = try strings.next(1, record), second = try strings.next(1, record)
            frames.append(second == nil ? first ?? 0..<0 : 0..<0)
        }
        return frames
    }
}
