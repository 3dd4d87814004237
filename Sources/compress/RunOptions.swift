import ArgumentParser
import Training

/// How a run keeps its state.
struct RunOptions: ParsableArguments {
    @Option(
        help: .init(
            "Write a checkpoint when the last one is so old, such as 30s, 10m or 1h; each epoch ends with one, too. (default: 10m)",
            valueName: "time"), transform: timeSpan)
    var checkpointEvery: Duration?

    @Flag(
        help: .init(
            "Read data of more than 64 MiB again for its digest, although the run directory has that of a file of the same size "
                + "and time of change."))
    var verifyData = false

    mutating func fill(from other: RunOptions) { checkpointEvery = checkpointEvery ?? other.checkpointEvery }
}

/// Reads a time: `30s`, `10m`, `1.5h`.
@Sendable func timeSpan(_ text: String) throws -> Duration {
    let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600]
    guard let unit = text.last.flatMap({ units[$0] }), let number = Double(text.dropLast()),
        (0.01...1e7).contains(number * unit)
    else { throw ValidationError("expected a time such as 30s, 10m or 1h, found '\(text)'") }
    return .seconds(number * unit)
}
