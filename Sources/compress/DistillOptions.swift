import ArgumentParser
import Distillation
import Foundation
import ModelFiles
import Tensors
import Training

/// What the user said of the main job: nil where the choice is the program's.
struct DistillOptions {
    var teachers: [String]
    /// What the user said of teachers, and the same by path.
    var teacherOptions: TeacherOptions
    var rules: [String: TeacherRules]
    var data: String
    var budget: ByteCount
    var output: String
    var student: CompressionRequest.Student
    var width: Double?
    var training: TrainingOptions.Values
    var temperature: Double?
    var lambda: Schedule?
    var softWeight: Schedule?
    var combine: Combination
    var teacherWeights: TeacherWeights
    var baseline: Bool
    var runDirectory: String
    var isResuming: Bool
    var threads: Int?

    /// `student.run` for `student.h5`.
    static func runDirectory(for output: String) -> String {
        let dot = output.lastIndex(of: "."), slash = output.lastIndex(of: "/") ?? output.startIndex
        guard let dot, dot > slash else { return output + ".run" }
        return output[..<dot] + ".run"
    }
}

// MARK: - In the run directory

extension DistillOptions {
    private static let name = "options.json"

    /// Keeps the options as words of a command line, which `--resume` reads again.
    func save() throws {
        guard !isResuming else { return }
        do {
            try FileManager.default.createDirectory(atPath: runDirectory, withIntermediateDirectories: true)
            let words = JSON.array(words.map { .string($0) })
            try words.indented.write(toFile: "\(runDirectory)/\(Self.name)", atomically: true, encoding: .utf8)
        } catch {
            throw Failure(.cannotCreate, "cannot write to the run directory '\(runDirectory)'")
        }
    }

    /// Reads the options of a stopped run.
    static func saved(in directory: String) throws -> DistillCommand {
        let path = "\(directory)/\(name)"
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw Failure(
                .noInput, "'\(directory)': expected the directory of a stopped run, found no readable '\(name)' in it")
        }
        guard let words = (try? JSON(parsing: text))?.array?.compactMap(\.string),
            let command = try? DistillCommand.parse(words)
        else { throw Failure(.badInput, "'\(path)' is damaged; start the run anew without --resume") }
        return command
    }

    private var words: [String] {
        var words = ["--teachers"] + teachers.map(Self.absolute)
        func add(_ name: String, _ value: String?) { if let value { words += ["--\(name)", value] } }
        add("data", Self.absolute(data))
        add("budget", "\(budget.bytes)")
        add("output", Self.absolute(output))
        if case .file(let path) = student { add("student", Self.absolute(path)) }
        add("width", width.map { "\($0)" })
        words += teacherOptions.words(teachers, absolute: Self.absolute) + training.words
        add("temperature", temperature.map { "\($0)" })
        add("lambda", lambda?.description)
        add("soft-weight", softWeight?.description)
        add("combine", combine.rawValue)
        add("teacher-weights", weightsWord)
        return words + (baseline ? ["--baseline"] : [])
    }

    private var weightsWord: String {
        switch teacherWeights {
        case .uniform: "uniform"
        case .learned: "learned"
        case .given(let shares): shares.map { "\($0)" }.joined(separator: ",")
        }
    }

    private static func absolute(_ path: String) -> String { URL(fileURLWithPath: path).path }
}
