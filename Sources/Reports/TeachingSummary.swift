public import Distillation
public import ModelFiles
import Tensors

/// What computing a part of teachers' predictions came to.
public struct TeachingSummary: Sendable {
    private let part: TaughtPart
    /// Where the predictions are.
    private let directory: String

    public init(_ part: TaughtPart, in directory: String) { (self.part, self.directory) = (part, directory) }

    public var text: String {
        let (all, own, predicted) = part.chunks, found = own - predicted
        return "part \(part.part): \(own) of \(all) chunk\(all == 1 ? "" : "s"), "
            + "\(found == 0 ? "" : "\(found) of them found in '\(directory)', ")\(grouped(part.predictions)) predictions made in "
            + "\(duration(part.seconds))\n"
    }

    /// What `teach --json` prints.
    public var json: JSON {
        [
            "part": .integer(part.part.number), "parts": .integer(part.part.count),
            "chunks": [
                "all": .integer(part.chunks.all), "own": .integer(part.chunks.own),
                "predicted": .integer(part.chunks.predicted),
            ],
            "predictions": .integer(part.predictions), "seconds": .number(part.seconds),
        ]
    }
}
