import Networks

extension Workers {
    /// Elements of a vector that one worker adds or updates at a time. Sums over vectors are cut there, too.
    static let stretch = 1 << 16

    /// Calls `body` for each stretch of some parts of a vector, on all workers.
    func eachStretch(of ranges: [Range<Int>], _ body: @Sendable (_ start: Int, _ count: Int) -> Void) {
        let stretches = ranges.flatMap { range in
            stride(from: range.lowerBound, to: range.upperBound, by: Self.stretch).map {
                (start: $0, count: min(Self.stretch, range.upperBound - $0))
            }
        }
        run(stretches.count) { _, index in body(stretches[index].start, stretches[index].count) }
    }
}
