public import ModelFiles
public import Tensors

/// Whether what was measured fits what is allowed, and by how much.
public struct BudgetVerdict: Hashable, Sendable {
    public let limit: ByteCount
    public let used: ByteCount
    public let counted: Budget.Counted

    public init(limit: ByteCount, used: ByteCount, counted: Budget.Counted = .file) {
        (self.limit, self.used, self.counted) = (limit, used, counted)
    }

    /// - Parameters:
    ///   - file: The bytes of a model's file.
    ///   - parameters: Its numbers.
    init(_ budget: Budget, file: ByteCount, parameters: Int) {
        self.init(
            limit: budget.limit, used: budget.used(file: file, parameters: parameters), counted: budget.counted)
    }

    public var fits: Bool { used <= limit }

    /// The key `budget` of every command's JSON, which says what counts where that is not the file.
    public var json: JSON {
        var object: JSON.Object = [
            "limit": .integer(limit.bytes), "used": .integer(used.bytes), "fits": .bool(fits),
        ]
        if counted != .file { object["counts"] = .string(counted.rawValue) }
        return .object(object)
    }
}

extension BudgetVerdict: CustomStringConvertible {
    public var description: String {
        let share = "\(fixed(Double(used.bytes) / Double(max(limit.bytes, 1)) * 100, digits: 1)) %"
        let difference = ByteCount(abs(limit.bytes - used.bytes))
        return fits
            ? "fits the budget of \(limit): \(used)\(counted == .file ? "" : " of parameters as float32") used (\(share)), \(difference) left"
            : "over the budget of \(limit) by \(difference): \(used) needed (\(share))"
    }
}
