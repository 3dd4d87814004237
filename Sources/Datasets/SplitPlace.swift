import HDF5

/// The checks of one group, which all speak of the same place.
struct SplitPlace {
    let path: String
    let split: String

    func error(_ part: String, expected: String, found: String, _ advice: String) -> ExampleFileError {
        ExampleFileError(path, split.isEmpty ? part : "\(split)/\(part)", expected: expected, found: found, advice)
    }

    func checkInputs(_ x: borrowing HDF5Dataset) throws {
        guard x.type.byteCount != nil else {
            throw error("x", expected: "numbers", found: "\(x.type)", "Store the examples as uint8 or float32.")
        }
        guard x.shape.count >= 2 else {
            throw error(
                "x", expected: "shape (examples, …)", found: "\(x.shape)",
                "The first axis counts examples; single numbers are of shape (examples, 1).")
        }
        guard x.elementCount > 0 else {
            throw error("x", expected: "at least one example", found: "shape \(x.shape)", "Is the file finished?")
        }
    }

    func labels(_ y: consuming HDF5Dataset, count: Int) throws -> StoredLabels {
        do throws(LabelScan.Problem) {
            return try StoredLabels(y, of: split, count: count)
        } catch {
            throw error.error(path, "\(split)/y")
        }
    }

    /// The error that a dataset is not there, which lists what is there instead.
    func missing(_ part: String, _ root: borrowing HDF5Group) throws -> ExampleFileError {
        let wanted = "\(split)/\(part)"
        let expected = "a dataset '\(wanted)'", layout = "A data file holds train/x, train/y, test/x and test/y."
        if try root.kind(of: wanted) == .group {
            return ExampleFileError(
                path, expected: expected, found: "a group of that name, with \(list(try root.group(wanted).names()))",
                "Store the \(part == "x" ? "examples" : "labels") as one array. " + layout)
        }
        let other = try MeantDataset.name(split, part, in: root)
        let isGroup = try root.kind(of: split) == .group
        let names = try isGroup ? root.group(split).names() : root.names()
        let found = names.isEmpty ? "an empty \(isGroup ? "group" : "file")" : list(names)
        let spot = names.isEmpty ? "" : isGroup ? " in '\(split)'" : " at the top"
        return ExampleFileError(
            path, expected: expected, found: found + spot,
            (other.map { "Rename '\($0)': in h5py, file.move('\($0)', '\(wanted)'). " }
                ?? MeantDataset.undivided(part, among: names).map {
                    "Store some rows of '\($0)' as train/\(part), others as test/\(part). "
                } ?? "") + layout
                + (split == "test" && !isGroup ? " Without test examples, --test 0.1 takes a share of train." : ""))
    }

    /// Some names, with a limit.
    private func list(_ names: [String]) -> String {
        let shown = names.prefix(8).map { "'\($0.count > 40 ? $0.prefix(40) + "…" : $0)'" }.joined(separator: ", ")
        return names.count > 8 ? "\(shown) and \(names.count - 8) more" : names.isEmpty ? "nothing" : shown
    }

    func scaling(_ dataset: borrowing HDF5Dataset, of input: String) throws -> InputScaling {
        do {
            return try InputScaling(of: dataset)
        } catch let problem as InputScaling.Problem {
            throw error(
                input, expected: problem.expected, found: problem.found,
                "Models are fed with x·scale + offset; channels are the last axis.")
        }
    }

    func readFrameCounts(_ root: borrowing HDF5Group, of x: borrowing HDF5Dataset) throws -> [Int32]? {
        let name = split.isEmpty ? "length" : "\(split)/length"
        guard try root.contains(name) else { return nil }
        let lengths = try root.dataset(name)
        guard lengths.shape == [x.shape[0]], lengths.type.isInteger else {
            throw error(
                "length", expected: "whole numbers of shape (\(x.shape[0]))",
                found: "\(lengths.type) of shape \(lengths.shape)", "It is the number of real frames of each example.")
        }
        guard x.shape.count >= 3 else {
            throw error(
                "length", expected: "examples of several frames", found: "'\(split)/x' of shape \(x.shape)",
                "Leave 'length' out where examples have no frames.")
        }
        let counts = try lengths.read(as: Int.self)
        let frames = x.shape[1]
        if let row = counts.firstIndex(where: { !(1...frames).contains($0) }) {
            throw error(
                "length", expected: "from 1 to \(frames) frames", found: "\(counts[row]) in row \(row)",
                "'\(split)/x' has \(frames) frames for each example.")
        }
        return counts.map { Int32($0) }
    }
}

/// Where other people put what a data file has as `train/x`.
private enum MeantDataset {
    private static let splits = [
        "train": ["train", "training", "Train", "TRAIN"], "test": ["test", "testing", "Test", "TEST"],
        "validation": ["validation", "valid", "val", "Validation", "Val"],
    ]
    private static let parts = [
        "x": ["x", "X", "images", "image", "data", "features", "inputs", "Images", "Data"],
        "y": ["y", "Y", "labels", "label", "targets", "target", "classes", "Labels", "Y_labels"],
    ]

    /// Which of the names seems to mean the examples or labels of all splits.
    static func undivided(_ part: String, among names: [String]) -> String? {
        parts[part]?.first(where: names.contains)
    }

    /// A dataset that seems to be meant; nil if there is none.
    static func name(_ split: String, _ part: String, in root: borrowing HDF5Group) throws -> String? {
        for split in splits[split] ?? [split] {
            for part in parts[part] ?? [part] {
                for name in ["\(split)/\(part)", "\(part)_\(split)", "\(split)_\(part)", "\(part)/\(split)"] {
                    if try root.kind(of: name) == .dataset { return name }
                }
            }
        }
        return nil
    }
}
