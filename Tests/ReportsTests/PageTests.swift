import Foundation
import ModelFiles
import Models
import Tensors
import Testing

@testable import Reports

@Suite struct PageTests {
    @Test func escapesNames() {
        let name = "<script>\"&'\u{1B}[31m\u{202E}"
        let cell: Markup = "<td title=\"\(name)\">\(name)</td>"
        let text = "&lt;script&gt;&quot;&amp;&#39;[31m"
        #expect(cell.html == "<td title=\"\(text)\">\(text)</td>")
        // Markup in markup stays what it is.
        #expect(("<tr>\(cell)\(1)\(0.25)</tr>" as Markup).html == "<tr><td title=\"\(text)\">\(text)</td>10.3</tr>")
    }

    /// Names of models that are alike stand apart, and within the drawing.
    @Test func keepsNamesApart() {
        let labels = [(100.0, 50.0), (100, 50), (130, 52), (430, 50)].map {
            (point: (x: $0.0, y: $0.1), text: "student")
        }
        let placed = Chart.apart(labels, within: 52...440)
        #expect(placed.count == 4)
        #expect(placed[3].isEnd)
        for (index, one) in placed.enumerated() {
            for other in placed[..<index] where one.isEnd == other.isEnd {
                #expect(abs(one.y - other.y) >= 13 || abs(one.x - other.x) >= 49)
            }
        }
    }

    @Test func saysWhereThereIsNoFrontier() {
        func points(_ all: [(Double, Double)]) -> [ModelPoint] {
            all.enumerated().compactMap { index, point in
                ModelPoint(["bytes": .number(point.0), "accuracy": .number(point.1)], "m\(index)", "accuracy")
            }
        }
        #expect(frontierNote(points([(10, 0.9), (20, 0.8)])).contains("smaller or better than m0"))
        #expect(frontierNote(points([(10, 0.9), (20, 0.95)])).hasPrefix("The dotted line is the frontier"))
    }

    /// Whatever names and numbers there are: no tag but ours, and no trap.
    @Test func staysAPageWhateverTheFactsAre() throws {
        let evil = "</style><script>alert(1)</script>"
        let numbers: [JSON] = [
            .number(.nan), .number(-.infinity), .number(1e308), .integer(.max), .integer(.min), .null, .string(evil),
        ]
        for number in numbers {
            let model: JSON = [
                "path": .string(evil), "name": .string(evil), "accuracy": number, "bytes": number, "parameters": number,
                "errors": number,
                "bits_per_weight": number, "weights_bytes": number, "agreement": number,
                "interval": ["accuracy": [number, number]],
                "validation": ["accuracy": number], "best": ["epoch": number, "accuracy": number],
            ]
            let column: JSON = .array([number, 1, number])
            let counts: JSON = .array([.array([number, number]), .array([number])])
            let example: JSON = [
                "example": number, "distance": number, "names": [.string(evil)], "png": .string("\"><script>"),
                "student": ["name": .string(evil), "probability": number],
            ]
            let row: JSON = [
                "name": .string(evil), "examples": number, "student": ["recall": number],
                "ensemble": ["recall": number],
            ]
            let bins: JSON = [
                "calibration_error": number, "bins": [["confidence": number, "accuracy": number, "count": number]],
            ]
            let confusion: JSON = [
                "names": [.string(evil), .string(evil)], "classes": [number, number], "counts": counts, "of": number,
                "pairs": [["label_name": .string(evil), "predicted_name": .string(evil), "count": number]],
            ]
            let columns: JSON = [
                "step": column, "epoch": column, "loss": column, "learning_rate": column, "validation_accuracy": column,
            ]
            let written: JSON = [
                "program": .string(evil), "run": .string(evil), "verdict": .string(evil), "remarks": [.string(evil)],
                "metrics": [["name": "accuracy", "title": .string(evil)]], "test_examples": number,
                "result": [
                    "teachers": [model], "ensemble": model, "student": model, "baseline": model, "comparisons": [model],
                    "budget": ["limit": number, "used": number, "fits": true],
                ],
                "data": ["path": .string(evil), "train": number, "example_shape": [number]],
                "trainings": [["name": .string(evil), "steps": columns, "epochs": columns]],
                "layers": [["name": .string(evil), "class": .string(evil), "bytes": number, "parameters": number]],
                "predictions": [
                    "classes": ["count": number, "shown": [row]], "student": bins, "confusion": confusion,
                ],
                "disagreements": [example], "settings": [evil: .string(evil), "seed": number],
            ]
            let facts = try JSON(parsing: written.compact)
            for html in [RunPage(facts).html, RunComparison([(evil, facts), (evil, [:])]).html] {
                #expect(!html.contains("<script") && html.components(separatedBy: "</style>").count == 2)
                #expect(!html.contains("nan") && !html.contains("src=\"http"))
            }
            _ = RunComparison([(evil, facts)]).table(width: 80)
        }
        #expect(RunPage([:]).html.hasPrefix("<!DOCTYPE html>"))
    }

    /// A thousand classes and a hundred thousand examples: what cannot be read is cut.
    @Test func cutsWhatNobodyCanRead() throws {
        var details = PredictionDetails(.multiclass, classCount: 1000)
        let width = 1000, rows = 2000
        let scores = Buffer(zeros: width * rows).tensor(count: rows, shape: [width])
        let labels = Buffer(zeros: width * rows).tensor(count: rows, shape: [width])
        for row in 0..<rows {
            scores[row * width + row % width] = 1
            // Class 7 is taken for class 9, always.
            labels[row * width + (row % width == 9 ? 7 : row % width)] = 1
        }
        details.add(scores, labels: labels)
        let matrix = try #require(details.confusion { "class \($0)" })
        #expect(matrix["of"] == 1000)
        #expect(matrix["classes"]?.array?.count == 24)
        #expect(
            matrix["names"]?.array?.contains("class 7") == true && matrix["names"]?.array?.contains("class 9") == true)
        #expect(
            matrix["pairs"] == [
                ["label": 7, "predicted": 9, "label_name": "class 7", "predicted_name": "class 9", "count": 2]
            ])
    }
}

@Suite struct ChartTests {
    @Test func putsRoundNumbersOnAxes() {
        #expect(
            Axis([0.12, 0.93], nil, .linear, count: 5).ticks.map { ($0 * 100).rounded() / 100 } == [
                0, 0.2, 0.4, 0.6, 0.8, 1,
            ])
        #expect(Axis([1, 1], nil, .linear, count: 5).low < 1)
        #expect(Axis([1000, 1_000_000], nil, .logarithmic, count: 5).ticks == [1000, 10_000, 100_000, 1_000_000])
        let axis = Axis([0, 10], nil, .linear, count: 5)
        #expect(axis.share(0) == 0 && axis.share(5) == 0.5 && axis.share(10) == 1)
    }

    @Test func leavesOutNumbersThatAreNone() {
        let chart = Chart(
            title: "t",
            series: [.init(name: "s", style: "student", points: [(0, .nan), (1, 2), (2, .infinity), (3, 4)])])
        #expect(chart.svg().html.contains("d=\"M"))
        #expect(Chart(title: "t", series: []).svg().html.isEmpty)
    }
}

@Suite struct PictureTests {
    @Test func writesPNG() throws {
        let numbers = (0..<16).map { Float($0) }
        let image = try #require(DrawnImage(numbers, shape: [4, 4]))
        #expect(image.pixels == (0..<16).map { UInt8($0 * 17) })
        let png = image.png
        #expect(png.prefix(8) == [137, 80, 78, 71, 13, 10, 26, 10])
        // The checksum of every IEND is the same.
        #expect(png.suffix(8) == [73, 69, 78, 68, 174, 66, 96, 130])
    }

    @Test func drawsLowBandsBelow() throws {
        let image = try #require(DrawnImage((0..<20).map { Float($0) }, shape: [5, 4], isSpectrogram: true))
        #expect(image.width == 5 && image.height == 4)
        // The first frame has 0, 1, 2, 3 from low to high.
        #expect(image.pixels[15] == 0 && image.pixels[0] == UInt8((3.0 / 19 * 255).rounded()))
    }

    @Test func meansSquaresOfLargeImages() throws {
        let image = try #require(DrawnImage(Array(repeating: 1, count: 160 * 100 * 3), shape: [160, 100, 3]))
        #expect(image.height == 80 && image.width == 50 && image.channels == 3)
    }

    @Test func drawsNothingElse() {
        #expect(DrawnImage([1, 2, 3], shape: [3]) == nil)
        #expect(DrawnImage(Array(repeating: 1, count: 200), shape: [10, 10, 2]) == nil)
        #expect(DrawnImage([], shape: [10, 10]) == nil)
    }
}
