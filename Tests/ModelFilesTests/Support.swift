import Foundation
import HDF5
import ModelFiles
import Testing

/// A file that `Tools/reference/keras_fixtures.py` or `keras2_fixtures.py` wrote.
func fixture(_ name: String) -> String {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/\(name)").path
}

/// The examples beside a model, and what Keras says of them.
struct Examples {
    let inputs: [[Float]]
    let outputs: [[Float]]
    let tolerance: Float

    init(of model: String) throws {
        let file = try HDF5File(opening: model.replacing(".h5", with: ".io.h5"))
        inputs = try Self.read(file.root, "input")
        outputs = try Self.read(file.root, "output")
        tolerance = try Float(file.root.attributes.double("atol"))
    }

    private static func read(_ root: borrowing HDF5Group, _ name: String) throws -> [[Float]] {
        var arrays: [[Float]] = []
        if try root.contains(name) {
            let dataset = try root.dataset(name)
            return [try dataset.read()]
        }
        while try root.contains("\(name)_\(arrays.count)") {
            let dataset = try root.dataset("\(name)_\(arrays.count)")
            arrays.append(try dataset.read())
        }
        return arrays
    }
}

/// The largest distance between two lists of numbers, relative where they are larger than 1; NaN equals NaN.
func distance(_ found: [Float], _ expected: [Float]) -> Float {
    guard found.count == expected.count else { return .infinity }
    return zip(found, expected).reduce(0) { largest, pair in
        if pair.0.isNaN && pair.1.isNaN { return largest }
        let difference = abs(pair.0 - pair.1) / max(1, abs(pair.1))
        return difference.isNaN ? .infinity : max(largest, difference)
    }
}

/// Lends a folder that is removed afterwards.
func withTemporaryFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
}

/// Writes a model without weights.
func writeModel(_ configuration: JSON, to path: String) throws {
    let file = try HDF5File(creating: path)
    try file.root.attributes.write(configuration.description, to: "model_config")
    try file.root.attributes.write("2.15.0", to: "keras_version")
    let weights = try file.root.createGroup("model_weights")
    try weights.attributes.write([String](), to: "layer_names")
    try file.close()
}
