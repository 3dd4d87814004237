public import ModelFiles
import Tensors
public import Training

/// Schedules of what may not have every value.
extension Schedule {
    /// Reads the weight of a loss, which is never negative.
    ///
    /// - Throws: `ScheduleError`, with the schedule that was probably meant.
    public init(weight text: String) throws(ScheduleError) {
        self = try Self.suggesting(text)
        guard minimum >= 0 else {
            throw ScheduleError("the weight of a loss may not become negative, found '\(text)'")
        }
    }

    /// The temperatures at which float32 still distinguishes logits.
    private static let temperatures = 0.01...1000.0

    /// Reads a temperature, from 0.01 to 1000 throughout.
    ///
    /// - Throws: `ScheduleError`, with the schedule that was probably meant.
    public init(temperature text: String) throws(ScheduleError) {
        self = try Self.suggesting(text)
        guard minimum > 0 else {
            throw ScheduleError("a temperature must be above 0 throughout, found '\(text)'")
        }
        guard Self.temperatures.contains(minimum), Self.temperatures.contains(maximum) else {
            throw ScheduleError("a temperature must be from 0.01 to 1000 throughout, found '\(text)'")
        }
    }

    /// A number, or a text: as a configuration file has it.
    public var json: JSON {
        guard case .constant(let value) = self else { return .string(description) }
        return Int(exactly: value).map { .integer($0) } ?? .number(value)
    }

    private static func suggesting(_ text: String) throws(ScheduleError) -> Schedule {
        do throws(ScheduleError) {
            return try Schedule(text)
        } catch {
            guard let name = error.unknownName else { throw error }
            throw ScheduleError("\(error)\(didYouMean(name, names))", unknownName: name)
        }
    }
}
