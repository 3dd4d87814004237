public import Distillation
public import ModelFiles
import Models
import Tensors

extension DryRunReport {
    /// The most stages that are named.
    private static let mostStages = 12

    private var verdict: BudgetVerdict { BudgetVerdict(budget, file: size, parameters: parameters) }

    /// What `--dry-run` prints.
    public func text(width: Int? = nil) -> String {
        var lines = [student, "  takes \(input), outputs \(grouped(classCount)) classes"]
        let losses =
            formulas.count == 1
            ? ["loss: \(formulas[0])"] : zip(["first stage", "loss"], formulas).map { "\($0): \($1)" }
        lines += [precisionNote].compactMap(\.self) + losses + [baseline] + (weightChoice.map { [$0] } ?? [])
        if let augmentation { lines.append("augmentation: \(augmentation)") }
        let unlabeled = unlabeledCount > 0 ? " and \(grouped(unlabeledCount)) unlabeled" : ""
        let several = trainings == 1 ? "" : " for each of \(trainings) trainings"
        if let heldOut { lines.append(heldOut) }
        if stages.count > 1 {
            let names = stages.prefix(Self.mostStages).map {
                $0.epochs == 0 ? $0.name : "\($0.name) (\(grouped($0.epochs)) epochs)"
            }
            let more = stages.count > names.count ? ", and \(grouped(stages.count - names.count)) more" : ""
            lines.append("stages: \(names.joined(separator: ", "))\(more)")
        }
        lines += [
            "examples: \(grouped(trainCount))\(unlabeled) to train with, \(grouped(validationCount)) held out, "
                + "\(grouped(testCount)) to test",
            "steps: \(grouped(stepsPerEpoch * epochs)), \(grouped(stepsPerEpoch)) an epoch of batches of \(batchSize), "
                + "\(epochs) epochs\(several)",
            "soft targets: \(softTargets) as \(softTargetForm) in the run directory",
            "memory: about \(predictingMemory.short) while teachers predict, \(trainingMemory.short) while the student trains",
        ]
        if let teachingSeconds, let trainingSeconds {
            lines.append(
                "time: about \(duration(teachingSeconds)) for the teachers to predict, \(duration(trainingSeconds)) to train, measured "
                    + "on a few batches")
        }
        if let processes {
            lines.append(
                "processes: \(processes.words): a step takes \(milliseconds(processes.stepSeconds)) and sends "
                    + "\(ByteCount(processes.bytesPerStep).short), which alone takes \(milliseconds(processes.exchangeSeconds)); "
                    + "one process takes \(milliseconds(processes.aloneSeconds)): \(fixed(processes.speedup, digits: 2)) times as fast"
            )
        }
        if let memoryProblem { lines.append("it would be refused: \(memoryProblem)") }
        lines += warnings.map { "warning: \($0)" }
        let text = lines.map { wrapped($0, width: width, indentation: 2) + "\n" }
        return text[0] + text[1] + planText(teachers, width: width) + text.dropFirst(2).joined()
            + frontierTable(width: width)
            + wrapped("\(verdict)", width: width, indentation: 2) + "\nnothing was written\n"
    }

    private func milliseconds(_ seconds: Double) -> String { "\(fixed(1000 * seconds, digits: 2)) ms" }

    /// What the budget has room for, from the most bits to the fewest.
    private func frontierTable(width: Int?) -> String {
        guard frontier.count > 1 else { return "" }
        var table = TextTable([
            .init("--precision", .left), .init("student", .left), .init("width"), .init("parameters"), .init("bytes"),
            .init("multiply-adds"), .init("training time"),
        ])
        for point in frontier {
            table.add([
                point.precision.rawValue, point.name, "\(point.width)", grouped(point.parameters),
                grouped(point.size.bytes), grouped(point.multiplyAdds),
                point.trainingSeconds.map { duration($0) } ?? "",
            ])
        }
        return "what the budget has room for, by --precision:\n" + table.text(width: width)
    }

    /// How good the teachers are, on a few held-out examples.
    private var heldOut: String? {
        guard let first = measurements.first, let name = first.metrics.first?.name else { return nil }
        let figures = measurements.map {
            "\($0.name) \(fixed($0.metrics.first?.value ?? 0, digits: 4))"
        }
        return "held-out \(name.replacing("_", with: " ")) (\(grouped(first.count)) examples): "
            + figures.joined(separator: ", ")
    }

    /// What `--dry-run --json` prints.
    public var json: JSON {
        let teachers = teachers.enumerated().map { index, teacher -> JSON in
            let facts: [JSON.Object.Member] =
                [
                    .init("path", .string(teacher.path))
                ] + sizeMembers(teacher.parameters, teacher.bytes)
            let measured = measurements.isEmpty ? [] : measurements[index].jsonMembers
            return .object(JSON.Object(facts + teacher.jsonMembers + measured))
        }
        var object: JSON.Object = [
            "student": [
                "description": .string(student), "parameters": .integer(parameters),
                "precision": .string(precision.rawValue), "input": .array(input.axes.map { .integer($0) }),
                "predicted_bytes": .integer(size.bytes),
            ], "teachers": .array(teachers), "loss": .array(formulas.map { .string($0) }),
        ]
        object["baseline"] = .string(baseline)
        object["teacher_weights"] = weightChoice.map { .string($0) }
        object["augmentation"] = augmentation.map { .string($0) }
        object["examples"] = [
            "train": .integer(trainCount), "unlabeled": .integer(unlabeledCount),
            "validation": .integer(validationCount), "test": .integer(testCount),
        ]
        object["stages"] = .array(
            stages.map { ["name": .string($0.name), "epochs": .integer($0.epochs)] })
        object["steps"] = .integer(steps)
        object["soft_target_bytes"] = .integer(softTargets.bytes)
        object["soft_target_form"] = .string("\(softTargetForm)")
        object["memory_bytes"] = ["teach": .integer(predictingMemory.bytes), "train": .integer(trainingMemory.bytes)]
        object["memory_problem"] = memoryProblem.map { .string($0) }
        object["seconds"] = [
            "teach": teachingSeconds.map { .number($0) } ?? .null,
            "train": trainingSeconds.map { .number($0) } ?? .null,
        ]
        object["frontier"] = .array(
            frontier.map { point in
                [
                    "precision": .string(point.precision.rawValue), "student": .string(point.name),
                    "width": .number(point.width), "parameters": .integer(point.parameters),
                    "predicted_bytes": .integer(point.size.bytes), "multiply_adds": .integer(point.multiplyAdds),
                    "train_seconds": point.trainingSeconds.map { .number($0) } ?? .null,
                ]
            })
        object["processes"] = processes.map { processes in
            [
                "count": .integer(processes.count), "bytes_per_step": .integer(processes.bytesPerStep),
                "step_seconds": .number(processes.stepSeconds), "exchange_seconds": .number(processes.exchangeSeconds),
                "one_process_step_seconds": .number(processes.aloneSeconds), "speedup": .number(processes.speedup),
            ]
        }
        object["warnings"] = .array(warnings.map { .string($0) })
        object["budget"] = verdict.json
        return .object(object)
    }
}

extension TeacherMeasurement {
    /// What it was measured on, and its metrics.
    fileprivate var jsonMembers: [JSON.Object.Member] {
        [.init("validation", .object(JSON.Object([.init("examples", .integer(count))] + members(metrics))))]
    }
}
