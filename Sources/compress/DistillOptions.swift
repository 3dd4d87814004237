import Distillation
import Foundation
import ModelFiles
import Storage

/// The main job as it will be done: what the user set, in a configuration file and by options, and else our defaults.
struct DistillOptions {
    var request: CompressionRequest
    /// Settings of teachers, by their names; the request has it by path.
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
        var members = request.configuration
        // Settings of teachers by name follow the list of them.
        members.insert(contentsOf: teacherOptions.members(request.teachers, absolute: absolutePath), at: 1)
        return .object(JSON.Object(members))
    }
}
