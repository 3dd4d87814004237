import HDF5
public import Networks
public import Tensors

/// How the numbers of one parameter are stored in a file.
///
/// Their bytes follow from the shape, so that the size of a file is known before there are any weights; those of coded levels
/// are never more than float8 takes. Networks compute with float32 whatever the file has.
public enum WeightEncoding: Hashable, Sendable {
    case float32, float16
    /// Equally spaced numbers in one byte each, with their scale as a float32 (`IntegerLevels`).
    case int8
    /// Floats of 4 to 8 bits, whose exponent and scale (`SmallFloat`) suit the numbers of the parameter.
    case small(bits: Int)
    /// Few levels, in one Huffman-coded byte each. Made for the numbers of one parameter: they decide the bytes.
    case coded(CodedLevels)
    /// So many bits a weight at most, of whatever encoding is found once there are weights: only to plan with.
    case planned(bits: Double)

    /// The bits a weight that are planned; nil for an encoding that is more than a plan.
    public var plannedBits: Double? { if case .planned(let bits) = self { bits } else { nil } }

    /// The bytes of all numbers of a parameter of a shape.
    public func byteCount(of shape: Shape) -> Int {
        switch self {
        case .float32: shape.elementCount * 4
        case .float16: shape.elementCount * 2
        case .int8: shape.elementCount + 4
        case .small(let bits):
            SmallFloat(exponentBits: 2, mantissaBits: bits - 3, bias: 1).storedByteCount(of: shape.elementCount)
        case .coded(let levels): levels.byteCount
        case .planned(let bits): Int((Double(shape.elementCount) * bits / 8).rounded(.up))
        }
    }

    /// Replaces numbers by those that a reader of the file will have: the nearest ones, or of two that are equally near the
    /// even one. What is too large becomes infinite, but for small floats, of which the largest is taken. Rounding twice
    /// changes nothing.
    public func round(_ numbers: inout MutableSpan<Float>) { rounding(fitting: numbers.span)?(&numbers) }

    /// How numbers are rounded, each by itself: as `round` does with these, and with others that have their scale.
    ///
    /// - Returns: Nil where nothing is rounded.
    public func rounding(fitting numbers: Span<Float>) -> (@Sendable (inout MutableSpan<Float>) -> Void)? {
        switch self {
        case .float32, .planned: nil
        case .float16:
            { numbers in
                for index in numbers.indices { numbers[index] = Float(Float16(numbers[index])) }
            }
        case .int8: { [levels = IntegerLevels(fitting: numbers)] in levels.round(&$0) }
        case .small(let bits): SmallFloat(bitCount: bits, fitting: numbers).rounding()
        case .coded(let levels): { levels.round(&$0) }
        }
    }

    /// The same for other numbers on the same levels, which decide the bytes of coded ones.
    func counted(for numbers: Span<Float>) -> WeightEncoding {
        guard case .coded(let levels) = self else { return self }
        return .coded(CodedLevels(levels.grid, of: numbers))
    }
}

extension WeightEncoding {
    /// What a solver may choose among, beside floats of 32 and 16 bits.
    public struct Kinds: OptionSet, Sendable {
        public let rawValue: Int

        public init(rawValue: Int) { self.rawValue = rawValue }

        /// Floats of fewer bits: every weight has a value of its own.
        public static let floats = Kinds(rawValue: 1)
        /// Few levels that weights share, Huffman-coded (Han et al., 2016, "Deep Compression").
        public static let shared = Kinds(rawValue: 2)
        /// Int8, for files that hold nothing else of so few bits.
        public static let integers = Kinds(rawValue: 4)
        public static let all: Kinds = [.floats, .shared]
    }

    /// A parameter of fewer numbers has at least 16 bits for each.
    static let fewest = 256
}

extension WeightEncoding: CustomStringConvertible {
    public var description: String {
        switch self {
        case .float32: "float32"
        case .float16: "float16"
        case .int8: "int8"
        case .small(let bits): "float\(bits)"
        case .coded(let levels): "coded (\(levels.count))"
        case .planned(let bits): "\(shortest(bits)) bits"
        }
    }
}

/// The encoding of each parameter of a network.
public struct WeightEncodings: Sendable {
    private struct Key: Hashable {
        let layer: String
        let parameter: String

        init(_ entry: ParameterLayout.Entry) { (layer, parameter) = (entry.layer, entry.spec.name) }
    }

    private let encodings: [Key: WeightEncoding]

    /// - Parameter encoding: Decides for each parameter.
    public init(_ layout: ParameterLayout, _ encoding: (ParameterLayout.Entry) -> WeightEncoding) {
        encodings = Dictionary(layout.entries.map { (Key($0), encoding($0)) }, uniquingKeysWith: { first, _ in first })
    }

    /// The encoding of a parameter; float32 for one that the layout did not have.
    public subscript(entry: ParameterLayout.Entry) -> WeightEncoding { encodings[Key(entry)] ?? .float32 }

    /// The same for other weights: what is coded keeps its levels, and takes the bytes that these numbers need.
    ///
    /// - Parameter weights: A run of floats with the layout.
    public func counted(for weights: Tensor, of layout: ParameterLayout) -> WeightEncodings {
        WeightEncodings(layout) { entry in
            weights.slice(at: entry.offset, count: entry.spec.shape.elementCount).withSpan(self[entry].counted)
        }
    }

    /// An encoding that some parameter has, of those for which a condition holds.
    func first(where condition: (WeightEncoding) -> Bool) -> WeightEncoding? {
        encodings.values.first(where: condition)
    }

    /// Whether some parameters are packed or coded, each into one chunk of a dataset.
    var arePacked: Bool {
        encodings.values.contains { encoding in
            switch encoding {
            case .float32, .float16, .int8: false
            case .small(let bits): bits != 8
            case .coded, .planned: true
            }
        }
    }

    /// Whether every number is stored as it is.
    public var areExact: Bool { encodings.values.allSatisfy { $0 == .float32 } }
}
