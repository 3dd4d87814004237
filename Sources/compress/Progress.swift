import Foundation
import Models
import Reports
import Synchronization

/// Tells on standard error how far the work is.
///
/// On a terminal one line is drawn again and again; elsewhere there is a plain line now and then. Work of less than two
/// seconds is passed over in silence.
final class Progress: Sendable {
    private struct Phase: Sendable {
        var line: ProgressLine
        /// What had been done when the clock started: a resumed run.
        var offset: Int
        var start: ContinuousClock.Instant
        var shown: ContinuousClock.Instant?
    }

    private let isQuiet: Bool
    private let terminal = Terminal.error
    private let phase = Mutex<Phase?>(nil)
    /// What stands before the name of the phase that begins next.
    private let step = Mutex("")

    private static let isLineDrawn = Atomic(false)
    /// Work shorter than this is not worth a word.
    private static let worthSaying = 2.0

    init(isQuiet: Bool) { self.isQuiet = isQuiet }

    /// Numbers the phase that begins next.
    func nextStep(_ number: Int, of count: Int) { step.withLock { $0 = "\(number)/\(count) " } }

    /// Begins a phase, and ends the one before it.
    func begin(_ name: String, total: Int, unit: String = "examples", done: Int = 0) {
        end()
        let step = step.withLock { step in
            defer { step = "" }
            return step
        }
        phase.withLock {
            $0 = Phase(
                line: ProgressLine(phase: step + name, done: 0, total: total - done, unit: unit, seconds: 0),
                offset: done,
                start: .now, shown: nil)
        }
    }

    /// Says how much is done, and perhaps what else is worth knowing.
    ///
    /// May be called often, by any thread.
    func advance(to done: Int, note: String? = nil) { advance(note) { done - $0.offset } }

    /// Says that so much more is done.
    func advance(by count: Int, note: String? = nil) { advance(note) { $0.line.done + count } }

    private func advance(_ note: String?, _ done: (Phase) -> Int) {
        if isQuiet { return }
        phase.withLock { phase in
            guard var current = phase else { return }
            current.line.done = done(current)
            current.line.seconds = (ContinuousClock.now - current.start).seconds
            if let note { current.line.note = note }
            if isDue(current) {
                draw(current.line)
                current.shown = .now
            }
            phase = current
        }
    }

    /// Ends the phase; one that took long leaves a line behind.
    func end(note: String? = nil) {
        let last = phase.withLock { phase in
            defer { phase = nil }
            return phase
        }
        guard let last, !isQuiet else { return }
        Self.clearLine()
        var line = last.line
        line.seconds = (ContinuousClock.now - last.start).seconds
        if let note { line.note = note }
        if line.seconds >= Self.worthSaying && line.done > 0 {
            terminal.write(wrapped(line.summary, width: terminal.limit, indentation: 2) + "\n")
        }
    }

    /// Says something between two frames of the line.
    func message(_ text: String) { show { wrapped(text, width: $0, indentation: 2) + "\n" } }

    /// Says what is probably wrong.
    func warn(_ text: String) { message("warning: \(text)".styled(.bold, on: .error)) }

    /// Shows how far work on examples is.
    func tell(_ event: ProgressEvent) {
        switch event {
        case .began(let name, let total): begin(name, total: total)
        case .advanced(let count): advance(by: count)
        case .ended: end()
        }
    }

    /// Shows text of several lines, made for the columns there are.
    func show(_ text: (_ width: Int?) -> String) {
        if isQuiet { return }
        Self.clearLine()
        terminal.write(text(terminal.limit))
    }

    /// Removes the line, if there is one, so that something else can be written.
    static func clearLine() {
        if isLineDrawn.exchange(false, ordering: .relaxed) { Terminal.error.clearLine() }
    }

    private func isDue(_ phase: Phase) -> Bool {
        let line = phase.line
        if terminal.isTerminal {
            if let shown = phase.shown { return (ContinuousClock.now - shown).seconds >= 0.1 }
            return line.seconds >= 0.5 && line.seconds + (line.remaining ?? .infinity) >= Self.worthSaying
        }
        return (ContinuousClock.now - (phase.shown ?? phase.start)).seconds >= 10
    }

    private func draw(_ line: ProgressLine) {
        if terminal.isTerminal {
            let text = line.text(width: terminal.width - 1, hasBlocks: terminal.hasBlocks) {
                $0.styled(.cyan, on: terminal)
            }
            Self.isLineDrawn.store(true, ordering: .relaxed)
            terminal.draw(text)
        } else {
            terminal.write(line.plain + "\n")
        }
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
