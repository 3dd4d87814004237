import ArgumentParser
import Datasets
import Foundation

struct YouTube8MCommand: ImportFormat {
    static let configuration = CommandConfiguration(
        commandName: "youtube8m",
        abstract: "TFRecords of YouTube-8M, AudioSet and the like, plain or .gz.",
        discussion: """
            Records are of frames (SequenceExample) or of whole videos (Example). Files whose names begin with train, \
            validate and test are for that; others are given with --train, --validation and --test.

            x is (examples, frames, features) of bytes, whose attributes scale and offset make of them what the challenge \
            reads, and zero behind the true length; or (examples, features) of floats. y is a row of zeros and ones, stored \
            compressed. Beside them are length, and id as strings. Where no files are for test, those for validation are. \
            Both checksums of every record are verified.

            Examples:
              compress import youtube8m yt8m/train*.tfrecord yt8m/validate*.tfrecord \\
                --output yt8m.h5
              compress import youtube8m --train balanced_train.tfrecord \\
                --test eval.tfrecord --frames 10 --classes 527 --output audioset.h5
            """)

    @Argument(
        help: "Files whose names begin with train, validate or test.", completion: .file(extensions: ["tfrecord"]))
    var source: [String] = []

    @Option(
        parsing: .upToNextOption,
        help: .init("The files of the training examples, whatever their names.", valueName: "path"),
        completion: .file(extensions: ["tfrecord"]))
    var train: [String] = []

    @Option(
        parsing: .upToNextOption,
        help: .init("The files of the validation examples, whatever their names.", valueName: "path"),
        completion: .file(extensions: ["tfrecord"]))
    var validation: [String] = []

    @Option(
        parsing: .upToNextOption,
        help: .init("The files of the test examples, whatever their names.", valueName: "path"),
        completion: .file(extensions: ["tfrecord"]))
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

    @OptionGroup var options: ImportOptions

    var sources: [String] { source + train + test + validation }
}

extension YouTube8MCommand {
    /// A row of labels is written as one number for each class.
    private static let mostClasses = 1 << 20

    /// Throws unless there are files to train and to test with, and as many classes as names.
    func validate() throws {
        let all = try splits, names = options.classNames
        guard !all.train.isEmpty, !all.test.isEmpty else {
            throw ValidationError(
                "youtube8m takes files for training and for test, found none for "
                    + "\(all.train.isEmpty ? "training" : "test"); name them train… and validate… or test…, "
                    + "or pass --train and --test")
        }
        if let classes, classes > Self.mostClasses {
            throw ValidationError("--classes: expected at most \(Self.mostClasses), found \(classes)")
        }
        if let classes, !names.isEmpty, names.count != classes {
            throw ValidationError("--classes is \(classes), but --class-names names \(names.count)")
        }
    }

    /// Each file in the split of its option, or its name.
    ///
    /// Where there are none for test, those for validation are: the labels of the challenge's test files are not published.
    private var splits: (train: [String], validation: [String], test: [String]) {
        get throws {
            var all = (train: train, validation: validation, test: test)
            for file in source {
                let name = URL(filePath: file).lastPathComponent.lowercased()
                if name.hasPrefix("train") {
                    all.train.append(file)
                } else if name.hasPrefix("val") {
                    all.validation.append(file)
                } else if name.hasPrefix("test") {
                    all.test.append(file)
                } else {
                    throw ValidationError(
                        "the name of '\(file)' does not begin with train, validate or test; put --train, --validation or --test before it"
                    )
                }
            }
            if all.test.isEmpty { (all.validation, all.test) = ([], all.validation) }
            return all
        }
    }

    func job(_ progress: Progress) throws -> ImportJob {
        let splits = try splits, skipped = SkippedRecords()
        var files = YouTube8MImport(
            trainFiles: splits.train, validationFiles: splits.validation, testFiles: splits.test)
        files.classNames = options.names
        files.classCount = classes ?? options.names?.count ?? files.classCount
        files.features = features
        files.frameCount = frames ?? files.frameCount
        files.skipsDamaged = skipDamaged
        files.remark = { remark in
            skipped.note(remark)
            progress.message(remark.description)
        }
        return ImportJob(files: files, skipped: skipped)
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
