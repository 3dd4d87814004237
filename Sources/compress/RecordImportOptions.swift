import ArgumentParser
import Datasets
import Foundation

/// How files of records become a data file.
struct RecordImportOptions: ParsableArguments {
    @Option(
        parsing: .upToNextOption,
        help: .init("The files of the training examples, whatever their names.", valueName: "path"))
    var train: [String] = []

    @Option(
        parsing: .upToNextOption,
        help: .init("The files of the test examples, whatever their names.", valueName: "path"))
    var test: [String] = []

    @Option(
        help: .init(
            "The features to join, in order, and their sizes: rgb:1024,audio:128. (default: all that the first record has, "
                + "rgb before audio before others by name)", valueName: "names"),
        transform: featureList)
    var features: [YouTube8MImport.Feature]?

    @Option(
        help: .init(
            "How many frames an example has: longer ones are cut, shorter ones filled up. (default: 300)",
            valueName: "n"),
        transform: wholeNumber)
    var frames: Int?

    @Option(
        help: .init(
            "How many classes there are. (default: as many as --class-names, or 3862, those of 2018 and 2019)",
            valueName: "n"),
        transform: wholeNumber)
    var classes: Int?

    @Flag(help: "Report records that are damaged or do not fit, and leave them out, instead of stopping at the first.")
    var skipDamaged = false
}

extension RecordImportOptions {
    /// Those that were given, by name.
    var given: [String] {
        [
            ("--train", !train.isEmpty), ("--test", !test.isEmpty), ("--features", features != nil),
            ("--frames", frames != nil), ("--classes", classes != nil), ("--skip-damaged", skipDamaged),
        ].filter(\.1).map(\.0)
    }

    /// A row of labels is written as one number for each class.
    private static let mostClasses = 1 << 20

    /// Throws unless there are files to train and to test with, and as many classes as names.
    func refuse(_ files: [String], validation: [String], names: [String]) throws {
        let all = try splits(files, validation: validation)
        guard !all.train.isEmpty, !all.test.isEmpty else {
            throw ValidationError(
                "youtube8m takes files for training and for test, found none for "
                    + "\(all.train.isEmpty ? "training" : "test"); name them train… and validate… or test…, "
                    + "or say --train and --test")
        }
        if let classes, classes > Self.mostClasses {
            throw ValidationError("--classes: expected at most \(Self.mostClasses), found \(classes)")
        }
        if let classes, !names.isEmpty, names.count != classes {
            throw ValidationError("--classes says \(classes), but --class-names names \(names.count)")
        }
    }

    /// Each file where its option says, or its name.
    ///
    /// Where there are none for test, those for validation are: the labels of the challenge's test files are not published.
    private func splits(
        _ files: [String], validation: [String]
    ) throws -> (train: [String], validation: [String], test: [String]) {
        var all = (train: train, validation: validation, test: test)
        for file in files {
            let name = URL(filePath: file).lastPathComponent.lowercased()
            if name.hasPrefix("train") {
                all.train.append(file)
            } else if name.hasPrefix("val") {
                all.validation.append(file)
            } else if name.hasPrefix("test") {
                all.test.append(file)
            } else {
                throw ValidationError(
                    "what '\(file)' is for cannot be told from its name; say --train, --validation or --test before it")
            }
        }
        if all.test.isEmpty { (all.validation, all.test) = ([], all.validation) }
        return all
    }

    /// The import that they describe.
    func files(
        _ files: [String], validation: [String], names: [String]?,
        remark: @escaping @Sendable (YouTube8MImport.Remark) -> Void
    ) throws -> YouTube8MImport {
        let splits = try splits(files, validation: validation)
        var result = YouTube8MImport(
            trainFiles: splits.train, validationFiles: splits.validation, testFiles: splits.test)
        result.classNames = names
        result.classCount = classes ?? names?.count ?? result.classCount
        result.features = features
        result.frameCount = frames ?? result.frameCount
        result.skipsDamaged = skipDamaged
        result.remark = remark
        return result
    }
}

/// Reads `rgb:1024,audio:128`, in which sizes may be left out.
@Sendable private func featureList(_ text: String) throws -> [YouTube8MImport.Feature] {
    let features = try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
        let words = part.split(separator: ":", omittingEmptySubsequences: false)
        guard let name = words.first, !name.isEmpty, words.count <= 2 else {
            throw ValidationError("expected features such as rgb:1024,audio:128, found '\(text)'")
        }
        return YouTube8MImport.Feature(
            name: String(name), size: words.count == 2 ? try wholeNumber(String(words[1])) : nil)
    }
    guard Set(features.map(\.name)).count == features.count else {
        throw ValidationError("expected each feature once, found '\(text)'")
    }
    return features
}
