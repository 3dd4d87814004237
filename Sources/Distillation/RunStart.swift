import Datasets
import ModelFiles
import Models
import Networks
import Ranks
import Storage
import Tensors
import Training

// How a run begins: with its directory, what is known beforehand, and the teachers' predictions.

extension Compressor {
    /// - Throws: `CancellationError`; what reading the data throws.
    func dataDigests() throws -> DataDigests {
        try DataDigests(request.data, unlabeled: unlabeled?.path, isInterrupted, tell)
    }

    /// What the run has in common with one that goes on where it stopped.
    func fingerprint(_ digests: DataDigests) -> RunFingerprint {
        RunFingerprint(
            request, inputs: [("data", digests.data)] + (digests.unlabeled.map { [("unlabeled", $0)] } ?? []),
            teachers: zip(teachers, self.digests).map { $0.key(fileDigest: $1) }, student: plan.digest)
    }

    /// Throws what `run` would throw because of what is in the run directory; nothing is written.
    func rehearseRunDirectory() throws {
        try RunDirectory.rehearse(
            request.runDirectory, output: request.output, { fingerprint(try dataDigests()) },
            isResuming: request.isResuming, replacing: request.replacesRun)
    }

    /// Begins in a directory, or goes on there.
    func begin(_ directory: RunDirectory, _ fingerprint: RunFingerprint, configuration: String?) throws {
        try inputs.check()
        try directory.begin(
            fingerprint, configuration: configuration, isResuming: request.isResuming, replacing: request.replacesRun)
        try KeptDigests.keep(of: [request.data] + (unlabeled.map { [$0.path] } ?? []), in: directory)
    }

    /// Tells what is known before any work.
    func introduce() {
        if let words = peers.words {
            tell(.message(words))
            let useful = Trainer.usefulProcesses(plan.built.graph, request.hyperparameters)
            if let warning = idleProcesses(count: peers.count, useful: useful) { tell(.warning(warning)) }
        }
        tell(.message(plan.sentence("student", budget: request.limit)))
        if let precisionNote { tell(.message(precisionNote)) }
        if let line = request.hyperparameters.sentence(
            request.automatic, examples: train.count + (unlabeled?.count ?? 0))
        {
            tell(.message(line))
        }
        tell(.message(baseline.sentence))
        for warning in data.warnings + (inputWarning.map { [$0] } ?? []) { tell(.warning(warning)) }
        tell(.plan(teachers.map(\.plan)))
        tell(.message("soft targets: \(softTargetBytes) as \(request.softTargets) in the run directory"))
    }

    /// Where the teachers' predictions come from; none is made yet, but all examples have been looked through.
    func predictions(_ digests: DataDigests, _ workers: Workers) throws -> TeacherPredictions {
        let splits = [train, validation, data.test] + (unlabeled.map { [$0] } ?? [])
        for split in splits { try checkWords(of: plan.built.graph, in: split) }
        for teacher in teachers { try teacher.model?.checkWords(in: splits) }
        return try TeacherPredictions(
            teachers, digests: self.digests, of: digests, unlabeled: unlabeled, testShare: request.testShare,
            as: request.softTargets, in: request.runDirectory, views: views, inputs: inputs, workers, tell)
    }

    /// Lets the teachers predict what the students need of them, and combines them.
    func predict(
        _ predictions: TeacherPredictions, _ digests: DataDigests, _ directory: RunDirectory
    ) throws -> Ensemble {
        try predictions.prepare(train, validation, live: alwaysLiveTeachers)
        let ensemble = try Ensemble(
            teachers, try predictions.targets(validation), of: validation, combination: request.combination,
            weights: request.teacherWeights)
        for line in ensemble.messages { tell(line) }
        try measureTeachers(predictions, validation, predictions.workers)
        if predictions.knows(data.test) { try warnOfSeenRows(predictions, ensemble) }
        try writeManifest(ensemble, digests, directory)
        return ensemble
    }

    private func writeManifest(_ ensemble: Ensemble, _ digests: DataDigests, _ directory: RunDirectory) throws {
        var manifest: JSON.Object = [
            "run": .string(directory.mark),
            "data": ["path": .string(request.data), "sha256": .string(digests.data)],
            "teachers": .array(
                teachers.indices.map { index in
                    let facts: [JSON.Object.Member] = [
                        .init("path", .string(teachers[index].path)), .init("sha256", .string(self.digests[index])),
                        .init("weight", .number(ensemble.weights[index])),
                    ]
                    return .object(JSON.Object(facts + teachers[index].plan.jsonMembers))
                }),
        ]
        for member in request.settings.members(in: .manifest) { manifest[member.key] = member.value }
        if peers.isFirst { try directory.write(JSON.object(manifest).indented, to: "manifest.json") }
    }
}
