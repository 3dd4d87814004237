/// What every record of an import of YouTube-8M holds.
struct YouTube8MForm {
    /// Whether there are 8-bit features of each frame, rather than floats of the whole video.
    let isFrameLevel: Bool
    /// In the order in which they are joined.
    let features: [(name: String, size: Int)]
    /// Frames behind these are left out.
    let frameCount: Int
    let classCount: Int
    /// What the first record has, if nobody said which features to take: there are no others.
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
    let labels: [Int]
    /// Where the bytes of each frame lie, of each feature.
    let frames: [[Range<Int>]]
    /// The features of a whole video, joined.
    let floats: [Float]

    /// How many frames there are.
    var length: Int { frames.first?.count ?? 0 }
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
                ? try example.frames(feature.name)?.first?.count ?? 0 : try example.floats(feature.name)?.count ?? 0
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
        return YouTube8MExample(
            record: record, id: id, labels: try labels(example), frames: isFrameLevel ? try frames(example) : [],
            floats: isFrameLevel ? [] : try floats(example))
    }

    /// Refuses features of frames that the first record does not have, and of videos if they are more than one number.
    private func refuseOthers(_ example: TensorFlowExample) throws(UnusableRecord) {
        guard let names, let other = example.feature(ofFrames: isFrameLevel, besides: names) else { return }
        if !isFrameLevel, try example.floats(other)?.count ?? 0 <= 1 { return }
        throw UnusableRecord(
            "it has a feature '\(other)', which the first record has not; say with --features which to take")
    }

    private func labels(_ example: TensorFlowExample) throws(UnusableRecord) -> [Int] {
        let labels = try example.integers("labels") ?? []
        if let label = labels.first(where: { !(0..<classCount).contains($0) }) {
            throw UnusableRecord("its label \(label) is none of the \(classCount) classes, from 0 to \(classCount - 1)")
        }
        return labels
    }

    private func frames(_ example: TensorFlowExample) throws(UnusableRecord) -> [[Range<Int>]] {
        var all: [[Range<Int>]] = []
        for (name, size) in features {
            guard let frames = try example.frames(name) else { throw absent(name, example) }
            if let index = frames.firstIndex(where: { $0.count != size }) {
                throw UnusableRecord(
                    "frame \(index) of '\(name)' has \(frames[index].count) bytes, expected \(size) in one string")
            }
            all.append(frames)
        }
        guard let length = all.first?.count, length > 0 else { throw UnusableRecord("it has no frames") }
        guard all.allSatisfy({ $0.count == length }) else {
            let words = zip(features, all).map { "\($1.count) frames of '\($0.name)'" }
            throw UnusableRecord("its features are of unequal length: \(words.joined(separator: ", "))")
        }
        return all
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
