import Dispatch
import HDF5
import Synchronization
import Threads

/// Delivers the examples of a split in batches, in any order and from any place.
///
/// The file may be larger than memory: while the examples of one window are used, another thread reads the next window.
/// Batches are a pure function of (epoch, step), so that a run can be resumed anywhere.
public final class ExampleReader: Sendable {
    public let split: ExampleSplit
    public let batchSize: Int
    private let plan: ReadingPlan
    private let rowsPerSegment: Int
    private let state: Mutex<State>

    private struct State: Sendable {
        var epoch = -1
        var windows: [ReadingPlan.Window] = []
        /// The windows in use, consecutive ones of the epoch.
        var loaded: [LoadedWindow] = []
        var pending: WindowLoad?
        /// All rows, if they fit into one window.
        var whole: WindowRows?
    }

    public convenience init(_ split: ExampleSplit, batchSize: Int, order: ExampleOrder) {
        self.init(
            split, batchSize: batchSize, order: order, windowByteCount: ReadingPlan.windowByteCount,
            segmentByteCount: ReadingPlan.segmentByteCount)
    }

    /// With other sizes than everybody else's, for tests.
    init(_ split: ExampleSplit, batchSize: Int, order: ExampleOrder, windowByteCount: Int, segmentByteCount: Int) {
        precondition(batchSize > 0, "a batch needs at least one example")
        self.split = split
        self.batchSize = batchSize
        self.plan = ReadingPlan(
            rows: split.rows, rowByteCount: split.rowByteCount,
            rowsPerChunk: split.inputs.first?.dataset.chunkShape?.first ?? 1, order: order,
            windowByteCount: windowByteCount, segmentByteCount: segmentByteCount)
        self.rowsPerSegment = plan.rowsPerSegment
        self.state = Mutex(State())
    }

    /// The number of batches of an epoch; the last one may be smaller.
    public var stepsPerEpoch: Int {
        (split.count + batchSize - 1) / batchSize
    }

    /// The rows of the file in the order in which an epoch delivers them: a pure function, nothing is read.
    public func order(epoch: Int) -> [Int] {
        plan.rows(epoch: epoch)
    }

    /// The examples of a step, read from the file if they are not here yet.
    public func batch(epoch: Int, step: Int) throws -> ExampleBatch {
        precondition((0..<stepsPerEpoch).contains(step), "step \(step) of \(stepsPerEpoch)")
        return try examples((step * batchSize)..<min((step + 1) * batchSize, split.count), epoch: epoch)
    }

    /// Some of the examples of an epoch, in its order.
    public func examples(_ positions: Range<Int>, epoch: Int) throws -> ExampleBatch {
        precondition(positions.lowerBound >= 0 && positions.upperBound <= split.count, "\(positions) of \(split.count)")
        // What asks for nothing leaves alone what others have read.
        guard !positions.isEmpty else { return ExampleBatch(windows: [], positions: positions, split: split) }
        let windows = try state.withLock { state in try load(positions, epoch, &state) }
        return ExampleBatch(windows: windows, positions: positions, split: split)
    }

    private func load(_ positions: Range<Int>, _ epoch: Int, _ state: inout State) throws -> [LoadedWindow] {
        if state.epoch != epoch {
            state.epoch = epoch
            state.windows = plan.windows(epoch: epoch)
            state.loaded = []
        }
        let needed = state.windows.indices(where: { $0.positions.overlaps(positions) })
        if state.loaded.first?.index != needed.lowerBound || state.loaded.count < needed.count {
            let kept = state.loaded
            state.loaded = try needed.map { index in
                try kept.first { $0.index == index } ?? take(epoch, index, &state)
            }
            prepare(after: needed.upperBound, &state)
        }
        return state.loaded
    }

    /// The window that was read ahead, if it is the one, or else a window read now.
    private func take(_ epoch: Int, _ index: Int, _ state: inout State) throws -> LoadedWindow {
        if let pending = state.pending, pending.epoch == epoch, pending.index == index {
            state.pending = nil
            return try pending.wait()
        }
        // One thread reads at a time.
        _ = try? state.pending?.wait()
        let window = try job(epoch, index, state)()
        if plan.isWhole {
            state.whole = window.data
        }
        return window
    }

    /// Reads ahead what will be needed after the windows below `index`.
    private func prepare(after index: Int, _ state: inout State) {
        guard !plan.isWhole else { return }
        var epoch = state.epoch, index = index
        if index == state.windows.count {
            // Whoever reads in sequence mostly reads once.
            guard plan.order != .sequential else { return }
            (epoch, index) = (epoch + 1, 0)
        }
        if let pending = state.pending, pending.epoch == epoch, pending.index == index { return }
        let load = WindowLoad(epoch, index)
        // Without a thread it is read when it is needed.
        state.pending = load.start(job(epoch, index, state)) ? load : nil
    }

    private func job(_ epoch: Int, _ index: Int, _ state: State) -> @Sendable () throws -> LoadedWindow {
        let windows = state.epoch == epoch ? state.windows : plan.windows(epoch: epoch)
        let (plan, split, rowsPerSegment, whole) = (plan, split, rowsPerSegment, state.whole)
        return {
            let window = windows[index]
            let rows =
                try whole ?? WindowRows(plan.rows(window), of: split, rowsPerSegment: rowsPerSegment)
            return LoadedWindow(
                index: index, positions: window.positions, slots: plan.slots(window, index: index, epoch: epoch),
                data: rows)
        }
    }
}

/// A window of an epoch in memory, and the order of its rows in that epoch.
final class LoadedWindow: Sendable {
    let index: Int
    let positions: Range<Int>
    let slots: [Int32]
    let data: WindowRows

    init(index: Int, positions: Range<Int>, slots: [Int32], data: WindowRows) {
        self.index = index
        self.positions = positions
        self.slots = slots
        self.data = data
    }
}

/// A window that another thread is reading.
private final class WindowLoad: Sendable {
    let epoch: Int
    let index: Int
    private let group = DispatchGroup()
    private let result = Mutex<Result<LoadedWindow, any Error>?>(nil)

    init(_ epoch: Int, _ index: Int) {
        self.epoch = epoch
        self.index = index
    }

    /// Reads on a thread of its own.
    ///
    /// - Returns: false if the system has no thread for it. A queue of Dispatch would wait for one, and perhaps for ever.
    func start(_ job: @escaping @Sendable () throws -> LoadedWindow) -> Bool {
        group.enter()
        let isStarted = SystemThread.start(stackSize: 1 << 20) {
            let value = Result { try job() }
            self.result.withLock { $0 = value }
            self.group.leave()
        }
        if !isStarted { group.leave() }
        return isStarted
    }

    func wait() throws -> LoadedWindow {
        group.wait()
        guard let result = result.withLock({ $0 }) else {
            preconditionFailure("a window was awaited before it was started")
        }
        return try result.get()
    }
}

extension Array {
    /// The indices of the consecutive elements that satisfy a condition.
    fileprivate func indices(where condition: (Element) -> Bool) -> Range<Int> {
        let first = firstIndex(where: condition) ?? count
        return first..<(self[first...].firstIndex { !condition($0) } ?? count)
    }
}
