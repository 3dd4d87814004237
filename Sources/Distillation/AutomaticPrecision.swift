import Datasets
import ModelFiles
import Networks
import Tensors
import Training

extension StudentPlan {
    /// The student of a request, for which it settles what is left to the program: the precision, and hyperparameters.
    ///
    /// Fewer bits a weight make a wider student in the same bytes. `auto` starts with 4, or what the format has, and takes 8, 16 and 32 in turn as
    /// long as the training of the student is not very short (`TrainingCost.isVeryShort`): where time binds before bytes do, more
    /// weights would only make it longer. A student whose width is given is stored in as many bits as fit, also in fewer
    /// than 4.
    ///
    /// - Parameters:
    ///   - request: Receives what was chosen.
    ///   - examples: Those of an epoch.
    /// - Returns: The plan, and a sentence on the precision where `auto` took more than 4 bits for the sake of time.
    /// - Throws: What the initializer throws.
    static func settled(
        _ request: inout CompressionRequest, examples: Int, data: ExampleFile, labelKind: LabelKind,
        format: any ModelFormat
    ) throws -> (StudentPlan, note: String?) {
        func plan(_ precision: Precision) throws -> (StudentPlan, CompressionRequest) {
            var request = request
            request.precision = precision
            let plan = try StudentPlan(request, data: data, labelKind: labelKind, format: format)
            request.hyperparameters.choose(
                request.automatic, examples: examples, parameters: plan.built.graph.layout.trainableParameterCount)
            return (plan, request)
        }
        func cost(_ plan: StudentPlan, _ request: CompressionRequest) -> TrainingCost {
            TrainingCost(examples: examples, epochs: request.hyperparameters.epochs, graph: plan.built.graph)
        }
        let countsBytes = request.budgetCounts == .file
        var chosen: StudentPlan, settled: CompressionRequest, note: String?
        do {
            (chosen, settled) = try plan(
                request.precision == .automatic && !countsBytes ? .float32 : request.precision)
        } catch let error as BudgetError where request.precision == .automatic {
            guard let bits = error.fittingBits,
                request.byteStages.flatMap({ Precision.bits(bits).problem(with: $0) }) == nil
            else { throw error }
            (chosen, settled) = try plan(.bits(bits))
            note = "precision: \(settled.precision.rawValue) bits each (auto: no more fit)"
        }
        // Stages and a loss that are asked for need fewer bits.
        if settled.precision == .automatic, countsBytes, request.width == nil, chosen.width != nil,
            request.byteStages == nil, request.allowedLoss == nil
        {
            let first = cost(chosen, settled), planned = Precision.bits(format.plannedBits).rawValue
            let others = [Precision.bits(8), .float16, .float32].filter { (try? format.check($0)) != nil }
            for precision in others where !cost(chosen, settled).isVeryShort {
                guard let (next, request) = try? plan(precision), next.width != nil else { break }
                (chosen, settled) = (next, request)
                note =
                    "precision: \(precision.rawValue) (auto: at \(planned) bits the training takes \(first), not fewer than 10^13; "
                    + "--precision \(planned) has a student of more weights)"
            }
        }
        request = settled
        return (chosen, note)
    }
}
