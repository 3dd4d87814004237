/// Widens finite halves: with the exponent in its new place, the number is too small by 2¹¹², and exact.
public func widen(_ halves: Span<Float16>, into floats: inout MutableSpan<Float>) {
    precondition(halves.count == floats.count, "unequal counts")
    for index in halves.indices {
        let bits = UInt32(halves[index].bitPattern)
        let magnitude = Float(bitPattern: (bits & 0x7FFF) << 13) * 0x1p112
        floats[index] = Float(bitPattern: magnitude.bitPattern | (bits & 0x8000) << 16)
    }
}

/// The nearest half to a number, at most the largest one that is finite.
public func half(_ x: Float) -> Float16 {
    let limit = Float(Float16.greatestFiniteMagnitude)
    return Float16(min(max(x, -limit), limit))
}
