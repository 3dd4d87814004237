import Foundation
public import Networks
import Tensors

/// How the weights of a model are stored: what `--precision` says.
public enum Precision: Hashable, Sendable {
    case float32, float16
    /// Whole numbers from −127 to 127 times a scale for each parameter.
    case int8
    /// Floats of 4 to 8 bits.
    case small(bits: Int)
    /// So many bits a weight on average, which the solver shares out among the parameters (`ExportPlan.fitting`).
    case bits(Double)
    /// As many bits as the budget leaves.
    case automatic

    /// The bits a weight that `automatic` plans a student with: the width at which so many fit.
    static let plannedBits = 4.0
    /// Those that `bits` may be.
    static let range = 0.5...16.0

    /// The precisions that need no solver.
    public static let fixed: [Precision] = [.float32, .float16, .int8] + (4...8).reversed().map { .small(bits: $0) }

    /// Whether the encoding of each parameter is found once there are weights.
    public var isSolved: Bool {
        switch self {
        case .float32, .float16, .int8, .small: false
        case .bits, .automatic: true
        }
    }

    /// The encoding of each parameter, or what it is planned with.
    ///
    /// Statistics, such as a moving variance, stay float32: there are few of them, and they may be larger than float16 holds. With
    /// 8 bits and fewer, so do parameters of fewer numbers than `WeightEncoding.fewest` as float16, such as biases: they take
    /// little room, and errors in them cost most.
    public func encodings(of layout: ParameterLayout) -> WeightEncodings {
        encodings(of: layout, in: KerasHDF5())
    }

    /// The same for a file of a format, which says with how many bits `automatic` plans.
    public func encodings(of layout: ParameterLayout, in format: any ModelFormat) -> WeightEncodings {
        let encoding = encoding(in: format)
        return WeightEncodings(layout) { entry in
            guard entry.spec.role == .trainable else { return .float32 }
            let isFew = entry.spec.shape.elementCount < WeightEncoding.fewest
            return isFew && encoding != .float32 ? .float16 : encoding
        }
    }

    /// The encoding of a parameter of many numbers, or what it is planned with.
    func encoding(in format: any ModelFormat) -> WeightEncoding {
        switch self {
        case .float32: .float32
        case .float16: .float16
        case .int8: .int8
        case .small(let bits): .small(bits: bits)
        case .bits(let bits): .planned(bits: bits)
        case .automatic: .planned(bits: format.plannedBits)
        }
    }
}

extension Precision: RawRepresentable {
    /// `float32`, `float16`, `int8`, `float8` to `float4`, bits such as `3.5`, or `auto`.
    public init?(rawValue text: String) {
        if text == "auto" {
            self = .automatic
        } else if let fixed = Self.fixed.first(where: { $0.rawValue == text }) {
            self = fixed
        } else if let bits = Double(text), Self.range.contains(bits) {
            self = .bits(bits)
        } else {
            return nil
        }
    }

    public var rawValue: String {
        switch self {
        case .float32: "float32"
        case .float16: "float16"
        case .int8: "int8"
        case .small(let bits): "float\(bits)"
        case .bits(let bits): shortest(bits)
        case .automatic: "auto"
        }
    }
}

/// A number with no more digits than it needs.
func shortest(_ number: Double) -> String { number == number.rounded() ? "\(Int(number))" : "\(number)" }
