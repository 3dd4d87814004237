import Distillation
import ModelFiles
import Models
import Reports
import Training

/// The pages that a run leaves in its directory.
private var pages: RunPages {
    RunPages(facts: { $0.facts(program: "compress \(Provenance.version)") }, page: { RunPage($0).html })
}

/// The main job.
func distill(_ options: DistillOptions, progress: Progress) throws -> CompressionReport {
    do {
        // What cannot work is refused here, before anything is written.
        let compressor = try Compressor(
            options.request, peers: try Launcher.join(), isInterrupted: { Interruption.requested }, tell: progress.tell)
        Interruption.keepState()
        return try compressor.run(configuration: options.configuration.yaml, pages: pages)
    } catch is CancellationError {
        throw Interruption.failure("stopped; go on with: compress --resume \(shellWord(options.request.runDirectory))")
    } catch {
        let failure = Failure(error), directory = options.request.runDirectory
        let isUnwritten = failure.status == .inputOutput || failure.status == .cannotCreate
        guard isUnwritten, hasCheckpoint(directory) else { throw failure }
        throw Failure(
            failure.status, "\(failure.description). Then go on with: compress --resume \(shellWord(directory))")
    }
}

/// What the main job would do, after all the checks that it makes before it writes anything.
func dryRunReport(_ options: DistillOptions) throws -> DryRunReport {
    try Compressor(
        options.request, peers: try Launcher.join(), isInterrupted: { Interruption.requested }, tell: { _ in }
    ).dryRun()
}

/// Some of the teachers' predictions for a main job.
func teach(_ request: TeachingRequest, progress: Progress) throws -> TeachingSummary {
    do {
        let part = try Distillation.teach(request, isInterrupted: { Interruption.requested }) { event in
            // The first event comes when all is read.
            Interruption.keepState()
            progress.tell(event)
        }
        return TeachingSummary(part, in: request.runDirectory)
    } catch is CancellationError {
        throw Interruption.failure("stopped; the same command goes on, and finds what is whole")
    }
}

extension Progress {
    /// Shows an event of a compression.
    func tell(_ event: CompressionEvent) {
        switch event {
        case .plan(let plans): show { planText(plans, width: $0) }
        case .message(let text): message(text)
        case .warning(let text): warn(text)
        case .step(let number, let count): nextStep(number, of: count)
        case .began(let name, let total): begin(name, total: total)
        case .advanced(let count, let note): advance(by: count, note: note)
        case .ended: end()
        }
    }
}

/// Trains one model on the true labels.
func train(_ request: TrainingRequest, progress: Progress) throws -> TrainingSummary {
    try training(request, progress) { isInterrupted, tell in
        let model = try trainModel(request, peers: try Launcher.join(), isInterrupted: isInterrupted, tell: tell)
        return TrainingSummary(
            model: EvaluationReport.Model(
                path: request.output, parameters: model.size.parameters, bytes: model.bytes, metrics: model.test),
            seconds: model.seconds)
    }
}

/// Trains a model for each fold.
func trainFolds(_ request: TrainingRequest, progress: Progress) throws -> FoldSummary {
    return try training(request, progress) { isInterrupted, tell in
        FoldSummary(
            try Distillation.trainFolds(request, peers: try Launcher.join(), isInterrupted: isInterrupted, tell: tell),
            path: request.output)
    }
}

/// Trains on labels; a run that is stopped says how it goes on.
private func training<Summary>(
    _ request: TrainingRequest, _ progress: Progress,
    _ train: (_ isInterrupted: @escaping () -> Bool, _ tell: @escaping (CompressionEvent) -> Void) throws -> Summary
) throws -> Summary {
    do {
        return try train({ Interruption.requested }) { event in
            // The first event comes when all is read.
            Interruption.keepState()
            progress.tell(event)
        }
    } catch is CancellationError {
        let way = request.runDirectory.map { "; go on with the same command, and --resume \(shellWord($0))" }
        throw Interruption.failure("stopped\(way ?? "; no model was written")")
    }
}

/// A text as a shell takes it for one word: `'it'\''s.run'`. One that begins with a hyphen is no option.
func shellWord(_ text: String) -> String {
    "'" + (text.hasPrefix("-") ? "./" + text : text).replacing("'", with: "'\\''") + "'"
}
