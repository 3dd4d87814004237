import Networks

extension Workers {
    /// Elements of a vector that one worker adds or updates at a time. Sums over vectors are cut there, too.
    static let stretch = 1 << 16

    /// Parts of a vector cut into stretches, the last of each part a shorter one.
    static func stretches(of ranges: [Range<Int>]) -> [Range<Int>] {
        ranges.flatMap { range in
            stride(from: range.lowerBound, to: range.upperBound, by: stretch).map {
                $0..<min($0 + stretch, range.upperBound)
            }
        }
    }

    /// Calls `body` for each stretch of some parts of a vector, on all workers.
    func eachStretch(of ranges: [Range<Int>], _ body: @Sendable (_ start: Int, _ count: Int) -> Void) {
        let stretches = Self.stretches(of: ranges)
        run(stretches.count) { _, index in body(stretches[index].lowerBound, stretches[index].count) }
    }
}
