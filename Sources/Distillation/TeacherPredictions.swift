import Datasets
import Foundation
import ModelFiles
import Models
import Networks
import Storage
import Tensors
import Training

/// Has teachers predict, stores the predictions, and puts them beside the examples that a student trains on.
///
/// One teacher is in memory at a time, but for those that run beside the student.
struct TeacherPredictions {
    let teachers: [any Teacher]
    /// The SHA-256 of each teacher's file.
    let digests: [String]
    let store: TeacherStore
    /// Unlabeled examples, and where the teachers' predictions for them are stored.
    let unlabeled: (split: ExampleSplit, store: TeacherStore)?
    let views: Views?
    /// What is read: nothing is kept that was computed from a file that changed.
    let inputs: WatchedFiles
    let workers: Workers
    let tell: (CompressionEvent) -> Void

    var names: [String] { teachers.map(\.name) }

    /// The same of other teachers.
    func of(_ teachers: [any Teacher], digests: [String]) -> TeacherPredictions {
        TeacherPredictions(
            teachers: teachers, digests: digests, store: store, unlabeled: unlabeled, views: views, inputs: inputs,
            workers: workers, tell: tell)
    }

    /// What each teacher's logits are kept under: they depend on its file and on how its inputs and outputs are converted.
    var keys: [String] { zip(teachers, digests).map { $0.key(fileDigest: $1) } }

    /// Whether a teacher sees every example anew, as the student does.
    var isLive: Bool { views.map { $0.count == nil } ?? false }

    /// The views for which teachers' predictions are stored; nil stands for the examples as they are.
    private var keptViews: [Int?] { views?.count.map { Array(0..<$0) } ?? [nil] }

    private func key(_ teacher: Int, view: Int?) -> String {
        guard let view, let views else { return keys[teacher] }
        return sha256(of: "\(keys[teacher])\n\(views.augmentation), seed \(views.seed), view \(view)")
    }

    /// Makes sure that each teacher's logits are kept for what a student with these layer terms needs of them: those of
    /// the training examples unless the teacher runs beside it, and those of the held-out ones.
    ///
    /// - Throws: `TeachersError` with all teachers whose weights are damaged, before any of them runs.
    func prepare(_ train: ExampleSplit, _ validation: ExampleSplit, live: Set<Int>) throws {
        func wanted(_ index: Int) -> [Wanted] {
            guard !live.contains(index) else { return [(validation, store, nil)] }
            return [(validation, store, nil)]
                + keptViews.flatMap { view in
                    [(train, store, view)] + (unlabeled.map { [($0.split, $0.store, view)] } ?? [])
                }
        }
        let unasked = teachers.indices.filter { live.contains($0) || !missing($0, wanted($0)).isEmpty }
        if unasked.count > 1 { try checkAll(unasked.map { teachers[$0] }) }
        for index in teachers.indices { try keep(index, wanted(index), phase: RunSteps.Phase.predicting) }
    }

    /// Examples for a teacher to predict, where the predictions are stored, and the view of them.
    private typealias Wanted = (split: ExampleSplit, store: TeacherStore, view: Int?)

    /// Those for which a teacher's predictions are not stored yet.
    private func missing(_ index: Int, _ wanted: [Wanted]) -> [Wanted] {
        wanted.filter { $0.split.count > 0 && !$0.store.has(key(index, view: $0.view), $0.split) }
    }

    /// The teachers that can predict a split's examples.
    func able(_ split: ExampleSplit) -> [Int] { teachers.indices.filter { teachers[$0].refusal(of: split) == nil } }

    /// Whether the predictions for a split's examples as they are have been stored already, of all teachers that can predict them.
    func knows(_ split: ExampleSplit) -> Bool {
        able(split).allSatisfy { store.has(key($0, view: nil), split) }
    }

    /// Makes sure that the logits are kept for the test split, of all teachers that can predict it.
    func prepare(test split: ExampleSplit) throws {
        for index in able(split) { try keep(index, [(split, store, nil)], phase: RunSteps.Phase.testing) }
    }

    private func keep(_ index: Int, _ wanted: [Wanted], phase: (String) -> String) throws {
        let teacher = teachers[index], missing = missing(index, wanted)
        guard !missing.isEmpty else {
            return tell(.message("teacher '\(teacher.path)': its predictions are in the run directory"))
        }
        for (split, store, view) in missing {
            guard let path = store.damaged(key(index, view: view), split) else { continue }
            tell(.warning("'\(path)' is damaged: '\(teacher.path)' makes its predictions anew"))
        }
        let opened = try teacher.open()
        tell(.began(phase(teacher.name), total: missing.reduce(0) { $0 + $1.split.count }))
        for (split, store, view) in missing {
            let change = view.flatMap { view in views.map { $0.change(view) } }
            try store.keep(key(index, view: view), split, check: inputs.check) { take in
                var first = 0
                try opened.predict(split, changing: change, workers: workers) { batch, logits in
                    try workers.checkInterruption()
                    try take(first..<(first + batch.count), logits)
                    first += batch.count
                    tell(.advanced(batch.count, note: nil))
                }
            }
        }
        tell(.ended)
    }

    /// The predictions for a split's examples as they are, of all teachers that can predict them; nothing where there are none.
    func targets(_ split: ExampleSplit) throws -> [SoftTargets] {
        guard split.count > 0 else { return [] }
        return try able(split).map { try targets($0, split, store, view: nil) }
    }

    private func targets(_ index: Int, _ split: ExampleSplit, _ store: TeacherStore, view: Int?) throws -> SoftTargets {
        guard let targets = store.targets(of: key(index, view: view), split) else {
            throw LostPredictionsError(directory: store.directory)
        }
        return targets
    }

    /// The batches of a training with the teachers' predictions.
    ///
    /// - Parameter layers: The terms of layers, whose teachers run beside the student.
    func batches(_ loader: BatchLoader, _ train: ExampleSplit, _ layers: LayerTerms?) throws -> DistillationBatches {
        let places = RowPlaces(train), otherPlaces = unlabeled.map { RowPlaces($0.split) }
        func rows(_ index: Int, _ split: ExampleSplit, _ store: TeacherStore, _ places: RowPlaces) throws
            -> KeptLogits.Rows
        {
            KeptLogits.Rows(
                views: try keptViews.map { try targets(index, split, store, view: $0) }, places: places)
        }
        let answerers = try teachers.indices.map { index -> DistillationBatches.Answerer in
            let asked = layers?.teachers[index]
            guard isLive || asked != nil else {
                var others: KeptLogits.Rows?
                if let (split, store) = unlabeled, let otherPlaces {
                    others = try rows(index, split, store, otherPlaces)
                }
                return .kept(KeptLogits(try rows(index, train, store, places), unlabeled: others))
            }
            guard let model = teachers[index].model else {
                preconditionFailure("'\(teachers[index].path)' has predictions alone, and was not refused")
            }
            let network = try model.network()
            return .live(
                LiveTeacher(
                    model, network, graph: asked?.graph ?? network.graph, values: asked?.values ?? [],
                    reading: try model.reading(network, workers), classCount: train.classCount,
                    workers: workers))
        }
        return DistillationBatches(
            loader: loader, teachers: answerers, layers: layers?.places.map { ($0.teacher, $0.values) } ?? [])
    }
}

/// Predictions that were kept a moment ago are gone.
public struct LostPredictionsError: Error, CustomStringConvertible {
    let directory: String
    public var description: String {
        "'\(directory)': a teacher's predictions disappeared or were damaged during the run. Run again"
    }
}
