import Datasets
import Foundation
public import ModelFiles
import Models
import Storage
import Tensors

/// A run that has not come to its end, as far as its directory has it: stopped, killed, or at work.
public struct UnfinishedRun {
    static let planName = "plan.json"

    public let directory: String
    /// What `plan.json` holds.
    public let plan: JSON
    /// The lines of `metrics.jsonl`.
    public let lines: [JSON]
    /// Whether a process works on it.
    public let isRunning: Bool
    private let mark: String

    /// - Throws: `NoReportError` for a directory without a run of the main job; `DamagedReportError` for a plan that is not as it
    ///   was written.
    public init(in directory: String) throws {
        self.directory = directory
        guard let run = try RunDirectory.Facts(in: directory) else { throw NoReportError(directory, .noRun) }
        mark = run.mark
        guard let plan = try RunPages.facts(Self.planName, in: directory, mark: mark) else {
            throw NoReportError(directory, .notOver)
        }
        self.plan = plan
        lines = MetricsLog.lines(in: directory)
        isRunning = RunDirectory.isInUse(directory)
    }

    /// How far it is: `step 4 of 9, training student, epoch 7 of 40`.
    public var state: String {
        let place = place.map { place in
            let epoch = "epoch \(place.epoch) of \(place.epochs)"
            return "step \(place.step) of \(steps.count), \(place.phase), "
                + (place.epoch < place.epochs ? "after \(epoch)" : "at its end or later")
        }
        return
            "\(isRunning ? "at work" : "stopped") \(place.map { "in \($0)" } ?? "before the first epoch of training ended")"
    }

    /// The steps of the run: the phases of each, and the epochs of each of those.
    private var steps: [(phases: [String], epochs: Int)] {
        (plan["steps"]?.array ?? []).map { step in
            (step["phases"]?.array?.compactMap(\.string) ?? [], step["epochs"]?.integer ?? 0)
        }
    }

    /// The step of the last epoch that has ended.
    private var place: (step: Int, phase: String, epoch: Int, epochs: Int)? {
        guard let last = lines.last(where: { $0["epoch"] != nil }), let epoch = last["epoch"]?.integer else {
            return nil
        }
        let phase = RunSteps.Phase.training(last["training"]?.string ?? "")
        guard let index = steps.firstIndex(where: { $0.phases.contains(phase) }) else { return nil }
        return (index + 1, phase, epoch, steps[index].epochs)
    }

    /// The path of its page.
    public var page: String { "\(directory)/\(RunPages.pageName)" }

    /// Writes the page; a run that is at work replaces it at its end.
    ///
    /// - Throws: `RunDirectoryError` where a file of others has that name.
    public func write(_ text: String) throws {
        try RunPages.replace(page, with: text, mark: mark)
    }
}

extension Compressor {
    /// What the run is going to do, for a page that is made before its end.
    func planFacts(mark: String) -> JSON.Object {
        let size = plan.export.size
        return [
            "run": .string(mark), "architecture": .string(plan.built.architecture.name),
            "student": [
                "path": .string(request.output), "parameters": .integer(size.parameters),
                "predicted_bytes": .integer(size.file.bytes),
            ],
            "budget": [
                "limit": .integer(request.limit.limit.bytes), "counts": .string(request.limit.counted.rawValue),
            ],
            "teachers": .array(
                teachers.map { teacher in
                    [
                        "path": .string(teacher.path), "name": .string(teacher.name),
                        "parameters": teacher.plan.parameters.map { .integer($0) } ?? .null,
                        "bytes": teacher.plan.bytes.map { .integer($0.bytes) } ?? .null,
                    ]
                }),
            "data": ["path": .string(request.data), "train": .integer(train.count)],
            "loss": .string(request.loss.formula(labelKind)), "settings": .object(pageSettings),
            "steps": .array(
                steps.map { step in
                    ["phases": .array(step.phases.map { .string($0) }), "epochs": .integer(step.epochs)]
                }),
        ]
    }

    /// The settings in force, without those that say where files are.
    var pageSettings: JSON.Object {
        JSON.Object(request.configuration.filter { !RunDetails.places.contains($0.key) })
    }
}
