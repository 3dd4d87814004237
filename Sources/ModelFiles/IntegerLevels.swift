import Tensors

/// Whole multiples of a scale, from −127 to 127: what a tensor of int8 can say, with DequantizeLinear in ONNX.
///
/// The scale has 16 significant bits, so that every multiple is a float as it is, and rounding twice changes nothing.
struct IntegerLevels {
    let scale: Float

    /// The levels whose largest is the largest magnitude of the finite numbers.
    init(fitting numbers: Span<Float>) {
        let exact = largestMagnitude(numbers) / 127
        let scale = Float(bitPattern: (exact.bitPattern + 0xFF) & ~0xFF)
        self.scale = scale.isNormal ? scale : 1
    }

    func code(of number: Float) -> Int8 {
        Int8(min(max((number / scale).rounded(.toNearestOrEven), -127), 127))
    }

    /// Moves numbers to the nearest level. Those that are not finite are left alone.
    func round(_ numbers: inout MutableSpan<Float>) {
        for index in numbers.indices where numbers[index].isFinite {
            numbers[index] = Float(code(of: numbers[index])) * scale
        }
    }
}
