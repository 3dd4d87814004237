import Reports
import Tensors
import Testing

@Suite struct TextTableTests {
    @Test func alignsColumnsAndLeavesOutEmptyOnes() {
        var table = TextTable([.init("model", .left), .init("nothing"), .init("bytes")])
        table.add(["a.h5", "", "1,234"])
        table.addRule()
        table.add(["ensemble"])
        #expect(
            table.text() == """
                model     bytes
                ───────────────
                a.h5      1,234
                ───────────────
                ensemble

                """)
    }
}

@Suite struct WrappingTests {
    @Test func breaksBetweenWords() {
        #expect(wrapped("one two three", width: 8) == "one two\nthree")
        #expect(wrapped("one two three", width: 8, indentation: 2) == "one two\n  three")
        #expect(wrapped("one\ntwo", width: nil, indentation: 2) == "one\n  two")
        #expect(wrapped("incomprehensibilities are long", width: 5) == "incomprehensibilities\nare\nlong")
    }

    @Test func shortensPaths() {
        var table = TextTable([.path("model"), .init("bytes")])
        table.add(["projects/someone/models/convolutional.h5", "1,234"])
        #expect(table.text(width: 30).split(separator: "\n").last == "…odels/convolutional.h5  1,234")
        #expect(table.text(width: 20).split(separator: "\n").last == "…olutional.h5  1,234")
    }
}

@Suite struct BudgetVerdictTests {
    @Test func saysHowMuchIsLeft() {
        let verdict = BudgetVerdict(limit: ByteCount(1_000_000), used: ByteCount(750_000))
        #expect(verdict.fits)
        #expect(
            "\(verdict)" == "fits the budget of 1,000,000 bytes: 750,000 bytes used (75.0 %), 250,000 bytes left")
    }

    @Test func saysHowFarOver() {
        let verdict = BudgetVerdict(limit: ByteCount(1000), used: ByteCount(1001))
        #expect(!verdict.fits)
        #expect("\(verdict)" == "over the budget of 1,000 bytes by 1 byte: 1,001 bytes needed (100.1 %)")
    }
}

@Suite struct ProgressLineTests {
    let line = ProgressLine(
        phase: "teachers 1/3", done: 2500, total: 10_000, unit: "examples", seconds: 2, note: "loss 0.42")

    @Test(arguments: 1...120)
    func keepsToTheWidth(width: Int) {
        #expect(line.text(width: width).count <= width)
        #expect(line.text(width: width, hasBlocks: false).count <= width)
    }

    @Test func drawsABar() {
        #expect(
            line.text(width: 80, hasBlocks: false)
                == "teachers 1/3  [####-------------]   25 %  1,250 examples/s  ETA 6.0 s  loss 0.42")
        #expect(
            line.text(width: 78).hasPrefix("teachers 1/3  ▕███▊           ▏   25 %"))
    }

    @Test func leavesOutWhatDoesNotFit() {
        #expect(line.text(width: 40) == "teachers 1/3   25 %  1,250 examples/s")
    }

    @Test func saysAPlainLine() {
        #expect(line.plain == "teachers 1/3: 25 %, 1,250 examples/s, ETA 6.0 s, loss 0.42")
        #expect(line.summary == "teachers 1/3: 2,500 examples in 2.0 s (1,250/s), loss 0.42")
    }

    @Test func survivesNothing() {
        let line = ProgressLine(phase: "x", done: 0, total: 0, unit: "steps", seconds: 0)
        #expect(line.plain == "x: 0 %, 0.0 steps/s, ETA –")
    }

    @Test(arguments: [
        (0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.6, "1:00"), (187, "3:07"), (3765, "1:02:45"),
    ])
    func saysDurations(seconds: Double, text: String) {
        #expect(duration(seconds) == text)
    }
}
