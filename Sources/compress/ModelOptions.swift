import ArgumentParser
import Foundation
import ModelFiles

/// Where the architectures are of files that hold weights alone.
struct ModelOptions: ParsableArguments {
    @Option(
        name: .customLong("architecture"),
        help: .init(
            "The architecture of files that hold weights alone: the JSON of model.to_json(), or .yaml. With a name, of the "
                + "model of that name. May be repeated.",
            valueName: "[name=]file"), completion: .file(extensions: ["json", "yaml", "yml"]),
        transform: architectureFile)
    var architectures: [TeacherOptions.Named<String>] = []

    /// Opens a model, with the architecture that was named for it.
    func open(_ path: String, among paths: [String]) throws -> KerasFile {
        try KerasFile(opening: path, architecture: sources(of: paths)[path])
    }

    /// What was named, split where the names of the models end; a file of that whole name is for all.
    func named(among paths: [String]) -> [TeacherOptions.Named<String>] {
        architectures.map { given in
            let text = "\(given.name)=\(given.value)", split = given.split(among: paths)
            let isFile = split == given && given.name != "*" && FileManager.default.fileExists(atPath: text)
            return isFile ? TeacherOptions.Named(name: "*", value: text) : split
        }
    }

    /// The architecture of each model for which one was named, by its path.
    ///
    /// - Throws: A `ValidationError` for a name that means no model or several.
    func sources(of paths: [String]) throws -> [String: KerasFile.ArchitectureSource] {
        let architectures = named(among: paths), forAll = Set(architectures.filter { $0.name == "*" }.map(\.value))
        return try TeacherOptions.values(architectures, of: paths, "--architecture").mapValues { path in
            KerasFile.ArchitectureSource(path, isForAll: forAll.contains(path))
        }
    }
}

/// Splits `[NAME=]FILE`; without a name it is for all.
@Sendable private func architectureFile(_ text: String) throws -> TeacherOptions.Named<String> {
    guard let sign = text.firstIndex(of: "=") else { return TeacherOptions.Named(name: "*", value: text) }
    guard sign != text.startIndex, text.index(after: sign) < text.endIndex else {
        throw ValidationError(
            "expected a file, or the name of a model and a file, such as conv=conv.json, found '\(text)'")
    }
    return TeacherOptions.Named(name: String(text[..<sign]), value: String(text[sign...].dropFirst()))
}
