import Foundation
import ModelFiles
import Storage
import Training

/// What trainings leave in a run directory beside the teachers' answers.
public enum RunDirectory {
    /// The file from which a training goes on.
    static func checkpoint(_ directory: String, training: String) -> String {
        "\(directory)/\(training.replacing(" ", with: "-"))\(checkpointEnding)"
    }

    /// Whether there is a training to go on with.
    public static func hasCheckpoint(_ directory: String) -> Bool {
        names(directory).contains { $0.hasSuffix(checkpointEnding) }
    }

    /// Creates the directory, and removes the files in it that a killed run had not finished.
    static func prepare(_ directory: String) throws {
        try WholeFile.createFolder(directory)
        for folder in ["", "/soft-targets", "/soft-targets-unlabeled"] {
            WholeFile.clearLeftovers(in: directory + folder)
        }
    }

    /// Removes what an earlier run has left, so that nobody goes on from it: checkpoints, figures, students of
    /// generations. What teachers said stays, and whatever else is there: a user may have named any folder.
    static func clear(_ directory: String) {
        for name in names(directory) where isLeft(name, in: directory) {
            WholeFile.remove("\(directory)/\(name)")
        }
        for training in names("\(directory)/tensorboard") {
            let folder = "\(directory)/tensorboard/\(training)"
            for name in names(folder) where name.hasPrefix("events.out.tfevents.") {
                WholeFile.remove("\(folder)/\(name)")
            }
        }
    }

    /// Whether an earlier run has left a file, rather than somebody who likes the same names.
    private static func isLeft(_ name: String, in directory: String) -> Bool {
        if name.hasSuffix(checkpointEnding) { return Checkpoint.isCheckpoint("\(directory)/\(name)") }
        return name == "metrics.jsonl" || name.wholeMatch(of: /generation-[0-9]+\.(h5|keras)/) != nil
    }

    /// The student that teaches the next generation.
    static func student(_ directory: String, ofGeneration generation: Int, format: ExportPlan.Format) -> String {
        "\(directory)/generation-\(generation).\(format == .keras ? "keras" : "h5")"
    }

    private static let checkpointEnding = "-checkpoint.h5"

    private static func names(_ folder: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    }
}

/// A run directory without a training to go on with.
public struct NoCheckpointError: Error, CustomStringConvertible {
    public let directory: String
    public var description: String {
        "'\(directory)': expected the directory of a stopped run, found no checkpoint in it"
    }
}
