import Testing

@testable import Models

@Suite struct LatencyTests {
    /// The median of an even number is between two; the 99th percentile is the nearest rank.
    @Test func ranksTimes() {
        let times = Latency.Times((1...200).reversed().map { Double($0) }, examples: 128)
        #expect(times.runs == 200 && times.median == 100.5 && times.p99 == 198)
        #expect(times.examplesPerSecond == 128 / 100.5)
        let one = Latency.Times([3], examples: 1)
        #expect(one.median == 3 && one.p99 == 3)
    }
}
