import Protobuf

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
    private var entries: [Entry] = []
    /// Whether it has frames: a `SequenceExample`.
    private(set) var hasFrames = false

    /// A feature of the example, or of the context of its frames, or a list of what changes from frame to frame.
    private struct Entry {
        let isOfFrames: Bool
        var name = 0..<0
        var value = 0..<0
    }

    /// The three kinds of a feature, by the numbers of their fields.
    enum Kind: Int {
        case bytes = 1, floats, integers
    }

    init(_ record: [UInt8]) throws(UnusableRecord) {
        self.record = record
        entries.reserveCapacity(8)
        var message = ProtobufReader(record.indices)
        while let field = try message.field(of: record) {
            guard case .bytes(let range) = field.value, (1...2).contains(field.number) else { continue }
            try read(range, isOfFrames: field.number == 2)
        }
    }

    private mutating func read(_ range: Range<Int>, isOfFrames: Bool) throws(UnusableRecord) {
        var map = ProtobufReader(range)
        while let range = try map.range(1, of: record) {
            var message = ProtobufReader(range), entry = Entry(isOfFrames: isOfFrames)
            while let field = try message.field(of: record) {
                guard case .bytes(let range) = field.value else { continue }
                if field.number == 1 { entry.name = range }
                if field.number == 2 { entry.value = range }
            }
            entries.append(entry)
            if isOfFrames { hasFrames = true }
        }
    }

    /// The names of its features, or of those that change from frame to frame, but for some.
    func names(ofFrames: Bool, besides known: [String] = []) -> [String] {
        var names: [String] = []
        for entry in entries where entry.isOfFrames == ofFrames && !known.contains(where: { isCalled(entry, $0) }) {
            names.append(String(decoding: record[entry.name], as: UTF8.self))
        }
        return names
    }

    /// Where the value of a feature lies; of several with its name, the last one counts.
    private func value(_ name: String, ofFrames: Bool = false) -> Range<Int>? {
        entries.last { $0.isOfFrames == ofFrames && isCalled($0, name) }?.value
    }

    private func isCalled(_ entry: Entry, _ name: String) -> Bool {
        let wanted = name.utf8.span, found = record.span.extracting(entry.name)
        return wanted.count == found.count && wanted.indices.allSatisfy { wanted[$0] == found[$0] }
    }

    /// The kind of a feature, and where the message with its values lies; nil if it has none.
    private func list(_ feature: Range<Int>) throws(UnusableRecord) -> (kind: Kind, values: Range<Int>)? {
        var message = ProtobufReader(feature), found: (Kind, Range<Int>)?
        while let field = try message.field(of: record) {
            if let kind = Kind(rawValue: field.number), case .bytes(let range) = field.value { found = (kind, range) }
        }
        return found
    }

    /// The values of a feature; nil if it is not there, or of another kind.
    private func values(_ name: String, _ kind: Kind) throws(UnusableRecord) -> Range<Int>? {
        guard let value = value(name), let list = try list(value), list.kind == kind else { return nil }
        return list.values
    }

    /// Where the first string of a feature lies.
    func string(_ name: String) throws(UnusableRecord) -> Range<Int>? {
        guard let range = try values(name, .bytes) else { return nil }
        var values = ProtobufReader(range)
        return try values.range(1, of: record)
    }

    /// The whole numbers of a feature, negative ones included; nil if it is not there.
    func integers(_ name: String) throws(UnusableRecord) -> [Int]? {
        guard let value = value(name), let list = try list(value) else { return nil }
        guard list.kind == .integers else {
            throw UnusableRecord("its '\(name)' are \(list.kind), expected whole numbers (int64)")
        }
        let range = list.values
        var values = ProtobufReader(range), numbers: [Int] = []
        while let field = try values.field(of: record) {
            guard field.number == 1 else { continue }
            switch field.value {
            case .number(let number): numbers.append(Int(truncatingIfNeeded: number))
            case .bytes(let range):
                var packed = ProtobufReader(range)
                while let number = try packed.packed(of: record) { numbers.append(Int(truncatingIfNeeded: number)) }
            }
        }
        return numbers
    }

    /// The float32 numbers of a feature; nil if there are none.
    func floats(_ name: String) throws(UnusableRecord) -> [Float]? {
        guard let range = try values(name, .floats) else { return nil }
        var values = ProtobufReader(range), numbers: [Float] = []
        while let range = try values.range(1, of: record) {
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

    /// Adds where the one string of each frame lies, and says how many frames there are; nil if there is no such list.
    ///
    /// A frame without exactly one string is an empty range.
    func addFrames(_ name: String, to frames: inout [Range<Int>]) throws(UnusableRecord) -> Int? {
        guard let range = value(name, ofFrames: true) else { return nil }
        var message = ProtobufReader(range), count = 0
        while let feature = try message.range(1, of: record) {
            frames.append(try string(feature) ?? 0..<0)
            count += 1
        }
        return count
    }

    /// Where the string of a feature lies; nil if it has none, or several, or other values.
    private func string(_ feature: Range<Int>) throws(UnusableRecord) -> Range<Int>? {
        guard let list = try list(feature), list.kind == .bytes else { return nil }
        var strings = ProtobufReader(list.values)
        let first = try strings.range(1, of: record)
        return try strings.range(1, of: record) == nil ? first : nil
    }
}

extension ProtobufReader {
    fileprivate mutating func field(of record: [UInt8]) throws(UnusableRecord) -> Field? {
        do { return try next(record) } catch { throw UnusableRecord(error) }
    }

    fileprivate mutating func range(_ number: Int, of record: [UInt8]) throws(UnusableRecord) -> Range<Int>? {
        do { return try next(number, record) } catch { throw UnusableRecord(error) }
    }

    fileprivate mutating func packed(of record: [UInt8]) throws(UnusableRecord) -> UInt64? {
        do { return try nextPacked(record) } catch { throw UnusableRecord(error) }
    }
}
