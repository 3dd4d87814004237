import HDF5
import Zip

/// What somebody's model predicted for the examples of a data file: HDF5, NumPy's archives and arrays, or tables (.csv).
///
/// `PredictionLayout` says which array is for which part of the data. Beside them a file may have, as attributes in HDF5 and
/// arrays of texts in an archive:
///
///     classes              the names of the classes, in the order of the columns
///     output               what the numbers are: softmax, sigmoid or logits
///     data_sha256          the SHA-256 of the data file for whose rows they are
///     unlabeled_sha256     that of the file of unlabeled examples
///     folds                the number of models, each of which predicted the training rows that it was not trained on
public struct PredictionFile: Sendable {
    /// The facts beside the predictions.
    public enum Fact: String, CaseIterable, Sendable {
        case output
        case dataDigest = "data_sha256"
        case unlabeledDigest = "unlabeled_sha256"
        case folds
    }

    public let path: String
    /// In the order of the columns.
    public let classNames: [String]?
    public let facts: [Fact: String]
    private let parts: [PredictedPart: PredictionRows]

    /// Opens a file, and refuses rows and columns that are not those of the data.
    ///
    /// - Parameter object: The array, group or kind of arrays in it; nil where there is one kind alone.
    /// - Throws: `ExampleFileError` for predictions that do not fit; `HDF5Error` and `ZipError` for a file that cannot be read.
    public init(opening path: String, object: String? = nil, for data: ExampleFile) throws {
        self = try Self.view(path) { file, notes in
            var arrays: [PredictionRows] = []
            try Self.collect(file.root, "", depth: 0, path, &arrays)
            let layout: PredictionLayout
            do throws(PredictionLayout.Problem) {
                layout = try PredictionLayout(of: arrays.map(\.name), object: object)
            } catch {
                throw ExampleFileError(path, expected: error.expected, found: error.found, error.advice)
            }
            let byName = Dictionary(uniqueKeysWithValues: arrays.map { ($0.name, $0) })
            var parts = layout.arrays.compactMapValues { byName[$0] }
            if let single = layout.single.flatMap({ byName[$0] }) {
                guard single.count == data.train.partCount else { throw single.unclear(data) }
                parts[.train] = single
            }
            return Self(path, parts, notes)
        }
        try refuseOthers(than: data)
    }

    private init(_ path: String, _ parts: [PredictedPart: PredictionRows], _ notes: Notes) {
        (self.path, self.parts, classNames, facts) = (path, parts, notes.classNames, notes.facts)
    }

    /// What a file has beside the predictions.
    private struct Notes {
        var classNames: [String]?
        var facts: [Fact: String] = [:]
    }

    /// The predictions for a part of the data; nil where there are none.
    public subscript(part: PredictedPart) -> PredictionRows? { parts[part] }

    /// The parts that it has predictions for.
    public var all: [PredictedPart] { PredictedPart.allCases.filter { parts[$0] != nil } }

    // MARK: - Reading

    /// Whether the file is one of predictions by its format, whatever is in it: an array, an archive of arrays, or a table.
    public static func isNamed(_ path: String) -> Bool {
        switch FileKind(of: path) {
        case .npy, .npz: true
        case .hdf5: false
        default: [".npy", ".npz", ".csv"].contains { path.lowercased().hasSuffix($0) }
        }
    }

    /// Whether an HDF5 file has predictions rather than a model or examples.
    public static func isFound(in path: String) -> Bool {
        guard FileKind(of: path) == .hdf5 else { return false }
        let names = try? view(path) { file, _ in
            var arrays: [PredictionRows] = []
            if try !file.root.attributes.contains("model_config") {
                try collect(file.root, "", depth: 0, path, &arrays)
            }
            return arrays.map(\.name)
        }
        guard let names else { return false }
        do throws(PredictionLayout.Problem) {
            return try PredictionLayout(of: names, object: nil).arrays[.train] != nil
        } catch {
            return error.expected == PredictionLayout.oneKind
        }
    }

    private static func view<Result>(
        _ path: String, _ body: (borrowing HDF5File, Notes) throws -> Result
    ) throws -> Result {
        var notes = Notes()
        switch FileKind(of: path) {
        case .npy:
            return try HDF5View.unpacked(path, { try body($0, notes) }) { root in
                try write(try NPYArray(opening: path), "predictions", to: root)
            }
        case .npz:
            return try HDF5View.unpacked(path, { try body($0, notes) }) { notes = try writeArchive(path, to: $0) }
        case nil, .hdf5:
            try SandboxedProbe.run(path)
            let file = try HDF5File(opening: path)
            return try body(file, Notes(classNames: classNames(file.root), facts: facts(file.root)))
        case let kind?:
            guard path.lowercased().hasSuffix(".csv"), [.text, .unknown].contains(kind) else {
                throw ExampleFileError(
                    path, expected: "predictions: an HDF5 file, .npy, .npz or .csv", found: kind.name,
                    "Save them in Python: np.savez('p.npz', train=…, test=…).")
            }
            var table = try PredictionTable(path)
            notes.classNames = table.names
            return try HDF5View.unpacked(path, { try body($0, notes) }) { try table.write(to: $0) }
        }
    }

    /// Writes the arrays of an archive as datasets.
    ///
    /// - Returns: What else it has.
    private static func writeArchive(_ path: String, to root: borrowing HDF5Group) throws -> Notes {
        let archive = try ZipReader(opening: path)
        try refuseUnclearNames(archive)
        var notes = Notes()
        for member in archive.members where member.name.hasSuffix(".npy") {
            let name = String(member.name.dropLast(4)), array = try NPYArray(member, in: archive, allowsText: true)
            if let texts = try array.texts() {
                if name == "classes" || name == "class_names" { notes.classNames = texts }
                if let fact = Fact(rawValue: name) { notes.facts[fact] = texts.first }
            } else if array.shape.count <= 2 {
                try write(array, name, to: root)
            }
        }
        return notes
    }

    /// Refuses names that cannot be those of datasets.
    private static func refuseUnclearNames(_ archive: borrowing ZipReader) throws(ExampleFileError) {
        let names = archive.members.map(\.name).filter { $0.hasSuffix(".npy") }.map { String($0.dropLast(4)) }
        let folders = Set(
            names.flatMap { name -> [String] in
                let steps = name.split(separator: "/")
                return steps.indices.map { steps[..<$0].joined(separator: "/") }
            })
        let unclear = names.first { name in
            let steps = name.split(separator: "/", omittingEmptySubsequences: false)
            return folders.contains(name) || name.contains("\0") || name.utf8.count > 1024
                || steps.contains { ["", ".", ".."].contains($0) }
        }
        guard let unclear else { return }
        throw ExampleFileError(
            archive.path, expected: "arrays with names such as 'train' or 'conv/train', no two of them alike",
            found: "'\(unclear.prefix(40))'", "Save them with np.savez.")
    }

    private static func write(_ array: consuming NPYArray, _ name: String, to root: borrowing HDF5Group) throws {
        let column = try NPZColumn(name, of: nil, in: root, array.type, shape: array.shape)
        try array.copy(to: column)
    }

    private static let deepest = 4, mostArrays = 10_000

    /// Everything that may be predictions: numbers in rows.
    private static func collect(
        _ group: borrowing HDF5Group, _ prefix: String, depth: Int, _ path: String, _ arrays: inout [PredictionRows]
    ) throws {
        for name in try group.names() where arrays.count < mostArrays {
            switch try group.kind(of: name) {
            case .group where depth < deepest:
                try collect(group.group(name), "\(prefix)\(name)/", depth: depth + 1, path, &arrays)
            case .dataset:
                let dataset = try group.dataset(name)
                guard dataset.type.byteCount != nil, [1, 2].contains(dataset.shape.count), dataset.elementCount > 0
                else { continue }
                arrays.append(PredictionRows(path, "\(prefix)\(name)", dataset))
            default: break
            }
        }
    }

    private static func classNames(_ root: borrowing HDF5Group) throws -> [String]? {
        for name in ["classes", "class_names"] {
            guard try root.attributes.contains(name) || root.attributes.contains("\(name)0") else { continue }
            return try root.attributes.strings(name)
        }
        return nil
    }

    private static func facts(_ root: borrowing HDF5Group) throws -> [Fact: String] {
        var facts: [Fact: String] = [:]
        for fact in Fact.allCases where try root.attributes.contains(fact.rawValue) {
            facts[fact] = try root.attributes.string(fact.rawValue)
        }
        return facts
    }

    // MARK: - Checks

    private func refuseOthers(than data: ExampleFile) throws(ExampleFileError) {
        guard parts[.train] != nil else {
            throw ExampleFileError(
                path,
                expected: "predictions 'train' for the \(data.train.partCount) rows of 'train/x' in '\(data.path)'",
                found: all.map { "'\($0.rawValue)'" }.joined(separator: ", "),
                "A student learns from the predictions for the training rows: add them.")
        }
        // A share of train that is for testing is predicted with it.
        let test = data.test.part == .test ? data.test : nil
        for (part, split) in [(PredictedPart.train, data.train), (.validation, data.validation), (.test, test)] {
            guard let rows = parts[part] else {
                guard part != .validation || split == nil else {
                    throw ExampleFileError(
                        path, expected: "predictions 'validation', as '\(data.path)' has validation examples",
                        found: all.map { "'\($0.rawValue)'" }.joined(separator: ", "),
                        "Teachers are measured on them before a student learns: add them.")
                }
                continue
            }
            guard let split else {
                throw rows.error(
                    expected: "nothing for '\(part.rawValue)', which '\(data.path)' does not have",
                    found: "\(rows.count) rows",
                    "\(part == .test ? "Its test rows are" : "Held-out rows are") rows of train: put their predictions there, in the order of 'train/x'."
                )
            }
            try rows.refuseOthers(than: split)
        }
    }
}
