extension [UInt8] {
    /// Adds bytes from elsewhere; unlike a slice of an array, a span of them counts no references.
    public mutating func append(contentsOf bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}
