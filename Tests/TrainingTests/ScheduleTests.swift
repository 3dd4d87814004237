import Testing
import Training

@Suite struct ScheduleTests {
    private static let texts: [(String, Schedule)] = [
        ("0.5", Schedule.constant(0.5)), ("constant:0.5", .constant(0.5)), ("0", .constant(0)),
        ("1e-3", .constant(0.001)),
        ("linear:0:1", .linear(from: 0, to: 1)), ("linear:0.9:0.1", .linear(from: 0.9, to: 0.1)),
        ("cosine:1:0.25", .cosine(from: 1, to: 0.25)), ("step:0:1:0.5", .step(from: 0, to: 1, at: 0.5)),
        ("step:2:1:1", .step(from: 2, to: 1, at: 1)), ("-1", .constant(-1)),
        ("exponential:0.01:1", .exponential(from: 0.01, to: 1)), ("2@1", .constant(2)),
        ("linear:0:1@0.5,1", .joined([.init(.linear(from: 0, to: 1), until: 0.5), .init(.constant(1))])),
        (
            "0@0.25,cosine:0:2@0.75,constant:2@1",
            .joined([
                .init(.constant(0), until: 0.25), .init(.cosine(from: 0, to: 2), until: 0.75), .init(.constant(2)),
            ])
        ),
    ]

    @Test(arguments: texts)
    func readsWhatPeopleWrite(text: String, schedule: Schedule) throws {
        #expect(try Schedule(text) == schedule)
    }

    private static let mistakes: [(String, String)] = [
        ("", "expected a number or a schedule such as linear:0:1, found ''"),
        (":", "expected a number or a schedule such as linear:0:1, found ':'"),
        ("half", "there is no schedule 'half' (schedules are numbers, constant, cosine, exponential, linear, step)"),
        (
            "Linear:0:1",
            "there is no schedule 'Linear' (schedules are numbers, constant, cosine, exponential, linear, step)"
        ),
        ("0.5 ", "there is no schedule '0.5 ' (schedules are numbers, constant, cosine, exponential, linear, step)"),
        ("0.5:1", "expected one number, found '0.5:1'"),
        ("constant", "expected constant:VALUE, found 'constant'"),
        ("linear", "expected linear:FROM:TO, found 'linear'"),
        ("linear:1", "expected linear:FROM:TO, found 'linear:1'"),
        ("linear:0:1:2", "expected linear:FROM:TO, found 'linear:0:1:2'"),
        ("step:0:1", "expected step:FROM:TO:AT, found 'step:0:1'"),
        ("linear:0:one", "'linear:0:one': expected a finite number, found 'one'"),
        ("linear:0:", "'linear:0:': expected a finite number, found ''"),
        ("linear::1", "'linear::1': expected a finite number, found ''"),
        ("cosine:0:nan", "'cosine:0:nan': expected a finite number, found 'nan'"),
        ("inf", "'inf': expected a finite number, found 'inf'"),
        ("constant:inf", "'constant:inf': expected a finite number, found 'inf'"),
        ("step:0:1:1.5", "'step:0:1:1.5': AT is a share of training, from 0 to 1, found 1.5"),
        ("step:0:1:-0.1", "'step:0:1:-0.1': AT is a share of training, from 0 to 1, found -0.1"),
        (
            "exponential:0:1",
            "'exponential:0:1': an exponential schedule never reaches 0; both ends must be above 0"
        ),
        (
            "exponential:-1:-2",
            "'exponential:-1:-2': an exponential schedule never reaches 0; both ends must be above 0"
        ),
        (
            "linear:0:1,1",
            "'linear:0:1': add the share of training at which it ends, such as linear:0:1@0.5, as another part follows"
        ),
        ("0@0.5,1@0.5,2", "'1@0.5': the parts' ends must rise, but one at 0.5 comes before"),
        ("0@0.5,1@0.4,2", "'1@0.4': the parts' ends must rise, but one at 0.5 comes before"),
        ("0@0,1", "'0@0': expected a share of training, above 0 and at most 1, behind '@'"),
        ("0@x,1", "'0@x': expected a share of training, above 0 and at most 1, behind '@'"),
        ("0@nan,1", "'0@nan': expected a share of training, above 0 and at most 1, behind '@'"),
        ("0@0.5@0.6,1", "'0@0.5@0.6': expected one '@'"),
        ("0@1,1", "'0@1': no part can follow one that goes on to the end of training"),
        ("0@0.5", "'0@0.5': the last part goes on to the end of training; leave '@0.5' out"),
        ("0@0.5,", "expected a number or a schedule such as linear:0:1, found ''"),
    ]

    @Test(arguments: mistakes)
    func saysWhatIsWrong(text: String, message: String) {
        #expect { try Schedule(text) } throws: { "\($0)" == message }
    }

    @Test(arguments: [
        "0.5", "0", "-1", "1e+20", "linear:0:1", "linear:0.9:0.1", "cosine:1:0.25", "step:0:1:0.5", "1e-05",
        "exponential:0.01:1", "linear:0:1@0.5,1", "0@0.1,exponential:1e-05:3@0.30000000000000004,step:3:2:0.5",
    ])
    func writesWhatItReads(text: String) throws {
        let schedule = try Schedule(text)
        #expect(try Schedule(schedule.description) == schedule)
    }

    @Test func describesItselfAsItIsWritten() {
        #expect("\(Schedule.constant(0.5))" == "0.5")
        #expect("\(Schedule.constant(2))" == "2")
        #expect("\(Schedule.linear(from: 0, to: 0.5))" == "linear:0:0.5")
        #expect("\(Schedule.step(from: 1, to: 0, at: 0.25))" == "step:1:0:0.25")
        #expect("\(Schedule.exponential(from: 0.5, to: 4))" == "exponential:0.5:4")
        #expect("\(Schedule.joined([.init(.constant(0), until: 0.5), .init(.constant(1))]))" == "0@0.5,1")
    }

    private static let curves: [(Schedule, [Double])] = [
        (Schedule.constant(3), [3.0, 3, 3, 3, 3]),
        (.linear(from: 4, to: 1), [4, 3.25, 2.5, 1.75, 1]),
        // Half a cosine wave: (1 − cos πt) / 2 of the way.
        (.cosine(from: 0, to: 1), [0, (1 - 0.5.squareRoot()) / 2, 0.5, (1 + 0.5.squareRoot()) / 2, 1]),
        (.step(from: 0, to: 1, at: 0.5), [0, 0, 1, 1, 1]),
        // Twice as much after each quarter, and a tenth after each half.
        (.exponential(from: 1, to: 16), [1, 2, 4, 8, 16]),
        (.exponential(from: 1, to: 0.01), [1, 0.1.squareRoot(), 0.1, 0.1 * 0.1.squareRoot(), 0.01]),
        // The second part begins anew where the first one ends, though not where that arrives.
        (.joined([.init(.linear(from: 0, to: 1), until: 0.5), .init(.linear(from: 5, to: 3))]), [0, 0.5, 5, 4, 3]),
        (
            .joined([
                .init(.constant(7), until: 0.25), .init(.step(from: 1, to: 2, at: 0.5), until: 0.75),
                .init(.constant(0)),
            ]), [7, 1, 2, 0, 0]
        ),
    ]

    @Test(arguments: curves)
    func followsItsCurve(schedule: Schedule, expected: [Double]) {
        for (index, value) in expected.enumerated() {
            #expect(abs(schedule(Double(index) / 4) - value) <= 1e-12, "at \(index)/4")
        }
        #expect(schedule(-1) == schedule(0))
        #expect(schedule(2) == schedule(1))
    }

    @Test func knowsItsSmallestValue() throws {
        for (text, minimum) in [
            ("linear:0.5:-1", -1), ("cosine:0:1", 0), ("exponential:0.25:4", 0.25), ("exponential:4:0.25", 0.25),
            ("step:1:2:0.5", 1), ("linear:3:2@0.5,1", 1), ("linear:1:0@0.5,1", 0),
            // Values that no progress leads to do not count.
            ("step:-1:2:0", 2), ("step:2:-1:1", -1), ("step:2:-1:1@0.5,3", 2),
        ] { #expect(try Schedule(text).minimum == minimum, "\(text)") }
    }

    /// 0.9 + (0.1 − 0.9) is a little less than 0.1.
    @Test(arguments: ["linear:0.9:0.1", "cosine:0.9:0.1", "exponential:0.9:0.1", "linear:0.1:0.1", "exponential:3:3"])
    func neverGoesBelowItsSmallestValue(text: String) throws {
        let schedule = try Schedule(text)
        for step in 0...1000 { #expect(schedule(Double(step) / 1000) >= schedule.minimum, "\(step)") }
        #expect(schedule(1) == schedule.minimum)
    }

    @Test func knowsWhetherItIsZero() throws {
        for text in ["0", "linear:0:0", "cosine:0:0", "step:0:0:0.5", "step:1:0:0", "0@0.5,linear:0:0"] {
            #expect(try Schedule(text).isZero, "\(text)")
        }
        for text in [
            "1", "linear:0:1", "linear:-1:1", "step:1:0:0.001", "step:0:1:1", "0@0.5,step:0:1:1", "0@0.1,1@0.2,0",
            "exponential:1e-300:1e-300",
        ] { #expect(try !Schedule(text).isZero, "\(text)") }
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
