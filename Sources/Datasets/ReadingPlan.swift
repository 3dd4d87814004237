/// In which order examples are delivered.
public enum ExampleOrder: Hashable, Sendable {
    case sequential
    /// Each epoch in an order of its own, which depends on the seed and the epoch alone.
    case shuffled(seed: UInt64)
}

/// Which rows are read together, and in which order they are delivered: a pure function, nothing is opened.
///
/// Rows that lie together in the file form segments of about a mebibyte. In each epoch the segments are put into random
/// order and cut into windows of 64 MiB, and the rows of each window are put into random order. All sizes are constants,
/// so the order never depends on the machine. A split that fits into one window is simply shuffled.
struct ReadingPlan: Sendable {
    static let windowByteCount = 64 << 20
    static let segmentByteCount = 1 << 20

    /// Some of the rows, read in one go and delivered one after the other.
    struct Window: Hashable, Sendable {
        /// Which segments it holds, as indices into `segments`.
        let segments: [Int]
        /// Which positions of the epoch it delivers.
        let positions: Range<Int>
    }

    /// The rows of the file that take part, ascending.
    let rows: [Int]
    /// Ranges of `rows` that lie together in the file.
    let segments: [Range<Int>]
    let order: ExampleOrder
    /// The first row of each segment is a multiple of this.
    let rowsPerSegment: Int
    private let rowsPerWindow: Int

    /// - Parameter rowsPerChunk: the rows that the file compresses together, so that none is decompressed twice.
    init(
        rows: [Int], rowByteCount: Int, rowsPerChunk: Int = 1, order: ExampleOrder,
        windowByteCount: Int = windowByteCount, segmentByteCount: Int = segmentByteCount
    ) {
        let least = max(1, segmentByteCount / max(1, rowByteCount))
        let rowsPerSegment = (least + rowsPerChunk - 1) / rowsPerChunk * rowsPerChunk
        var segments: [Range<Int>] = []
        var start = 0
        for end in 1..<(rows.count + 1)
        where end == rows.count || rows[end] / rowsPerSegment != rows[start] / rowsPerSegment {
            segments.append(start..<end)
            start = end
        }
        self.rows = rows
        self.segments = segments
        self.order = order
        self.rowsPerSegment = rowsPerSegment
        self.rowsPerWindow = max(1, windowByteCount / max(1, rowByteCount))
    }

    /// Whether everything fits into one window, which is then read only once.
    var isWhole: Bool {
        rows.count <= rowsPerWindow
    }

    func windows(epoch: Int) -> [Window] {
        var queue = Array(segments.indices)
        if case .shuffled(let seed) = order, !isWhole {
            var random = KeyedRandom(seed, epoch, 0)
            random.shuffle(&queue)
        }
        var windows: [Window] = []
        var members: [Int] = []
        var start = 0, end = 0
        for segment in queue {
            let count = segments[segment].count
            if end - start + count > rowsPerWindow, !members.isEmpty {
                windows.append(Window(segments: members, positions: start..<end))
                members = []
                start = end
            }
            members.append(segment)
            end += count
        }
        if !members.isEmpty {
            windows.append(Window(segments: members, positions: start..<end))
        }
        return windows
    }

    /// For each position of a window, the place of its row among the window's rows as they were read.
    func slots(_ window: Window, index: Int, epoch: Int) -> [Int32] {
        var slots = (0..<window.positions.count).map { Int32($0) }
        if case .shuffled(let seed) = order {
            var random = KeyedRandom(seed, epoch, index + 1)
            random.shuffle(&slots)
        }
        return slots
    }

    /// The rows of a window, as they are read.
    func rows(_ window: Window) -> [Int] {
        window.segments.flatMap { rows[segments[$0]] }
    }

    /// The rows of an epoch, as they are delivered.
    func rows(epoch: Int) -> [Int] {
        windows(epoch: epoch).enumerated().flatMap { index, window in
            let rows = rows(window)
            return slots(window, index: index, epoch: epoch).map { rows[Int($0)] }
        }
    }
}
