import Datasets
import Foundation
import ModelFiles
public import Models
import Networks
import Storage
public import Training

/// Some of what teachers are to predict for a run, to be computed beside other processes: plain values, nothing opened yet.
public struct TeachingRequest: Sendable {
    /// Which of as many equal parts is computed, counted from 1.
    public struct Part: Hashable, Sendable, CustomStringConvertible {
        public let number: Int
        public let count: Int

        /// - Returns: nil where there is no such part.
        public init?(_ number: Int, of count: Int) {
            guard (1...max(count, 1)).contains(number) else { return nil }
            (self.number, self.count) = (number, count)
        }

        public var description: String { "\(number)/\(count)" }

        /// The items of a list that this part has: the largest first, each goes to the part that has least by then.
        ///
        /// - Parameter work: What each item takes, in any unit.
        func items(ofWork work: [Int]) -> [Int] {
            var loads = [Int](repeating: 0, count: count), own: [Int] = []
            for item in work.indices.sorted(by: { (-work[$0], $0) < (-work[$1], $1) }) {
                let part = loads.firstIndex(of: loads.min() ?? 0) ?? 0
                loads[part] += work[item]
                if part == number - 1 { own.append(item) }
            }
            return own.sorted()
        }
    }

    /// What `TeacherSource` reads.
    public var teachers: [String]
    /// Settings of some of them, by these texts.
    public var teacherRules: [String: TeacherRules] = [:]
    public var data: String
    /// Which share of the training examples is for testing, in data without test examples; nil where it has some.
    public var testShare: Double?
    public var unlabeled: String?
    /// How examples are changed; the number of views of each that the teachers see, nil where they run beside the student; and
    /// the seed of the changes.
    public var augmentation: Augmentation?
    public var views: Int?
    public var seed = 0
    public var softTargets = SoftTargetForm.float32
    public var runDirectory: String
    public var part: Part
    /// Whether the data is read for its digest in any case.
    public var verifiesData = false
    public var threads: Int?

    public init(teachers: [String], data: String, runDirectory: String, part: Part) {
        (self.teachers, self.data, self.runDirectory, self.part) = (teachers, data, runDirectory, part)
    }

    var teacherSources: [TeacherSource] { teachers.map { TeacherSource($0) } }

    /// The files that are read.
    public var inputs: [String] {
        let rules = teachers.compactMap { teacherRules[$0] }
        return teacherSources.map(\.file) + rules.compactMap(\.architecture?.path) + rules.compactMap(\.classes?.path)
            + [data] + (unlabeled.map { [$0] } ?? [])
    }
}

/// What computing a part came to.
public struct TaughtPart: Sendable {
    public let part: TeachingRequest.Part
    /// The chunks of all parts, those of this one, and how many of these were missing and have been predicted.
    public let chunks: (all: Int, own: Int, predicted: Int)
    /// The predictions that were made: one for each teacher, row and view.
    public let predictions: Int
    public let seconds: Double
}

/// Has teachers predict some of the chunks that the main job needs, into its run directory.
///
/// Parts may be computed in any order, at the same time on different machines, and more than once: a chunk has its name
/// only when it is whole, and is the same whoever computes it. The main job then finds them, and so does it find some.
///
/// - Throws: What opening data and teachers throws, before anything is written; `CancellationError` when interrupted.
public func teach(
    _ request: TeachingRequest, isInterrupted: @escaping () -> Bool = { false },
    tell: @escaping (CompressionEvent) -> Void
) throws -> TaughtPart {
    let start = Date(), inputs = WatchedFiles(request.inputs)
    if !request.verifiesData { KeptDigests.recall(in: request.runDirectory) }
    let data = try ExampleFile(opening: request.data, testShare: request.testShare)
    let unlabeled = try request.unlabeled.map(data.unlabeled)
    let teachers = try openTeachers(request.teachers, data: data, rules: request.teacherRules)
    try request.refuse(teachers, data, unlabeled)
    let (train, validation) = data.trainAndValidation()
    let splits = [train, validation, data.test] + (unlabeled.map { [$0] } ?? [])
    let threads = request.threads ?? ProcessInfo.processInfo.activeProcessorCount
    let memory = teachers.flatMap { teacher in splits.map { teacher.memory(of: $0, threads: threads) } }.max() ?? 0
    try MemoryError.check(memory, threads: threads)
    let digests = try request.teacherSources.map { try sha256(ofFile: $0.file) }
    let mark = try RunDirectory.join(request.runDirectory, inputs: request.inputs)
    let workers = Workers(request.threads, isInterrupted: isInterrupted)
    defer { workers.close() }
    let dataDigests = try DataDigests(request.data, unlabeled: unlabeled?.path, isInterrupted, tell)
    // Other parts may write the same just now, under the same number of a process: they will do.
    try? KeptDigests.keep(of: request.inputs, in: request.runDirectory, mark: mark)
    for teacher in teachers { try teacher.model?.checkWords(in: splits) }
    let views = request.augmentation.map { Views($0, count: request.views, seed: request.seed) }
    let predictions = try TeacherPredictions(
        teachers, digests: digests, of: dataDigests, unlabeled: unlabeled, testShare: request.testShare,
        as: request.softTargets, in: request.runDirectory, views: views, inputs: inputs, workers, tell)
    let able = predictions.able(data.test)
    let all = teachers.indices.flatMap { index in
        predictions.chunks(index, ofLearning: train, validation, isLive: predictions.isLive)
            + (able.contains(index) ? predictions.chunks(index, data.test, predictions.store) : [])
    }
    let own = request.part.items(ofWork: all.map(\.rows.count)).map { all[$0] }
    let missing = own.filter { !predictions.isKept($0) }
    for index in teachers.indices {
        let some = missing.filter { $0.teacher == index }
        guard !some.isEmpty else { continue }
        try predictions.make(some, with: index, phase: RunSteps.Phase.predicting(teachers[index].name))
    }
    return TaughtPart(
        part: request.part, chunks: (all.count, own.count, missing.count),
        predictions: missing.reduce(0) { $0 + $1.rows.count }, seconds: Date().timeIntervalSince(start))
}

extension TeachingRequest {
    /// Refuses what the main job would refuse of data and teachers.
    fileprivate func refuse(_ teachers: [any Teacher], _ data: ExampleFile, _ unlabeled: ExampleSplit?) throws {
        var problems = softTargets.refusal(classCount: data.classCount).map { [$0] } ?? []
        if let augmentation {
            problems += augmentation.refusals(of: data)
            if augmentation.mixes, views != nil {
                problems.append("mixup needs teachers beside the student: leave --views out")
            }
        }
        for teacher in teachers {
            if augmentation != nil, teacher.model?.readsOnlyX != true {
                problems.append("teacher '\(teacher.path)' cannot see changed examples; leave --augment out")
            }
            if let unlabeled, let refusal = teacher.refusal(of: unlabeled) {
                problems.append("teacher '\(teacher.path)' \(refusal); leave --unlabeled out")
            }
        }
        if !problems.isEmpty { throw LossError(problems: problems) }
    }
}
