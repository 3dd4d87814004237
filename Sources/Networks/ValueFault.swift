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
