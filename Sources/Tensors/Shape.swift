/// The extent of each axis of a tensor, slowest-varying first. The axis of examples is never part of a shape.
public struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
    public let axes: [Int]
    /// The number of elements; 1 for a scalar, and the largest number where no memory could hold them.
    public let elementCount: Int

    public init(_ axes: [Int]) {
        precondition(axes.allSatisfy { $0 >= 0 }, "a shape cannot have a negative extent: \(axes)")
        self.axes = axes
        elementCount = axes.reduce(1) { product, extent in
            let (value, isTooLarge) = product.multipliedReportingOverflow(by: extent)
            return isTooLarge ? .max : value
        }
    }

    public init(arrayLiteral axes: Int...) { self.init(axes) }

    public var rank: Int { axes.count }

    public subscript(axis: Int) -> Int { axes[axis] }

    /// The extent of the fastest-varying axis: the features, or channels.
    public var channels: Int { axes.last ?? 1 }

    /// The product of all axes but the last.
    public var rowCount: Int { axes.dropLast().reduce(1, *) }

    /// The same axes with the last one replaced.
    public func replacingChannels(with count: Int) -> Shape { Shape(axes.dropLast() + [count]) }

    public var description: String { "(\(axes.map(String.init).joined(separator: ", ")))" }
}

/// Inputs that a layer cannot take, said in a sentence.
public struct ShapeError: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
