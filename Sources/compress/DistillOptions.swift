import Distillation
import Foundation
import ModelFiles
import Tensors
import Training

/// The main job as it will be done: what the user said, in a configuration file and in words, and else our choices.
struct DistillOptions {
    var teachers: [String]
    /// What the user said of teachers, and the same by path.
    var teacherOptions: TeacherOptions
    var rules: [String: TeacherRules]
    var data: String
    var unlabeled: String?
    var budget: ByteCount
    var output: String
    var student: CompressionRequest.Student
    /// Nil where it is fitted to the budget.
    var width: Double?
    var training: TrainingOptions.Values
    var views: Int?
    var softTargets: SoftTargetForm
    var generations: Int
    var preset: Preset?
    var temperature: Schedule
    var lambda: Schedule
    var softWeight: Schedule
    var losses: [LossTerm]
    var firstStage: FirstStage?
    var combine: Combination
    var teacherWeights: TeacherWeights
    var baseline: Bool
    var runDirectory: String
    var isResuming: Bool
    var threads: Int?

    /// The files that are read.
    var inputs: [String] { teachers + [data] + (unlabeled.map { [$0] } ?? []) }

    /// `student.run` for `student.h5`.
    static func runDirectory(for output: String) -> String {
        let dot = output.lastIndex(of: "."), slash = output.lastIndex(of: "/") ?? output.startIndex
        guard let dot, dot > slash else { return output + ".run" }
        return output[..<dot] + ".run"
    }

    var request: CompressionRequest {
        var request = CompressionRequest(
            teachers: teachers, data: data, budget: budget, output: output, recipe: training.recipe,
            temperature: temperature, lambda: lambda, softWeight: softWeight, runDirectory: runDirectory)
        request.teacherRules = rules
        request.student = student
        request.width = width
        request.preset = preset
        request.terms = losses
        request.firstStage = firstStage
        request.combination = combine
        request.teacherWeights = teacherWeights
        request.augmentation = training.augmentation
        request.views = views
        request.softTargets = softTargets
        request.unlabeled = unlabeled
        request.generations = generations
        request.baseline = baseline
        request.isResuming = isResuming
        request.threads = threads
        return request
    }
}

// MARK: - In the run directory

extension DistillOptions {
    static let fileName = "configuration.yaml"

    /// Keeps everything that is in force as a configuration file, which `--resume` reads again.
    func save() throws {
        guard !isResuming else { return }
        do {
            try FileManager.default.createDirectory(atPath: runDirectory, withIntermediateDirectories: true)
            try configuration.yaml.write(
                toFile: "\(runDirectory)/\(Self.fileName)", atomically: true, encoding: .utf8)
        } catch {
            throw Failure(.cannotCreate, "cannot write to the run directory '\(runDirectory)'")
        }
    }

    /// Reads the configuration of a stopped run.
    static func saved(in directory: String) throws -> ConfigurationFile {
        let path = "\(directory)/\(fileName)"
        guard FileManager.default.isReadableFile(atPath: path) else {
            throw Failure(
                .noInput,
                "'\(directory)': expected the directory of a stopped run, found no readable '\(fileName)' in it")
        }
        return try ConfigurationFile(reading: path)
    }

    /// The keys of a configuration file, with absolute paths.
    ///
    /// The run directory is not among them: it is the one of the file, and that of another run is another one.
    var configuration: JSON {
        let student: String = if case .file(let path) = student { Self.absolute(path) } else { "auto" }
        var members: [JSON.Object.Member] = [.init("teachers", .array(teachers.map { .string(Self.absolute($0)) }))]
        members += teacherOptions.members(teachers, absolute: Self.absolute)
        func add(_ key: String, _ value: JSON?) { if let value { members.append(.init(key, value)) } }
        add("data", .string(Self.absolute(data)))
        add("unlabeled", unlabeled.map { .string(Self.absolute($0)) })
        add("budget", .integer(budget.bytes))
        add("output", .string(Self.absolute(output)))
        add("student", .string(student))
        add("width", width.map { .number($0) })
        members += training.members
        add("views", views.map { .integer($0) })
        add("soft-targets", .string("\(softTargets)"))
        add("generations", .integer(generations))
        add("preset", preset.map { .string($0.rawValue) })
        add("temperature", temperature.json)
        add("lambda", lambda.json)
        add("soft-weight", softWeight.json)
        add("losses", .array(losses.map(\.json)))
        add("first-stage", firstStage?.json)
        add("combine", .string(combine.rawValue))
        add("teacher-weights", .string(weightsWord))
        add("baseline", .bool(baseline))
        add("threads", threads.map { .integer($0) })
        return .object(JSON.Object(members))
    }

    private var weightsWord: String {
        switch teacherWeights {
        case .uniform: "uniform"
        case .learned: "learned"
        case .byExample: "by-example"
        case .given(let shares): shares.map { "\($0)" }.joined(separator: ",")
        }
    }

    private static func absolute(_ path: String) -> String { URL(fileURLWithPath: path).path }
}
