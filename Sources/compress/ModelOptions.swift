import ArgumentParser
import Foundation
import ModelFiles

/// Where the architectures are of files that hold weights alone.
struct ModelOptions: ParsableArguments {
    @Option(
        name: .customLong("architecture"),
        help: .init(
            "The architecture of a file of weights (.weights.h5): the JSON of model.to_json(), or .yaml. With several "
                + "such files, once for each: weights.h5=model.json.",
            valueName: "[file=]path"))
    var architectures: [String] = []

    /// Opens a model, with the architecture that was named for it.
    func open(_ path: String) throws -> KerasFile { try KerasFile(opening: path, architecture: architecture(of: path)) }

    /// The last one named for this file, or else for all files; nil if none was.
    func architecture(of path: String) -> String? {
        let named = architectures.compactMap { text -> (file: String, architecture: String)? in
            // A path may have an equals sign too.
            guard let sign = text.firstIndex(of: "="), !FileManager.default.fileExists(atPath: text) else { return nil }
            return (String(text[..<sign]), String(text[text.index(after: sign)...]))
        }
        let matching = named.last { $0.file == path || $0.file == (path as NSString).lastPathComponent }
        return matching?.architecture
            ?? architectures.last { text in
                !text.contains("=") || FileManager.default.fileExists(atPath: text)
            }
    }
}
