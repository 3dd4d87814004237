public import ModelFiles
public import Models
import Tensors

extension Latency {
    /// Times of single examples and of batches in a table.
    public func text(width: Int? = nil) -> String {
        var table = TextTable([
            .init("latency", .left), .init("median"), .init("p99"), .init("examples/s"), .init("predictions"),
        ])
        for (name, times) in [("1 example", single), ("\(batch.examples) examples", batch)] {
            table.add([
                name, Self.milliseconds(times.median), Self.milliseconds(times.p99),
                grouped(Int(min(times.examplesPerSecond, 1e15))), grouped(times.runs),
            ])
        }
        return table.text(width: width) + "on \(threads) thread\(threads == 1 ? "" : "s")\n"
    }

    private static func milliseconds(_ seconds: Double) -> String { "\(fixed(seconds * 1000, digits: 3)) ms" }

    /// The key `latency` of `evaluate` and `inspect`.
    public var json: JSON {
        func json(_ times: Times) -> JSON {
            [
                "examples": .integer(times.examples), "predictions": .integer(times.runs),
                "median_seconds": .number(times.median), "p99_seconds": .number(times.p99),
            ]
        }
        return ["threads": .integer(threads), "single": json(single), "batch": json(batch)]
    }
}
