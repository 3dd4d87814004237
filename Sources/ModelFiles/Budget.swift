public import Tensors

/// The most bytes that a student may take.
public struct Budget: Hashable, Sendable {
    /// What of a student counts.
    public enum Counted: String, CaseIterable, Sendable {
        /// Its file, with everything in it.
        case file
        /// Each of its numbers with 4 bytes, however its file stores it: for rules that limit the parameters.
        case parameters
    }

    public let limit: ByteCount
    public let counted: Counted

    public init(_ limit: ByteCount, _ counted: Counted = .file) { (self.limit, self.counted) = (limit, counted) }

    /// What of it a model takes.
    public func used(by size: SizeReport) -> ByteCount { used(file: size.file, parameters: size.parameters) }

    /// The same of a file of so many bytes with so many numbers.
    public func used(file: ByteCount, parameters: Int) -> ByteCount {
        switch counted {
        case .file: file
        case .parameters: ByteCount(parameters * MemoryLayout<Float>.size)
        }
    }

    public func holds(_ size: SizeReport) -> Bool { used(by: size) <= limit }
}
