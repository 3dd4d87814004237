import Datasets
import Foundation
import ModelFiles
import Models
import Networks
import Ranks
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

    /// Predictions that are stored in a run directory, as the main job has them there.
    ///
    /// - Parameter testShare: Which share of the training examples is for testing; nil where the data has some.
    init(
        _ teachers: [any Teacher], digests: [String], of data: DataDigests, unlabeled: ExampleSplit?,
        testShare: Double?,
        as form: SoftTargetForm, in directory: String, views: Views?, inputs: WatchedFiles, _ workers: Workers,
        _ tell: @escaping (CompressionEvent) -> Void
    ) throws {
        func store(_ name: String, _ digest: String) throws -> TeacherStore {
            try TeacherStore("\(directory)/\(name)", dataDigest: digest, form: form)
        }
        // Which rows are in which split depends on the share, too.
        let labeled = try store(
            "soft-targets", testShare.map { sha256(of: "\(data.data)\ntest \($0)") } ?? data.data)
        let others = try unlabeled.map { split in
            // How a teacher's outputs are read depends on the labeled examples, too.
            (split, try store("soft-targets-unlabeled", sha256(of: "\(data.data)\n\(data.unlabeled ?? "")")))
        }
        self.init(
            teachers: teachers, digests: digests, store: labeled, unlabeled: others, views: views, inputs: inputs,
            workers: workers, tell: tell)
    }

    private init(
        teachers: [any Teacher], digests: [String], store: TeacherStore,
        unlabeled: (split: ExampleSplit, store: TeacherStore)?, views: Views?, inputs: WatchedFiles, workers: Workers,
        tell: @escaping (CompressionEvent) -> Void
    ) {
        (self.teachers, self.digests, self.store, self.unlabeled) = (teachers, digests, store, unlabeled)
        (self.views, self.inputs, self.workers, self.tell) = (views, inputs, workers, tell)
    }

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
        let missing = missing(
            teachers.indices.map { chunks($0, ofLearning: train, validation, isLive: live.contains($0)) })
        let unasked = teachers.indices.filter { live.contains($0) || !missing[$0].isEmpty }
        if unasked.count > 1 { try checkAll(unasked.map { teachers[$0] }) }
        for index in teachers.indices { try keep(index, missing[index], phase: RunSteps.Phase.predicting) }
    }

    /// Some examples for a teacher to predict, whose predictions are one file.
    struct Chunk {
        let teacher: Int
        let split: ExampleSplit
        /// Positions in the split.
        let rows: Range<Int>
        let store: TeacherStore
        let view: Int?
    }

    /// What a teacher is to predict before the student learns, in the order in which it does.
    ///
    /// - Parameter isLive: Whether it runs beside the student, too.
    func chunks(_ teacher: Int, ofLearning train: ExampleSplit, _ validation: ExampleSplit, isLive: Bool) -> [Chunk] {
        let heldOut = chunks(teacher, validation, store)
        guard !isLive else { return heldOut }
        return heldOut
            + keptViews.flatMap { view in
                chunks(teacher, train, store, view)
                    + (unlabeled.map { chunks(teacher, $0.split, $0.store, view) } ?? [])
            }
    }

    func chunks(_ teacher: Int, _ split: ExampleSplit, _ store: TeacherStore, _ view: Int? = nil) -> [Chunk] {
        store.chunks(of: split).map { Chunk(teacher: teacher, split: split, rows: $0, store: store, view: view) }
    }

    /// Whether predictions are stored.
    func isKept(_ chunk: Chunk) -> Bool {
        chunk.store.has(key(chunk.teacher, view: chunk.view), chunk.split, chunk.rows)
    }

    /// The teachers that can predict a split's examples.
    func able(_ split: ExampleSplit) -> [Int] { teachers.indices.filter { teachers[$0].refusal(of: split) == nil } }

    /// Whether the predictions for a split's examples as they are have been stored already, of all teachers that can predict them.
    func knows(_ split: ExampleSplit) -> Bool {
        able(split).allSatisfy { store.has(key($0, view: nil), split) }
    }

    /// Makes sure that the logits are kept for the test split, of all teachers that can predict it.
    func prepare(test split: ExampleSplit) throws {
        let able = able(split), missing = missing(able.map { chunks($0, split, store) })
        for (index, chunks) in zip(able, missing) { try keep(index, chunks, phase: RunSteps.Phase.testing) }
    }

    /// Those of each teacher's chunks that are not stored, as the first process of the job finds them.
    private func missing(_ chunks: [[Chunk]]) -> [[Chunk]] {
        let marks = workers.peers.ofFirst { chunks.joined().map { isKept($0) ? "1" : "0" }.joined() }
        var next = marks.makeIterator()
        return chunks.map { $0.filter { _ in next.next() == "0" } }
    }

    private func keep(_ index: Int, _ missing: [Chunk], phase: (String) -> String) throws {
        let teacher = teachers[index]
        guard !missing.isEmpty else {
            return tell(.message("teacher '\(teacher.path)': its predictions are in the run directory"))
        }
        try make(missing, with: index, phase: phase(teacher.name))
        // Nobody reads what is not yet written.
        workers.peers.meet()
    }

    /// Has a teacher predict chunks that are missing, each process of the job a share of their rows; the first one stores the
    /// predictions.
    func make(_ missing: [Chunk], with index: Int, phase: String) throws {
        let teacher = teachers[index]
        for chunk in missing {
            let key = key(index, view: chunk.view)
            guard let path = chunk.store.damaged(key, chunk.split, chunk.rows) else { continue }
            tell(.warning("'\(path)' is damaged: '\(teacher.path)' makes its predictions anew"))
        }
        let opened = try teacher.open(), peers = workers.peers
        tell(.began(phase, total: missing.reduce(0) { $0 + $1.rows.count }))
        for chunk in missing {
            // Another process may share the work.
            if peers.agree(peers.isFirst && isKept(chunk)) {
                tell(.advanced(chunk.rows.count, note: nil))
                continue
            }
            let change = chunk.view.flatMap { view in views.map { $0.change(view) } }
            func predict(_ examples: ExampleSplit, _ take: (Range<Int>, Tensor) throws -> Void) throws {
                var first = 0
                try opened.predict(examples, changing: change, workers: workers) { batch, logits in
                    try workers.checkAgreement()
                    try take(first..<(first + batch.count), logits)
                    first += batch.count
                    tell(.advanced(batch.count, note: nil))
                }
            }
            if peers.isFirst {
                try chunk.store.keep(
                    key(index, view: chunk.view), chunk.split, chunk.rows, check: inputs.check, predict: predict)
            } else {
                try predict(chunk.store.examples(of: chunk.split, chunk.rows)) { _, _ in }
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
