import ArgumentParser
import Distillation
import ModelFiles
import Reports
import Storage

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Make the page of a run anew, or one that compares runs.",
        discussion: """
            Every run of the main job ends with two files in its directory: report.html, a page for a browser that needs no \
            other file and no network, and report.json with every figure in it. This command makes the page of one run again, \
            from report.json, and of several runs one page and a table that compare them. Of a run that is stopped or still \
            at work it makes a page of what is known by now: how far it is, and its learning curves.

            Examples:
              compress report student.run
              compress report small.run large.run --output sizes.html
            """)

    @Argument(help: .init("Run directories.", valueName: "run"), completion: .directory)
    var runs: [String]

    @Option(
        help: .init(
            "The page to write. (default: report.html in the run directory; of several runs comparison.html)",
            valueName: "path"), completion: .pages)
    var output: String?

    @OptionGroup var common: CommonOptions

    func run() throws {
        let all: [FinishedRun]
        do {
            all = try runs.map { try FinishedRun(in: $0) }
        } catch let error as NoReportError where error.isUnfinished && runs.count == 1 {
            return try showUnfinished(UnfinishedRun(in: runs[0]))
        }
        let comparison = RunComparison(all.map { (name: $0.directory, facts: $0.facts) })
        let path: String
        if all.count == 1, output == nil {
            path = all[0].page
            try all[0].write(RunPage(all[0].facts).html)
        } else {
            path = output ?? "comparison.html"
            try OutputFile.check(path)
            try WholeFile.write(all.count == 1 ? RunPage(all[0].facts).html : comparison.html, to: path)
        }
        try common.print(
            comparison.table(width: Terminal.output.limit) + "\npage: \(path)\n",
            json: ["page": .string(path), "runs": comparison.json])
    }

    /// Makes the page of a run as far as it has come.
    private func showUnfinished(_ run: UnfinishedRun) throws {
        let advice = run.isRunning ? "" : "; go on with: compress --resume \(shellWord(run.directory))"
        let html = RunPage(run.facts(program: "compress \(Provenance.version)", advice: advice)).html
        if let output {
            try OutputFile.check(output)
            try WholeFile.write(html, to: output)
        } else {
            try run.write(html)
        }
        let path = output ?? run.page, line = "\(run.directory): \(run.state)\(advice)"
        try common.print(
            "\(wrapped(line, width: Terminal.output.limit, indentation: 2))\npage: \(path)\n",
            json: [
                "page": .string(path),
                "runs": [["run": .string(run.directory), "state": .string(run.state), "result": .null]],
            ])
    }
}
