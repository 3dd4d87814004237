import Datasets
import ModelFiles
import Networks
import Tensors
import Training

extension StudentPlan {
    /// The student of a request, for which it settles what is left to the program: precision, family, and hyperparameters.
    ///
    /// A student whose width is given is stored in as many bits as fit, also in fewer than 4. Else `--precision auto` is
    /// `AutomaticPrecision`.
    ///
    /// - Parameters:
    ///   - request: Receives what was chosen.
    ///   - examples: Those of an epoch.
    /// - Returns: The plan, and a sentence on what `auto` took for the sake of time.
    /// - Throws: What the initializer throws.
    static func settled(
        _ request: inout CompressionRequest, examples: Int, data: ExampleFile, labelKind: LabelKind,
        format: any ModelFormat
    ) throws -> (StudentPlan, note: String?) {
        let choice = AutomaticPrecision(
            request: request, examples: examples, data: data, labelKind: labelKind, format: format)
        let isAutomatic = request.precision == .automatic, countsBytes = request.budgetCounts == .file
        var settled: AutomaticPrecision.Settled, note: String?
        do {
            settled = try choice.plan(isAutomatic && !countsBytes ? .float32 : request.precision)
        } catch let error as BudgetError where isAutomatic {
            guard let bits = error.fittingBits,
                request.byteStages.flatMap({ Precision.bits(bits).problem(with: $0) }) == nil
            else { throw error }
            settled = try choice.plan(.bits(bits))
            note = "precision: \(settled.request.precision.rawValue) bits each (auto: no more fit)"
        }
        // Stages and a loss that are asked for need fewer bits.
        if settled.request.precision == .automatic, countsBytes, request.width == nil, settled.plan.width != nil,
            request.byteStages == nil, request.allowedLoss == nil
        {
            let first = settled
            settled = try choice.shortEnough() ?? choice.plan(.float32)
            note = choice.note(first, settled)
        }
        request = settled.request
        return (settled.plan, note)
    }
}

/// What `--precision auto` takes where the length of the training decides.
///
/// Fewer bits a weight make a wider student in the same bytes. In equal bytes and equal time more weights of fewer bits are
/// better than more multiply-adds, and than more epochs: wide students learn in fewer (`Tools/experiments/bits`). So it starts
/// with 4 bits, or what the format has, and the largest family that suits. Where that training is not short enough
/// (`TrainingCost.isShortForBits`) it takes fewer epochs, down to a quarter, then a smaller family, then 8, 16 and 32
/// bits, each with the largest family again. Where nothing is short enough it takes float32, which has the fewest weights.
private struct AutomaticPrecision {
    typealias Settled = (plan: StudentPlan, request: CompressionRequest)

    let request: CompressionRequest
    /// Those of an epoch.
    let examples: Int
    let data: ExampleFile
    let labelKind: LabelKind
    let format: any ModelFormat

    /// The student of the request, or another one, with some precision.
    func plan(_ precision: Precision, _ student: CompressionRequest.Student? = nil) throws -> Settled {
        var request = request
        request.precision = precision
        request.student = student ?? request.student
        let plan = try StudentPlan(request, data: data, labelKind: labelKind, format: format)
        request.hyperparameters.choose(
            request.automatic, examples: examples, parameters: plan.built.graph.layout.trainableParameterCount)
        return (plan, request)
    }

    private func cost(_ settled: Settled) -> TrainingCost {
        TrainingCost(
            examples: examples, epochs: settled.request.hyperparameters.epochs, graph: settled.plan.built.graph)
    }

    /// The first student whose training is short enough; nil if there is none.
    func shortEnough() -> Settled? {
        let precisions = [.automatic, .bits(8), .float16, .float32] as [Precision]
        for precision in precisions where (try? format.check(precision)) != nil {
            var student: CompressionRequest.Student? = request.student
            while let tried = student, let next = try? plan(precision, tried), next.plan.width != nil {
                let shorter = shortened(next)
                if cost(shorter).isShortForBits { return shorter }
                student = request.student == .automatic ? smaller(next) : nil
            }
        }
        return nil
    }

    /// With as many epochs as are short enough, but no fewer than a quarter; all of them if the user has set them.
    private func shortened(_ settled: Settled) -> Settled {
        guard settled.request.automatic.contains(.epochs) else { return settled }
        var shorter = settled
        let epochs = settled.request.hyperparameters.epochs, fewest = (epochs + 3) / 4
        shorter.request.hyperparameters.epochs = fewest
        while shorter.request.hyperparameters.epochs < epochs {
            var more = shorter
            more.request.hyperparameters.epochs += 1
            guard cost(more).isShortForBits else { break }
            shorter = more
        }
        return shorter
    }

    private func smaller(_ settled: Settled) -> CompressionRequest.Student? {
        StudentFamily.smaller(than: settled.plan.built.architecture.origin, rank: data.exampleShape.count).map {
            .named($0)
        }
    }

    /// What was taken instead of 4 bits and the largest family; nil if that was.
    func note(_ first: Settled, _ settled: Settled) -> String? {
        let (family, name) = (first.plan.built.architecture.origin, settled.plan.built.architecture.origin)
        let (most, epochs) = (first.request.hyperparameters.epochs, settled.request.hyperparameters.epochs)
        let bits = Precision.bits(format.plannedBits).rawValue, precision = settled.request.precision
        var changes: [String] = [], options: [String] = []
        if precision != .automatic {
            changes.append("precision: \(precision.rawValue)")
            options.append("--precision \(bits)")
        }
        if name != family {
            changes.append("student: \(name)")
            options.append("--student \(family)")
        }
        if epochs != most {
            changes.append("epochs: \(grouped(epochs))")
            options.append("--epochs \(most)")
        }
        guard !changes.isEmpty else { return nil }
        return changes.joined(separator: ", ") + " (auto: \(grouped(most)) epochs of \(family) at \(bits) bits take "
            + "\(cost(first)), not fewer than 10^13; for those: \(options.joined(separator: " ")))"
    }
}
