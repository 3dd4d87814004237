public import ModelFiles
public import Tensors

/// Whether what was measured fits what is allowed, and by how much.
public struct BudgetVerdict: Hashable, Sendable {
    public let limit: ByteCount
    public let used: ByteCount

    public init(limit: ByteCount, used: ByteCount) {
        self.limit = limit
        self.used = used
    }

    public var fits: Bool { used <= limit }

    /// The key `budget` of every command's JSON.
    public var json: JSON {
        ["limit": .integer(limit.bytes), "used": .integer(used.bytes), "fits": .bool(fits)]
    }
}

extension BudgetVerdict: CustomStringConvertible {
    public var description: String {
        let share = "\(fixed(Double(used.bytes) / Double(max(limit.bytes, 1)) * 100, digits: 1)) %"
        let difference = ByteCount(abs(limit.bytes - used.bytes))
        return fits
            ? "fits the budget of \(limit): \(used) used (\(share)), \(difference) left"
            : "over the budget of \(limit) by \(difference): \(used) needed (\(share))"
    }
}
