/// What every record of an import of YouTube-8M holds.
struct YouTube8MForm {
    /// Whether there are 8-bit features of each frame, rather than floats of the whole video.
    let isFrameLevel: Bool
    /// In the order in which they are joined.
    let features: [(name: String, size: Int)]
    /// Frames behind these are left out.
    let frameCount: Int
    let classCount: Int
    /// What the first record has, without --features: there are no others.
    private let names: [String]?

    /// How many numbers a frame has, or a video.
    var width: Int { features.reduce(0) { $0 + $1.size } }

    /// The extents of one example.
    var exampleShape: [Int] { isFrameLevel ? [frameCount, width] : [width] }

    static let idByteCount = 32

    /// The order in which the networks of the challenge take the features; others come behind, by name.
    private static let order = ["rgb", "audio", "mean_rgb", "mean_audio"]
    private static let mostNumbers = 1 << 26
}

/// An example as it lies in its record.
struct YouTube8MExample {
    let record: [UInt8]
    let id: Range<Int>
    /// In ascending order.
    let labels: [Int]
    /// How many frames there are.
    let length: Int
    /// Where the bytes of frame `t` of feature `f` lie, at `f · length + t`.
    let frames: [Range<Int>]
    /// The features of a whole video, joined.
    let floats: [Float]
}

// MARK: - Deciding

extension YouTube8MForm {
    /// The form that the first record has.
    ///
    /// - Parameter wanted: The features to take; those without a size have that of the record. Nil for all.
    init(
        of record: [UInt8], features wanted: [YouTube8MImport.Feature]?, frameCount: Int, classCount: Int
    ) throws(UnusableRecord) {
        let example = try TensorFlowExample(record), isFrameLevel = example.hasFrames
        let names = example.names(ofFrames: isFrameLevel)
        var features: [(name: String, size: Int)] = []
        for feature in wanted ?? Self.sorted(names).map({ YouTube8MImport.Feature(name: $0) }) {
            let size =
                isFrameLevel
                ? try Self.frameSize(feature.name, example) : try example.floats(feature.name)?.count ?? 0
            // Single numbers are times and the like.
            if wanted != nil || size > (isFrameLevel ? 0 : 1) { features.append((feature.name, feature.size ?? size)) }
        }
        guard !features.isEmpty, features.allSatisfy({ $0.size > 0 }) else {
            let missing = features.first { $0.size == 0 }.map { "a feature '\($0.name)' of" } ?? "features of"
            throw UnusableRecord(
                "expected \(missing) \(isFrameLevel ? "bytes for each frame" : "floats"), found \(Self.words(names))")
        }
        let limit = Self.mostNumbers / (isFrameLevel ? frameCount : 1)
        guard features.allSatisfy({ $0.size <= limit }), features.reduce(0, { $0 + $1.size }) <= limit else {
            throw UnusableRecord("expected an example of at most \(Self.mostNumbers) numbers, found more")
        }
        self.isFrameLevel = isFrameLevel
        self.names = wanted == nil ? names : nil
        self.features = features
        self.frameCount = frameCount
        self.classCount = classCount
    }

    /// How many bytes the first frame has; 0 if there is none.
    private static func frameSize(_ name: String, _ example: TensorFlowExample) throws(UnusableRecord) -> Int {
        var frames: [Range<Int>] = []
        _ = try example.addFrames(name, to: &frames)
        return frames.first?.count ?? 0
    }

    private static func sorted(_ names: [String]) -> [String] {
        func rank(_ name: String) -> (Int, String) { (order.firstIndex(of: name) ?? order.count, name) }
        return Set(names).sorted { rank($0) < rank($1) }
    }

    private static func words(_ names: [String]) -> String {
        names.isEmpty ? "none" : names.map { "'\($0)'" }.joined(separator: ", ")
    }
}

// MARK: - Reading

extension YouTube8MForm {
    /// The example that a record holds.
    func example(_ record: [UInt8]) throws(UnusableRecord) -> YouTube8MExample {
        let example = try TensorFlowExample(record)
        try refuseOthers(example)
        var id = try example.string("id") ?? 0..<0
        if id.isEmpty { id = try example.string("video_id") ?? id }
        guard id.count <= Self.idByteCount else {
            throw UnusableRecord("its id has \(id.count) bytes, expected at most \(Self.idByteCount)")
        }
        let labels = try labels(example)
        guard isFrameLevel else {
            return YouTube8MExample(
                record: record, id: id, labels: labels, length: 0, frames: [], floats: try floats(example))
        }
        let frames = try frames(example), length = frames.count / features.count
        return YouTube8MExample(record: record, id: id, labels: labels, length: length, frames: frames, floats: [])
    }

    /// Refuses features of frames that the first record does not have, and of videos if they are more than one number.
    private func refuseOthers(_ example: TensorFlowExample) throws(UnusableRecord) {
        guard let names else { return }
        for other in example.names(ofFrames: isFrameLevel, besides: names) {
            if !isFrameLevel, try example.floats(other)?.count ?? 0 <= 1 { continue }
            throw UnusableRecord(
                "it has a feature '\(other)', which the first record has not; choose with --features")
        }
    }

    private func labels(_ example: TensorFlowExample) throws(UnusableRecord) -> [Int] {
        var labels = try example.integers("labels") ?? []
        if let label = labels.first(where: { !(0..<classCount).contains($0) }) {
            throw UnusableRecord("its label \(label) is none of the \(classCount) classes, from 0 to \(classCount - 1)")
        }
        labels.sort()
        return labels
    }

    private func frames(_ example: TensorFlowExample) throws(UnusableRecord) -> [Range<Int>] {
        var frames: [Range<Int>] = []
        frames.reserveCapacity(min(frameCount, example.record.count / width) * features.count)
        for (index, (name, size)) in features.enumerated() {
            let start = frames.count
            guard let length = try example.addFrames(name, to: &frames) else { throw absent(name, example) }
            for t in 0..<length where frames[start + t].count != size {
                let count = frames[start + t].count
                throw UnusableRecord("frame \(t) of '\(name)' has \(count) bytes, expected \(size) in one string")
            }
            guard length * index == start else { throw try unequal(example) }
        }
        guard !frames.isEmpty else { throw UnusableRecord("it has no frames") }
        return frames
    }

    private func unequal(_ example: TensorFlowExample) throws(UnusableRecord) -> UnusableRecord {
        var words: [String] = []
        for (name, _) in features {
            var frames: [Range<Int>] = []
            words.append("\(try example.addFrames(name, to: &frames) ?? 0) frames of '\(name)'")
        }
        return UnusableRecord("its features are of unequal length: \(words.joined(separator: ", "))")
    }

    private func floats(_ example: TensorFlowExample) throws(UnusableRecord) -> [Float] {
        var all: [Float] = []
        for (name, size) in features {
            guard let floats = try example.floats(name) else { throw absent(name, example) }
            guard floats.count == size else {
                throw UnusableRecord("'\(name)' has \(floats.count) numbers, expected \(size)")
            }
            if let index = floats.firstIndex(where: { !$0.isFinite }) {
                throw UnusableRecord("number \(index) of '\(name)' is \(floats[index]), expected a finite one")
            }
            all += floats
        }
        return all
    }

    private func absent(_ name: String, _ example: TensorFlowExample) -> UnusableRecord {
        UnusableRecord(
            "expected a feature '\(name)' of \(isFrameLevel ? "bytes for each frame" : "floats"), "
                + "found \(Self.words(example.names(ofFrames: isFrameLevel)))")
    }
}
