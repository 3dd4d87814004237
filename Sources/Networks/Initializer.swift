public import Tensors

/// The distribution that a parameter's first values are drawn from; Keras's names and formulas.
public enum Initializer: Hashable, Sendable {
    case zeros
    case ones
    case constant(Float)
    /// Uniform in ±√(6 / (fan in + fan out)) (Glorot and Bengio, 2010).
    case glorotUniform
    /// Normal with deviation √(2 / fan in), cut at two deviations (He et al., 2015).
    case heNormal
    /// A matrix with orthonormal rows or columns (Saxe et al., 2014).
    case orthogonal
    case normal(deviation: Float)
    /// Normal with deviation 1 / √(fan in), not cut.
    case fanInNormal(mean: Float = 0)
    case uniform(limit: Float)
    /// The bias of an LSTM: zeros, and ones for the forget gate, the second quarter.
    case forgetGateOnes

    /// Writes the values of a parameter of `shape`, a function of `key` alone.
    public func fill(_ tensor: Tensor, shape: Shape, key: RandomKey) {
        switch self {
        case .zeros: tensor.fill(with: 0)
        case .ones: tensor.fill(with: 1)
        case .constant(let value): tensor.fill(with: value)
        case .glorotUniform:
            let (fanIn, fanOut) = Self.fans(shape)
            Self.fillUniform(tensor, limit: (6 / Double(fanIn + fanOut)).squareRoot(), key: key)
        case .uniform(let limit): Self.fillUniform(tensor, limit: Double(limit), key: key)
        case .heNormal:
            // The deviation of a normal distribution cut at two deviations is 0.8796… of the uncut one's.
            let deviation = (2 / Double(Self.fans(shape).in)).squareRoot() / 0.87962566103423978
            for index in 0..<tensor.elementCount {
                var attempt = 0
                var value = key[index].normals(attempt).0
                while abs(value) > 2 {
                    attempt += 1
                    value = key[index].normals(attempt).0
                }
                tensor[index] = Float(value * deviation)
            }
        case .normal(let deviation):
            for index in 0..<tensor.elementCount { tensor[index] = Float(key[index].normals(0).0) * deviation }
        case .fanInNormal(let mean):
            let deviation = 1 / Double(Self.fans(shape).in).squareRoot()
            for index in 0..<tensor.elementCount {
                tensor[index] = mean + Float(key[index].normals(0).0 * deviation)
            }
        case .orthogonal: Self.fillOrthogonal(tensor, shape: shape, key: key)
        case .forgetGateOnes:
            tensor.fill(with: 0)
            let units = tensor.elementCount / 4
            tensor.slice(at: units, count: units).fill(with: 1)
        }
    }

    /// Keras's: a kernel's last two axes are inputs and outputs, the axes before them its extent in space.
    private static func fans(_ shape: Shape) -> (in: Int, out: Int) {
        switch shape.rank {
        case 0: return (1, 1)
        case 1: return (shape[0], shape[0])
        default:
            let field = shape.axes.dropLast(2).reduce(1, *)
            return (field * shape[shape.rank - 2], field * shape[shape.rank - 1])
        }
    }

    private static func fillUniform(_ tensor: Tensor, limit: Double, key: RandomKey) {
        for index in 0..<tensor.elementCount { tensor[index] = Float((2 * key.uniform(index) - 1) * limit) }
    }

    /// Gram and Schmidt on rows of normal numbers, twice for accuracy.
    private static func fillOrthogonal(_ tensor: Tensor, shape: Shape, key: RandomKey) {
        let columns = shape.channels, rows = shape.rowCount
        let (count, length) = (min(rows, columns), max(rows, columns))
        var basis: [[Double]] = []
        for row in 0..<count {
            var vector = (0..<length).map { key[row].normals($0).0 }
            for _ in 0..<2 {
                for other in basis {
                    var along = 0.0
                    for index in 0..<length { along += vector[index] * other[index] }
                    for index in 0..<length { vector[index] -= along * other[index] }
                }
            }
            let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            basis.append(vector.map { $0 / norm })
        }
        for row in 0..<rows {
            for column in 0..<columns {
                tensor[row * columns + column] = Float(rows <= columns ? basis[row][column] : basis[column][row])
            }
        }
    }
}
