import Foundation

/// How long each kind of work takes. Work inside of other work counts once, as its own kind; what is not measured is loading.
final class WorkClock {
    typealias Kind = WritableKeyPath<CompressionReport.Seconds, Double>

    private var seconds = CompressionReport.Seconds()
    private let start = Date()
    private var kind: Kind = \.load
    private var since: Date

    init() { since = start }

    /// Does something whose time counts as a kind of work.
    func measuring<Result>(_ kind: Kind, _ body: () throws -> Result) rethrows -> Result {
        let outer = self.kind
        turn(to: kind)
        defer { turn(to: outer) }
        return try body()
    }

    /// All until now.
    func read() -> CompressionReport.Seconds {
        turn(to: kind)
        seconds.total = since.timeIntervalSince(start)
        return seconds
    }

    private func turn(to next: Kind) {
        let now = Date()
        seconds[keyPath: kind] += now.timeIntervalSince(since)
        (kind, since) = (next, now)
    }
}
