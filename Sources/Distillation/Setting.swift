import Foundation
public import ModelFiles
import Models
import Tensors
import Training

/// One setting of a job: its key, its value, and which outputs of a run have it.
///
/// A request lists its settings once (`settings`). The configuration in the run directory, its manifest, the fingerprint
/// of `--resume` and the student's provenance are all made from this list.
struct Setting: Sendable {
    struct Outputs: OptionSet, Sendable {
        let rawValue: Int

        /// `configuration.yaml`: what `--resume` reads again.
        static let configuration = Self(rawValue: 1)
        /// `run.json`: what the bits of the result depend on.
        static let fingerprint = Self(rawValue: 2)
        /// `manifest.json`: what teachers predicted, and how.
        static let manifest = Self(rawValue: 4)
        /// The attribute `provenance` of the student's file.
        static let provenance = Self(rawValue: 8)
        /// What `--resume` reads and what it compares.
        static let resume: Self = [.configuration, .fingerprint]
    }

    /// As the option is called.
    let key: String
    /// Nil where it is not in force.
    let value: JSON?
    /// What a fingerprint has in the place of nil.
    let unset: String
    let outputs: Outputs

    init(_ key: String, _ value: JSON?, unset: String = "none", in outputs: Outputs) {
        (self.key, self.value, self.unset, self.outputs) = (key, value, unset, outputs)
    }
}

extension [Setting] {
    /// The settings in force that an output has, under the names of options.
    func options(in output: Setting.Outputs) -> [JSON.Object.Member] {
        filter { $0.outputs.contains(output) }.compactMap { setting in
            setting.value.map { .init(setting.key, $0) }
        }
    }

    /// The same under JSON's names: `batch_size` for `batch-size`.
    func members(in output: Setting.Outputs) -> [JSON.Object.Member] {
        options(in: output).map { .init($0.key.replacing("-", with: "_"), $0.value) }
    }

    /// What the bits of the result depend on, as text.
    var fingerprint: [(name: String, value: String)] {
        filter { $0.outputs.contains(.fingerprint) }.map { setting in
            (setting.key, setting.value.map { $0.string ?? "\($0)" } ?? setting.unset)
        }
    }
}

// MARK: - Of a compression

extension CompressionRequest {
    /// All settings. Rules for teachers are not among them: a fingerprint has them in the teachers' keys, and a
    /// configuration as the user wrote them, by name.
    var settings: [Setting] {
        files + size + hyperparameters.settings(automatic, augmentation) + distillation
            + [
                Setting("baseline", baseline.map { .bool($0) }, in: .configuration),
                Setting("threads", threads.map { .integer($0) }, in: .configuration),
                Setting(
                    "checkpoint-every", checkpointInterval.map { .string(Self.text($0)) }, in: .configuration),
            ] + stages.flatMap(\.settings)
    }

    /// `90s`, as `--checkpoint-every` reads it.
    private static func text(_ time: Duration) -> String {
        let seconds = time / .seconds(1)
        return seconds == seconds.rounded() ? "\(Int(seconds))s" : "\(seconds)s"
    }

    /// The keys of a configuration file with absolute paths: everything that is in force. `teachers` is the first.
    public var configuration: [JSON.Object.Member] { settings.options(in: .configuration) }

    /// A fingerprint has digests of what is in them, and of the student.
    private var files: [Setting] {
        [
            Setting("teachers", .array(teacherSources.map { .string($0.text(absolutePath)) }), in: .configuration),
            Setting("data", .string(absolutePath(data)), in: .configuration),
            Setting("data", .string(fileName(data)), in: .provenance),
            Setting("test", testShare.map { .number($0) }, in: [.resume, .provenance]),
            Setting("unlabeled", unlabeled.map { .string(absolutePath($0)) }, in: .configuration),
            Setting("unlabeled", unlabeled.map { .string(fileName($0)) }, in: .provenance),
        ]
    }

    private var size: [Setting] {
        let student =
            switch student {
            case .automatic: "auto"
            case .named(let name): name
            case .file(let path): absolutePath(path)
            }
        return [
            Setting("budget", .integer(budget.bytes), in: .resume),
            Setting(
                "budget-counts", budgetCounts == .file ? nil : .string(budgetCounts.rawValue), unset: "file",
                in: .resume),
            Setting("output", .string(absolutePath(output)), in: .configuration),
            Setting("student", .string(student), in: .configuration),
            Setting("width", width.map { .number($0) }, unset: "auto", in: .resume),
            Setting("max-multiply-adds", mostMultiplyAdds.map { .integer($0) }, in: .resume),
            Setting("precision", .string(precision.rawValue), in: .resume),
            Setting("precision", precision == .float32 ? nil : .string(precision.rawValue), in: .provenance),
            Setting("stages", byteStages.map { .string(ByteStage.text($0)) }, unset: "auto", in: .resume),
            Setting("stages", byteStages.map { .string(ByteStage.text($0)) }, in: .provenance),
            Setting("allow-loss", allowedLoss.map { .number($0) }, unset: "auto", in: .resume),
        ]
    }

    private var distillation: [Setting] {
        [
            Setting("views", views.map { .integer($0) }, in: .resume),
            Setting("views", augmentation.map { _ in views.map { .integer($0) } ?? "live" }, in: .provenance),
            Setting("soft-targets", .string("\(softTargets)"), in: .resume),
            Setting("generations", .integer(generations), in: .resume),
            Setting("generations", generations > 1 ? .integer(generations) : nil, in: .provenance),
            Setting("seeds", .integer(seeds), in: .resume),
            Setting("preset", preset.map { .string($0.rawValue) }, in: .resume),
        ] + loss.settings + [
            Setting("first-stage", firstStage?.json, in: .resume),
            Setting("first-stage-epochs", firstStage.map { .integer($0.epochs) }, in: .provenance),
            Setting("combine", .string(combination.rawValue), in: .resume),
            Setting("combination", .string(combination.rawValue), in: [.manifest, .provenance]),
            Setting("teacher-weights", .string("\(teacherWeights)"), in: .resume),
            Setting(
                "teacher-weights", teacherWeights == .byExample ? .string("\(teacherWeights)") : nil, in: .provenance),
        ]
    }
}

extension LossSettings {
    /// Provenance has them as one formula.
    var settings: [Setting] {
        [
            Setting("temperature", temperature.json, in: [.resume, .manifest]),
            Setting("lambda", lambda.json, in: .resume), Setting("soft-weight", softWeight.json, in: .resume),
            Setting("losses", .array(terms.map(\.json)), in: .resume),
        ]
    }
}

// MARK: - Of a training on labels

extension TrainingRequest {
    /// All settings; a fingerprint has digests of the data and the model.
    ///
    /// The precision is none of them: weights are rounded when training is over, and a run whose weights are too large for one
    /// precision goes on to another.
    var settings: [Setting] {
        [
            Setting("width", width.map { .number($0) }, unset: "1", in: .fingerprint),
            Setting("folds", folds.map { .integer($0) }, in: .fingerprint),
            Setting("test", testShare.map { .number($0) }, in: .fingerprint),
        ] + hyperparameters.settings(automatic, augmentation)
    }
}

// MARK: - Of both

extension Hyperparameters {
    /// - Parameter automatic: What of it the program chooses: a configuration has `auto`, all else what was chosen.
    func settings(_ automatic: AutomaticHyperparameters, _ augmentation: Augmentation?) -> [Setting] {
        func choice(_ key: String, _ value: JSON, _ choice: AutomaticHyperparameters) -> [Setting] {
            [
                Setting(key, automatic.contains(choice) ? "auto" : value, in: .configuration),
                Setting(key, value, in: [.fingerprint, .provenance]),
            ]
        }
        let augment = augmentation.map { JSON.string("\($0)") }
        return choice("epochs", .integer(epochs), .epochs) + choice("batch-size", .integer(batchSize), .batchSize)
            + [
                Setting("lanes", lanes > 1 ? .integer(lanes) : nil, unset: "1", in: [.resume, .provenance]),
                Setting(
                    "exchange", exchange == .float32 ? nil : .string(exchange.rawValue), unset: "float32",
                    in: [.resume, .provenance]),
                Setting("examples of a worker", .integer(shardSize), in: .fingerprint),
                Setting("optimizer", .string(optimizer.kind.rawValue), in: [.configuration, .provenance]),
                Setting("optimizer", .string("\(optimizer)"), in: .fingerprint),
            ] + choice("learning-rate", .number(learningRate), .learningRate)
            + [
                Setting("learning-rate-schedule", .string("\(learningRateSchedule)"), in: [.resume, .provenance]),
                Setting("global-clipnorm", globalClipnorm.map { .number($0) }, in: [.resume, .provenance]),
                Setting("ema-momentum", emaMomentum.map { .number($0) }, in: [.resume, .provenance]),
                Setting("seed", .integer(seed), in: [.resume, .provenance]),
                Setting("augment", augment, in: .resume), Setting("augmentation", augment, in: .provenance),
                Setting("early-stopping", patience.map { .integer($0) }, in: .resume),
                Setting("keep-best", prefersLast ? nil : .bool(keepsBest), unset: "auto", in: .resume),
            ]
    }
}

/// The path of a file from the root of the file system: it means the same in any folder.
public func absolutePath(_ path: String) -> String { URL(fileURLWithPath: path).path }

/// The last part of a path.
func fileName(_ path: String) -> String { (path as NSString).lastPathComponent }
