import Foundation

/// What trainings leave in a run directory beside the teachers' answers.
enum RunDirectory {
    /// The file from which a training goes on.
    static func checkpoint(_ directory: String, training: String) -> String {
        "\(directory)/\(training.replacing(" ", with: "-"))-checkpoint.h5"
    }

    /// Removes what an earlier run has left, so that nobody goes on from it: checkpoints, figures, students of
    /// generations. What teachers said stays, and whatever else is there.
    static func clear(_ directory: String) {
        let files = FileManager.default
        func names(_ folder: String) -> [String] { (try? files.contentsOfDirectory(atPath: folder)) ?? [] }
        for name in names(directory)
        where name.hasSuffix("-checkpoint.h5") || name == "metrics.jsonl" || name.hasPrefix("generation-") {
            try? files.removeItem(atPath: "\(directory)/\(name)")
        }
        for training in names("\(directory)/tensorboard") {
            let folder = "\(directory)/tensorboard/\(training)"
            for name in names(folder) where name.hasPrefix("events.out.tfevents.") {
                try? files.removeItem(atPath: "\(folder)/\(name)")
            }
        }
    }
}
