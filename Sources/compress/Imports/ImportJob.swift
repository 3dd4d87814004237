import Datasets
import Distillation
import ModelFiles
import Synchronization
import Tensors

/// An import about to be done.
struct ImportJob {
    let files: any ExampleImport
    /// What is left out on the way, for formats that can leave out something.
    var skipped: SkippedRecords?

    /// Writes the data file, and reports what is in it.
    func run(to output: String, _ progress: Progress, _ common: CommonOptions) throws {
        progress.begin("importing", total: try files.amount(), unit: files.unit)
        let report = try files.write(to: output) { progress.advance(to: $0) }
        progress.end()
        for warning in report.warnings { progress.tell(.warning(warning)) }
        try common.print(text(report), json: json(report))
    }

    private func splits(_ report: ImportReport) -> [(name: String, count: Int)] {
        let validation = report.validationCount ?? 0
        let all = [("train", report.trainCount), ("validation", validation), ("test", report.testCount)]
        return all.filter { $0.1 > 0 }
    }

    private func text(_ report: ImportReport) -> String {
        let counts = splits(report).map { "\(grouped($0.count)) \($0.name)" }.joined(separator: ", ")
        return "\(report.path): \(counts) examples, \(report.classCount) classes, \(ByteCount(report.byteCount))\n"
    }

    private func json(_ report: ImportReport) -> JSON {
        let splits = splits(report).map { JSON.Object.Member($0.name, ["examples": .integer($0.count)]) }
        var members: [JSON.Object.Member] = [
            .init("path", .string(report.path)), .init("splits", .object(JSON.Object(splits))),
            .init("classes", .integer(report.classCount)), .init("bytes", .integer(report.byteCount)),
        ]
        if let skipped {
            members.append(.init("skipped", .integer(skipped.count.load(ordering: .relaxed))))
            members.append(.init("skipped_bytes", .integer(skipped.byteCount.load(ordering: .relaxed))))
        }
        return .object(JSON.Object(members))
    }
}

/// What was left out.
final class SkippedRecords: Sendable {
    /// Damaged records.
    let count = Atomic(0)
    /// Bytes behind them in which no record could be found.
    let byteCount = Atomic(0)

    func note(_ remark: YouTube8MImport.Remark) {
        switch remark {
        case .skipped: count.add(1, ordering: .relaxed)
        case .lost(_, let bytes): byteCount.add(bytes, ordering: .relaxed)
        default: break
        }
    }
}
