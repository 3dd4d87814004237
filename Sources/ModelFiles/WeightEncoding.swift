public import Networks
public import Tensors

/// How the numbers of one parameter are stored in a file.
///
/// Their bytes follow from the shape, so that the size of a file is known before there are any weights. Networks compute
/// with float32 whatever the file has.
public enum WeightEncoding: Hashable, Sendable {
    case float32, float16

    /// The bytes of all numbers of a parameter of a shape.
    public func byteCount(of shape: Shape) -> Int {
        switch self {
        case .float32: shape.elementCount * 4
        case .float16: shape.elementCount * 2
        }
    }

    /// The largest number that it holds.
    public var greatestFiniteMagnitude: Float {
        switch self {
        case .float32: .greatestFiniteMagnitude
        case .float16: Float(Float16.greatestFiniteMagnitude)
        }
    }

    /// Replaces numbers by those that a reader of the file will have: the nearest ones, or of two that are equally near the
    /// even one. What is too large becomes infinite.
    public func round(_ numbers: inout MutableSpan<Float>) {
        switch self {
        case .float32: break
        case .float16: for index in numbers.indices { numbers[index] = Float(Float16(numbers[index])) }
        }
    }
}

extension WeightEncoding: CustomStringConvertible {
    public var description: String {
        switch self {
        case .float32: "float32"
        case .float16: "float16"
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

    /// Whether every number is stored as it is.
    public var areExact: Bool { encodings.values.allSatisfy { $0 == .float32 } }
}

/// How the weights of a model are stored: what `--precision` says.
public enum Precision: String, Hashable, Sendable, CaseIterable {
    case float32, float16

    /// The encoding of each parameter.
    ///
    /// Statistics, such as a moving variance, stay float32: there are few of them, and they may be larger than float16 holds.
    public func encodings(of layout: ParameterLayout) -> WeightEncodings {
        WeightEncodings(layout) { entry in
            switch self {
            case .float32: .float32
            case .float16: entry.spec.role == .trainable ? .float16 : .float32
            }
        }
    }
}
