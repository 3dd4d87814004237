import Networks
import Tensors

/// The kernel of a LocallyConnected1D or 2D of Keras 2 in the forms that its option `implementation` chooses.
///
///     1    (places, window · channels, filters), as here
///     2    (input places…, channels, output places…, filters): a dense matrix, of which the windows count
///     3    (places · filters · window · channels): the numbers of the windows alone, by output and then by input
///
/// As `locally_connected1d.py` and `conv_utils.conv_kernel_idxs` of Keras 2 have it.
struct LocallyConnectedWeights: StoredLayout {
    private enum Form { case dense(shape: [Int], kernelSize: [Int], strides: [Int]), sparse }

    private let form: Form
    /// Products of three are numbers still.
    private static let largestExtent = 1 << 20

    /// - Parameter stored: The shape in the file.
    /// - Returns: nil for other parameters, other layers, and what is stored as it is here or has a shape that cannot be.
    init?(_ slot: WeightSlot, stored: [Int]) {
        guard let axes = ["LocallyConnected1D": 1, "LocallyConnected2D": 2][slot.layer.className],
            slot.entry.spec.name == "kernel", slot.shape.count == 3
        else { return nil }
        func list(_ option: String) -> [Int] {
            let json = slot.layer.options[option]
            return json?.array?.compactMap(\.integer) ?? Array(repeating: json?.integer ?? 1, count: axes)
        }
        switch slot.layer.options["implementation"] {
        case 2:
            let (size, strides) = (list("kernel_size"), list("strides"))
            guard stored.count == 2 * axes + 2, size.count == axes, strides.count == axes,
                stored.allSatisfy({ (1...Self.largestExtent).contains($0) })
            else { return nil }
            let (input, channels) = (stored[..<axes], stored[axes])
            let (output, filters) = (stored[(axes + 1)..<(2 * axes + 1)], stored[2 * axes + 1])
            let isInside = (0..<axes).allSatisfy { axis in
                output[axes + 1 + axis] > 0
                    && (output[axes + 1 + axis] - 1) * strides[axis] + size[axis] <= input[axis]
            }
            guard isInside, slot.shape == [output.reduce(1, *), size.reduce(channels, *), filters] else { return nil }
            form = .dense(shape: stored, kernelSize: size, strides: strides)
        case 3:
            guard stored == [slot.shape.reduce(1, *)] else { return nil }
            form = .sparse
        default: return nil
        }
    }

    func convert(_ values: [Float], into tensor: Tensor) {
        let (places, patch, filters) = (tensor.shape[0], tensor.shape[1], tensor.shape[2])
        for place in 0..<places {
            for element in 0..<patch {
                for filter in 0..<filters {
                    let source: Int
                    switch form {
                    case .sparse: source = (place * filters + filter) * patch + element
                    case .dense(let shape, let kernelSize, let strides):
                        source = Self.index(shape, kernelSize, strides, place, element) * filters + filter
                    }
                    tensor[(place * patch + element) * filters + filter] = values[source]
                }
            }
        }
    }

    /// Where the first filter's number for an element of a window is, in units of filters.
    private static func index(
        _ shape: [Int], _ kernelSize: [Int], _ strides: [Int], _ place: Int, _ element: Int
    ) -> Int {
        let axes = kernelSize.count, channels = shape[axes]
        var (rest, offset) = (place, element / channels), input = Array(repeating: 0, count: axes)
        for axis in (0..<axes).reversed() {
            let extent = shape[axes + 1 + axis]
            input[axis] = rest % extent * strides[axis] + offset % kernelSize[axis]
            (rest, offset) = (rest / extent, offset / kernelSize[axis])
        }
        let pixel = zip(input, shape).reduce(0) { $0 * $1.1 + $1.0 }
        return (pixel * channels + element % channels) * shape[(axes + 1)...(2 * axes)].reduce(1, *) + place
    }
}
