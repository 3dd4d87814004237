import Foundation

/// What trainings leave in a run directory beside the teachers' answers.
enum RunDirectory {
    /// The file from which a training goes on.
    static func checkpoint(_ directory: String, training: String) -> String {
        "\(directory)/\(training.replacing(" ", with: "-"))\(checkpointEnding)"
    }

    /// Whether there is a training to go on with.
    static func hasCheckpoint(_ directory: String) -> Bool {
        names(directory).contains { $0.hasSuffix(checkpointEnding) }
    }

    /// Removes what an earlier run has left, so that nobody goes on from it: checkpoints, figures, students of
    /// generations. What teachers said stays, and whatever else is there.
    static func clear(_ directory: String) {
        let files = FileManager.default
        for name in names(directory)
        where name.hasSuffix(checkpointEnding) || name == "metrics.jsonl" || name.hasPrefix("generation-") {
            try? files.removeItem(atPath: "\(directory)/\(name)")
        }
        for training in names("\(directory)/tensorboard") {
            let folder = "\(directory)/tensorboard/\(training)"
            for name in names(folder) where name.hasPrefix("events.out.tfevents.") {
                try? files.removeItem(atPath: "\(folder)/\(name)")
            }
        }
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
