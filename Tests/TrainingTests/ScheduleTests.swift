import Testing
import Training

@Suite struct ScheduleTests {
    @Test(arguments: [
        ("0.5", Schedule.constant(0.5)), ("constant:0.5", .constant(0.5)), ("0", .constant(0)),
        ("1e-3", .constant(0.001)),
        ("linear:0:1", .linear(from: 0, to: 1)), ("linear:0.9:0.1", .linear(from: 0.9, to: 0.1)),
        ("cosine:1:0.25", .cosine(from: 1, to: 0.25)), ("step:0:1:0.5", .step(from: 0, to: 1, at: 0.5)),
        ("step:2:1:1", .step(from: 2, to: 1, at: 1)), ("-1", .constant(-1)),
    ])
    func readsWhatPeopleWrite(text: String, schedule: Schedule) {
        #expect(Schedule(text) == schedule)
    }

    @Test(arguments: [
        "", ":", "half", "0.5:1", "linear", "linear:1", "linear:0:1:2", "linear:0:one", "linear:0:", "step:0:1",
        "step:0:1:1.5", "step:0:1:-0.1", "cosine:0:nan", "inf", "constant:inf", "constant", "Linear:0:1", "0.5 ",
        "linear::1",
    ])
    func refusesAnythingElse(text: String) {
        #expect(Schedule(text) == nil)
    }

    @Test(arguments: [
        "0.5", "0", "-1", "1e+20", "linear:0:1", "linear:0.9:0.1", "cosine:1:0.25", "step:0:1:0.5", "1e-05",
    ])
    func writesWhatItReads(text: String) throws {
        let schedule = try #require(Schedule(text))
        #expect(Schedule(schedule.description) == schedule)
    }

    @Test func describesItselfAsItIsWritten() {
        #expect("\(Schedule.constant(0.5))" == "0.5")
        #expect("\(Schedule.constant(2))" == "2")
        #expect("\(Schedule.linear(from: 0, to: 0.5))" == "linear:0:0.5")
        #expect("\(Schedule.step(from: 1, to: 0, at: 0.25))" == "step:1:0:0.25")
    }

    @Test(arguments: [
        (Schedule.constant(3), [3.0, 3, 3, 3, 3]),
        (.linear(from: 4, to: 1), [4, 3.25, 2.5, 1.75, 1]),
        // Half a cosine wave: (1 − cos πt) / 2 of the way.
        (.cosine(from: 0, to: 1), [0, (1 - 0.5.squareRoot()) / 2, 0.5, (1 + 0.5.squareRoot()) / 2, 1]),
        (.step(from: 0, to: 1, at: 0.5), [0, 0, 1, 1, 1]),
    ])
    func followsItsCurve(schedule: Schedule, expected: [Double]) {
        for (index, value) in expected.enumerated() {
            #expect(abs(schedule(Double(index) / 4) - value) <= 1e-12, "at \(index)/4")
        }
        #expect(schedule(-1) == schedule(0))
        #expect(schedule(2) == schedule(1))
    }

    @Test func knowsItsSmallestValueAndWhetherItIsZero() {
        #expect(Schedule.linear(from: 0.5, to: -1).minimum == -1)
        #expect(Schedule.cosine(from: 0, to: 1).minimum == 0)
        #expect(Schedule.constant(0).isZero)
        #expect(Schedule.linear(from: 0, to: 0).isZero)
        #expect(!Schedule.linear(from: 0, to: 1).isZero)
        #expect(!Schedule.step(from: 1, to: 0, at: 0.001).isZero)
        #expect(!Schedule.step(from: 0, to: 1, at: 1).isZero)
    }
}

@Suite struct LearningRateScheduleTests {
    @Test(arguments: [
        ("cosine", LearningRateSchedule(.cosine)), ("linear", LearningRateSchedule(.linear)),
        ("constant", LearningRateSchedule(.constant)), ("cosine:0.05", LearningRateSchedule(.cosine, warmup: 0.05)),
        ("linear:0", LearningRateSchedule(.linear)),
    ])
    func readsAndWritesItself(text: String, schedule: LearningRateSchedule) {
        #expect(LearningRateSchedule(text) == schedule)
        #expect(LearningRateSchedule(schedule.description) == schedule)
    }

    @Test(arguments: ["", "step", "cosine:", "cosine:1", "cosine:-0.1", "cosine:nan", "cosine:0.1:0.2", "Cosine"])
    func refusesAnythingElse(text: String) {
        #expect(LearningRateSchedule(text) == nil)
    }

    @Test func risesAndFalls() {
        func factors(_ schedule: LearningRateSchedule, of total: Int) -> [Double] {
            (0..<total).map { schedule(step: $0, of: total) }
        }
        #expect(factors(LearningRateSchedule(.constant), of: 3) == [1, 1, 1])
        #expect(factors(LearningRateSchedule(.linear), of: 4) == [1, 0.75, 0.5, 0.25])
        let cosine = factors(LearningRateSchedule(.cosine), of: 4)
        let root = 0.5.squareRoot(), wave: [Double] = [1, (1 + root) / 2, 0.5, (1 - root) / 2]
        for (found, expected) in zip(cosine, wave) { #expect(abs(found - expected) <= 1e-12) }
        // Two of eight steps rise: 1/3, 2/3, then the peak.
        let warm = factors(LearningRateSchedule(.linear, warmup: 0.25), of: 8)
        for (found, sixths) in zip(warm, [2.0, 4, 6, 5, 4, 3, 2, 1]) { #expect(abs(found - sixths / 6) <= 1e-12) }
    }

    @Test(arguments: LearningRateSchedule.Shape.allCases, [1, 2, 3, 10, 1000])
    func isNeverZeroAndNeverAboveThePeak(shape: LearningRateSchedule.Shape, total: Int) {
        for warmup in [0, 0.1, 0.5, 0.99] {
            for step in 0..<total {
                let factor = LearningRateSchedule(shape, warmup: warmup)(step: step, of: total)
                #expect(factor > 0 && factor <= 1, "\(warmup), step \(step)")
            }
        }
    }
}
