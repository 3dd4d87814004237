import Distillation
import Foundation
import ModelFiles
import Storage
import Tensors
import Training

/// The main job as it will be done: what the user said, in a configuration file and in words, and else our choices.
struct DistillOptions {
    var request: CompressionRequest
    /// What the user said of teachers, by their names; the request has it by path.
    var teacherOptions: TeacherOptions

    /// `student.run` for `student.h5`.
    static func runDirectory(for output: String) -> String {
        let dot = output.lastIndex(of: "."), slash = output.lastIndex(of: "/") ?? output.startIndex
        guard let dot, dot > slash else { return output + ".run" }
        return output[..<dot] + ".run"
    }
}

// MARK: - In the run directory

extension DistillOptions {
    static let fileName = "configuration.yaml"

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

    /// The keys of a configuration file, with absolute paths: everything that is in force, which `--resume` reads again.
    ///
    /// The run directory is not among them: it is the one of the file, and that of another run is another one.
    var configuration: JSON {
        let student =
            switch request.student {
            case .automatic: "auto"
            case .named(let name): name
            case .file(let path): Self.absolute(path)
            }
        let teachers = request.teachers
        var members: [JSON.Object.Member] = [.init("teachers", .array(teachers.map { .string(Self.absolute($0)) }))]
        members += teacherOptions.members(teachers, absolute: Self.absolute)
        func add(_ key: String, _ value: JSON?) { if let value { members.append(.init(key, value)) } }
        add("data", .string(Self.absolute(request.data)))
        add("unlabeled", request.unlabeled.map { .string(Self.absolute($0)) })
        add("budget", .integer(request.budget.bytes))
        add("output", .string(Self.absolute(request.output)))
        add("student", .string(student))
        add("width", request.width.map { .number($0) })
        add("max-multiply-adds", request.mostMultiplyAdds.map { .integer($0) })
        add("precision", .string(request.precision.rawValue))
        members +=
            TrainingOptions.Values(
                recipe: request.recipe, automatic: request.automatic, augmentation: request.augmentation
            ).members
        add("views", request.views.map { .integer($0) })
        add("soft-targets", .string("\(request.softTargets)"))
        add("generations", .integer(request.generations))
        add("seeds", .integer(request.seeds))
        add("preset", request.preset.map { .string($0.rawValue) })
        add("temperature", request.loss.temperature.json)
        add("lambda", request.loss.lambda.json)
        add("soft-weight", request.loss.softWeight.json)
        add("losses", .array(request.loss.terms.map(\.json)))
        add("first-stage", request.firstStage?.json)
        add("combine", .string(request.combination.rawValue))
        add("teacher-weights", .string(weightsWord))
        add("baseline", request.baseline.map { .bool($0) })
        add("threads", request.threads.map { .integer($0) })
        return .object(JSON.Object(members))
    }

    private var weightsWord: String {
        switch request.teacherWeights {
        case .automatic: "auto"
        case .uniform: "uniform"
        case .learned: "learned"
        case .byExample: "by-example"
        case .given(let shares): shares.map { "\($0)" }.joined(separator: ",")
        }
    }

    private static func absolute(_ path: String) -> String { URL(fileURLWithPath: path).path }
}
