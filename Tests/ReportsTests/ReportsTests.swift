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

/// A table of layers as narrow as windows are.
@Suite struct NarrowTableTests {
    private let table: TextTable = {
        var table = TextTable([
            .path("layer"), .words("class"), .init("parameters"), .init("bytes"), .init("of ensemble"),
            .init("multiply-adds"),
        ])
        table.add(["batch_normalization_1", "BatchNormalization", "48", "1,440", "0.7 %"])
        table.add(["  moving_variance", "", "12", "480", "0.2 %"])
        table.addRule()
        table.add(["conv2d", "Conv2D", "2,484", "15,450", "7.7 %", "39,744"])
        return table
    }()

    @Test(arguments: 45...120)
    func keepsToTheWidth(width: Int) {
        for line in table.text(width: width).split(separator: "\n") { #expect(line.count <= width, "\(line)") }
    }

    @Test func breaksTitlesFirst() {
        #expect(
            table.text(width: 88).hasPrefix(
                """
                                                                                     of  multiply-
                layer                  class               parameters   bytes  ensemble       adds
                ──────────────────────────────────────────────────────────────────────────────────
                batch_normalization_1  BatchNormalization          48   1,440     0.7 %
                  moving_variance                                  12     480     0.2 %

                """))
    }

    /// Paths lose their beginnings, words their ends, and neither its indentation.
    @Test func cutsNames() {
        let text = table.text(width: 66)
        #expect(text.contains("\n…rmalization_1 BatchNormaliz…         48  1,440    0.7 %\n"), "\(text)")
        #expect(text.contains("\n  …ng_variance "), "\(text)")
    }

    @Test func continuesBelow() {
        #expect(
            table.text(width: 48) == """
                layer          class          parameters   bytes
                ────────────────────────────────────────────────
                …malization_1  BatchNormali…          48   1,440
                  …g_variance                         12     480
                ────────────────────────────────────────────────
                conv2d         Conv2D              2,484  15,450

                                                   of  multiply-
                layer         class          ensemble       adds
                ────────────────────────────────────────────────
                …alization_1  BatchNormali…     0.7 %
                  …_variance                    0.2 %
                ────────────────────────────────────────────────
                conv2d        Conv2D            7.7 %     39,744

                """)
    }
}

@Suite struct WrappingTests {
    @Test func keepsNumbersAndUnitsTogether() {
        #expect(wrapped("peak memory: 75.6 MB", width: 18) == "peak memory:\n75.6 MB")
        #expect(
            wrapped("better than labels by 0.9 ± 0.3 points", width: 34) == "better than labels by\n0.9 ± 0.3 points")
        #expect(
            wrapped("held-out score as float32 (± 0.5 points)", width: 32)
                == "held-out score as float32\n(± 0.5 points)")
        #expect(wrapped("it is 98 % better", width: 8) == "it is\n98 %\nbetter")
        // What is longer than half a line is broken as other words are.
        #expect(wrapped("a · b · c · d", width: 6) == "a ·\nb ·\nc · d")
    }

    @Test func continuesUnderTheLastColumn() {
        let text =
            "usage: compress PATH --output PATH --data PATH\n\n  --teachers PATH ...  trained models of any kind\n    and others more"
        #expect(
            wrappedLines(text, width: 40) == """
                usage: compress PATH --output PATH
                       --data PATH

                  --teachers PATH ...  trained models of
                                       any kind
                    and others more
                """)
        #expect(wrappedLines(text, width: 80) == text)
    }

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
        #expect(
            line.text(width: 63, hasBlocks: false)
                == "teachers 1/3  [##-------]   25 %  1,250/s  ETA 6.0 s  loss 0.42")
        #expect(line.text(width: 40) == "teachers 1/3   25 %  1,250/s  ETA 6.0 s")
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
