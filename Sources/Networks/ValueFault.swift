/// A number that a layer cannot compute with: that of a word which its table does not have.
public struct ValueFault: Error, Hashable, Sendable, CustomStringConvertible {
    public let layer: String
    /// The example's place among those that were computed together.
    public var example: Int
    public let value: Float
    /// How many rows the layer's table has.
    public let rowCount: Int

    public init(layer: String, example: Int, value: Float, rowCount: Int) {
        (self.layer, self.example, self.value, self.rowCount) = (layer, example, value, rowCount)
    }

    /// All of it in words that `init(text:)` reads, for other processes.
    public var text: String { "\(example) \(value.bitPattern) \(rowCount) \(layer)" }

    /// - Returns: nil for other words.
    public init?(text: some StringProtocol) {
        let words = text.split(separator: " ", maxSplits: 3)
        guard words.count == 4, let example = Int(words[0]), let value = UInt32(words[1]), let rows = Int(words[2])
        else { return nil }
        self.init(layer: String(words[3]), example: example, value: Float(bitPattern: value), rowCount: rows)
    }

    public var description: String {
        let number = value.isNaN ? "NaN" : Int(exactly: value).map(String.init) ?? "\(value)"
        return "\(number) is no word of layer '\(layer)', whose table has the rows 0 to \(rowCount - 1)"
    }
}

extension ValueFault? {
    /// Keeps the fault of the earlier example.
    public mutating func note(_ fault: ValueFault) {
        if let self, self.example <= fault.example { return }
        self = fault
    }
}
