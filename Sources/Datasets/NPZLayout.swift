import HDF5
import Zip

/// Which arrays of an archive are the examples and labels of which split.
///
///     x_train, y_train, x_test, y_test          also train_x or train/x; X or images for x, Y or labels for y
///     x_validation, y_validation                also val; may be missing
///     NAME_train, NAME_test, …                  other inputs, and length, as in a data file
///     x, y                                      alone: a fixed fifth of the rows is for testing
struct NPZLayout {
    struct Split {
        let name: String
        let x: ZipReader.Member
        /// Nil where labels are not requested.
        let y: ZipReader.Member?
        /// Arrays beside x and y that have a row for each example, by the names of datasets.
        let others: [(name: String, member: ZipReader.Member)]
    }

    /// Train, perhaps validation, test; train alone where the rows are undivided.
    let splits: [Split]
    /// Whether the archive has x and y of all examples, of which some rows become the split test.
    let isUndivided: Bool

    private static let words = [("train", ["train"]), ("validation", ["validation", "val"]), ("test", ["test"])]
    private static let inputNames = ["x", "X", "images"], labelNames = ["y", "Y", "labels"]

    /// - Parameter needsTest: Whether there must be test examples, or a part of what is undivided becomes such.
    /// - Throws: `ExampleFileError` with what is there, where arrays are missing.
    init(of archive: borrowing ZipReader, needsTest: Bool = true) throws(ExampleFileError) {
        if Self.isUndivided(archive), let x = Self.member(Self.inputNames, in: archive),
            let y = Self.member(Self.labelNames, in: archive)
        {
            splits = [Split(name: "train", x: x, y: y, others: Self.others([], besides: [x, y], in: archive))]
            isUndivided = needsTest
            return
        }
        var splits: [Split] = []
        for (name, words) in Self.words {
            let x = Self.member(Self.inputNames, of: words, in: archive)
            let y = Self.member(Self.labelNames, of: words, in: archive)
            if name == "validation" || name == "test" && !needsTest, x == nil, y == nil { continue }
            guard let x, let y else {
                throw Self.missing(
                    "arrays 'x_\(name)' and 'y_\(name)', or 'train_x', 'train/x', 'train_images' and the like", archive)
            }
            splits.append(Split(name: name, x: x, y: y, others: Self.others(words, besides: [x, y], in: archive)))
        }
        self.splits = splits
        isUndivided = false
    }

    /// Examples of which nothing is known: x_train, or x.
    init(unlabeled archive: borrowing ZipReader) throws(ExampleFileError) {
        guard
            let x = Self.member(Self.inputNames, of: ["train"], in: archive)
                ?? Self.member(Self.inputNames, in: archive)
        else { throw Self.missing("an array 'x_train' or 'x' of examples without labels", archive) }
        let others = Self.others(["train"], besides: [x], in: archive) + Self.others([], besides: [x], in: archive)
        splits = [Split(name: "train", x: x, y: nil, others: others.filter { $0.name == "length" })]
        isUndivided = false
    }

    private static func missing(_ expected: String, _ archive: borrowing ZipReader) -> ExampleFileError {
        let names = archive.members.prefix(8).map { "'\($0.name)'" }.joined(separator: ", ")
        let more = archive.members.count > 8 ? " and \(archive.members.count - 8) more" : ""
        return ExampleFileError(
            archive.path, expected: expected, found: names.isEmpty ? "an empty archive" : names + more,
            "Save them with np.savez(…, x_train=…, y_train=…, x_test=…, y_test=…)."
                + (expected.contains("x_test") ? " Without test examples, --test 0.1 takes a share of train." : ""))
    }

    /// Whether no array is of a split.
    private static func isUndivided(_ archive: borrowing ZipReader) -> Bool {
        words.allSatisfy { member(inputNames + labelNames, of: $0.1, in: archive) == nil }
    }

    /// How an array of a split may be called.
    private static func names(_ kind: String, _ split: String) -> [String] {
        ["\(kind)_\(split)", "\(split)_\(kind)", "\(split)/\(kind)"]
    }

    private static func member(
        _ kinds: [String], of splits: [String], in archive: borrowing ZipReader
    ) -> ZipReader.Member? {
        member(kinds.flatMap { kind in splits.flatMap { names(kind, $0) } }, in: archive)
    }

    private static func member(_ names: [String], in archive: borrowing ZipReader) -> ZipReader.Member? {
        for name in names { if let member = archive["\(name).npy"] { return member } }
        return nil
    }

    /// The other arrays of a split, or of all examples where there are no words for it.
    private static func others(
        _ words: [String], besides used: [ZipReader.Member], in archive: borrowing ZipReader
    ) -> [(name: String, member: ZipReader.Member)] {
        var found: [(name: String, member: ZipReader.Member)] = []
        for member in archive.members where member.name.hasSuffix(".npy") && !used.contains(member) {
            let array = member.name.dropLast(4)
            let kinds =
                words.isEmpty
                ? [String(array)]
                : words.flatMap { word in
                    [("_\(word)", false), ("\(word)_", true), ("\(word)/", true)].compactMap { part, isFirst in
                        guard isFirst ? array.hasPrefix(part) : array.hasSuffix(part) else { return nil }
                        return String(isFirst ? array.dropFirst(part.count) : array.dropLast(part.count))
                    }
                }
            guard let kind = kinds.first, !kind.isEmpty, kind != ".", !kind.contains("/"), !["x", "y"].contains(kind),
                !found.contains(where: { $0.name == kind })
            else { continue }
            found.append((kind, member))
        }
        return found.sorted { $0.name < $1.name }
    }
}
