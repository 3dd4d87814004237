import Foundation
import ModelFiles
import Testing

/// The pages that runs leave.
@Suite struct ReportTests {
    /// Lends a folder with a run, `s.run`, whose files have names that are no HTML.
    private func withRun(_ body: (URL, _ printed: JSON) throws -> Void) throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            let teacher = "<b>&.h5"
            try FileManager.default.moveItem(
                at: folder.appending(path: "digits.h5"), to: folder.appending(path: teacher))
            try writeDigits(to: folder.appending(path: "d.h5"))
            try DistillTests.student.write(to: folder.appending(path: "tiny.yaml"), atomically: true, encoding: .utf8)
            let run = try Program.run(
                "--teachers", teacher, "--data", "d.h5", "--student", "tiny.yaml", "--output", "s.h5", "--epochs", "2",
                "--batch-size", "16", "--budget", "60kB", "--json", "--quiet", in: folder)
            #expect(run.code == 0, "\(run.errors)")
            try body(folder, run.json())
        }
    }

    private func text(_ folder: URL, _ name: String) throws -> String {
        try String(contentsOf: folder.appending(path: name), encoding: .utf8)
    }

    @Test func hasTheFiguresOfTheRun() throws {
        try withRun { folder, printed in
            let facts = try JSON(parsing: text(folder, "s.run/report.json"))
            #expect(facts["result"] == printed)
            #expect(facts["data"]?["test"] == 20 && facts["test_examples"] == 20)
            // Layers and what is beside them are the file.
            let layers = facts["layers"]?.array?.compactMap { $0["bytes"]?.integer }.reduce(0, +) ?? 0
            #expect(layers + (facts["beside_layers"]?.integer ?? 0) == printed["student"]?["bytes"]?.integer)
            // The diagonal of the matrix are the examples that are right.
            let counts =
                facts["predictions"]?["confusion"]?["counts"]?.array?.map { $0.array?.compactMap(\.integer) ?? [] }
                ?? []
            #expect(counts.joined().reduce(0, +) == 20)
            #expect(
                counts.indices.reduce(0) { $0 + counts[$1][$1] } == 20 - (printed["student"]?["errors"]?.integer ?? 0))
            let bins = facts["predictions"]?["student"]?["bins"]?.array ?? []
            #expect(bins.compactMap { $0["count"]?.integer }.reduce(0, +) == 20)
            let epochs = facts["trainings"]?[0]?["epochs"]?["epoch"]
            #expect(epochs == [1.0, 2.0])
            #expect((1...12).contains(facts["disagreements"]?.array?.count ?? 0))
            #expect(facts["disagreements"]?[0]?["png"]?.string?.hasPrefix("iVBORw0KGgo") == true)
        }
    }

    @Test func isMadeAnewToTheSameBytes() throws {
        try withRun { folder, _ in
            let page = try text(folder, "s.run/report.html")
            #expect(page.contains("&lt;b&gt;&amp;.h5") && !page.contains("<b>&"))
            #expect(!page.contains("<script") && !page.contains("://"))
            try FileManager.default.removeItem(at: folder.appending(path: "s.run/report.html"))
            let run = try Program.run("report", "s.run", in: folder)
            #expect(run.code == 0, "\(run.errors)")
            #expect(run.output.hasSuffix("\npage: s.run/report.html\n"))
            #expect(try text(folder, "s.run/report.html") == page)
            // A resumed run writes both once more, and nothing stands in its way.
            #expect(try Program.run("--resume", "s.run", "--quiet", in: folder).code == 0)
        }
    }

    /// A run that was killed has a page of what is known by then.
    @Test func showsHowFarAStoppedRunIs() throws {
        try withRun { folder, _ in
            let run = folder.appending(path: "s.run")
            for name in ["report.json", "report.html"] {
                try FileManager.default.removeItem(at: run.appending(path: name))
            }
            // As it was after the first of two epochs.
            let lines = try text(folder, "s.run/metrics.jsonl").split(separator: "\n")
            let end = try #require(lines.firstIndex { $0.contains("\"epoch\":1,") })
            try (lines[...end].joined(separator: "\n") + "\n").write(
                to: run.appending(path: "metrics.jsonl"), atomically: true, encoding: .utf8)
            let report = try Program.run("report", "s.run", in: folder)
            #expect(report.code == 0, "\(report.errors)")
            let steps = try JSON(parsing: text(folder, "s.run/plan.json"))["steps"]?.array?.count ?? 0
            let state = "stopped in step 2 of \(steps), training student, after epoch 1 of 2"
            #expect(
                report.output
                    == "s.run: \(state); go on with: compress --resume 's.run'\npage: s.run/report.html\n")
            let page = try text(folder, "s.run/report.html")
            #expect(page.contains("Stopped in step 2 of \(steps)") && page.contains("id=\"curves\""))
            #expect(page.contains("&lt;b&gt;&amp;<") && !page.contains("<b>&") && !page.contains("id=\"load\""))
            let json = try Program.run("report", "s.run", "--json", in: folder).json()
            #expect(json["runs"]?[0]?["state"]?.string == state)
            // It stands in nobody's way.
            #expect(try Program.run("--resume", "s.run", "--quiet", in: folder).code == 0)
            #expect(try text(folder, "s.run/report.html").contains("fits the budget"))
        }
    }

    @Test func comparesRuns() throws {
        try withRun { folder, printed in
            let run = try Program.run("report", "s.run", "s.run", "--output", "two.html", "--json", in: folder)
            #expect(run.code == 0, "\(run.errors)")
            let json = try run.json()
            #expect(json["page"] == "two.html")
            #expect(json["runs"]?.array?.map { $0["result"] } == [printed, printed])
            #expect(try text(folder, "two.html").contains("2 runs compared"))
        }
    }

    @Test func refusesWhatIsNoRun() throws {
        try withRun { folder, _ in
            func report(_ name: String) throws -> Run { try Program.run("report", name, in: folder) }
            #expect(try report("none.run").code == 66)
            #expect(try report(".").errors.contains("expected the directory of a run, such as student.run"))
            // Somebody else's page is not replaced.
            let page = folder.appending(path: "s.run/report.html"), facts = folder.appending(path: "s.run/report.json")
            try Data("mine".utf8).write(to: page)
            #expect(try report("s.run").code == 64)
            #expect(try text(folder, "s.run/report.html") == "mine")
            let content = try text(folder, "s.run/report.json")
            try content.replacing("\"errors\": ", with: "\"errors\": 1").write(
                to: facts, atomically: true, encoding: .utf8)
            let edited = try report("s.run")
            #expect(edited.code == 65 && edited.errors.contains("is damaged or was edited"))
            // Of several runs each must have come to its end.
            try FileManager.default.removeItem(at: facts)
            let several = try Program.run("report", "s.run", "s.run", in: folder)
            #expect(several.code == 66 && several.errors.contains("Go on with that run with --resume"))
            // Earlier versions left no plan.
            try FileManager.default.removeItem(at: folder.appending(path: "s.run/plan.json"))
            #expect(try report("s.run").code == 66)
        }
    }
}
