import Datasets
import ModelFiles
import Tensors

/// Rules that would make examples fit, for errors to name.
extension InputMatcher {
    /// Steps that would make examples fit an input, if some are likely to be meant: axes in another order, images of
    /// another size or of more colors, the same numbers in another shape.
    static func steps(from shape: Shape, to input: Architecture.Input) -> [InputStep]? {
        let turned = permutations(of: shape.rank).map { [InputStep.transpose($0)] }
        let axes = input.axes.compactMap(\.self)
        // What a file says may be beyond every computer.
        let isPossible = axes.reduce(1.0) { $0 * Double($1) } <= Double(InputStep.valueLimit)
        let flat: [[InputStep]] = axes.count == input.axes.count && isPossible ? [[.reshape(Shape(axes))]] : []
        return (turned + images(from: shape, to: input.axes) + flat).first { steps in
            !steps.isEmpty && shapes(shape, steps)?.last.flatMap { Architecture.fit($0.axes, to: input) } != nil
        }
    }

    /// Ways to make an image fit axes of rows, columns and then colors, or colors first, the shortest first.
    private static func images(from shape: Shape, to axes: [Int?]) -> [[InputStep]] {
        let isColorsFirst = axes.count == 3 && (axes[0] == 1 || axes[0] == 3) && axes[2] != axes[0]
        let channels = axes.count == 3 ? (isColorsFirst ? axes[0] : axes[2]) : 1
        // A few long rows are frames with features, and no image.
        guard shape.rank != 2 || max(shape[0], shape[1]) <= 4 * min(shape[0], shape[1]) else { return [] }
        let first: [InputStep] = shape.rank == 2 ? [.reshape([shape[0], shape[1], 1])] : []
        var colors: [InputStep] = []
        if let channels, (2...4).contains(channels), shape.rank == 2 || shape.channels == 1 {
            colors = [.channels([Int](repeating: 0, count: channels))]
        }
        var sizes: [InputStep] = []
        // Two axes that differ may be frames and features.
        let size = isColorsFirst ? axes.dropFirst() : axes.dropLast(axes.count == 3 ? 1 : 0)
        if size.count == 2, let height = size[size.startIndex], let width = size[size.startIndex + 1],
            axes.count == 3 || height == width
        {
            sizes = [.resize(height: height, width: width, isNearest: false)]
        }
        let last: [InputStep] = isColorsFirst ? [.transpose([2, 0, 1])] : []
        return [
            colors, sizes, sizes + colors, first + colors, first + sizes + colors, last, sizes + last,
            first + colors + last, first + sizes + colors + last,
        ]
    }

    /// The orders of a few axes, those that move most of them last; none for many.
    private static func permutations(of count: Int) -> [[Int]] {
        guard (2...4).contains(count) else { return [] }
        func extend(_ start: [Int]) -> [[Int]] {
            start.count == count
                ? [start] : (0..<count).filter { !start.contains($0) }.flatMap { extend(start + [$0]) }
        }
        return extend([]).filter { $0 != Array(0..<count) }
    }

    /// Rules that cut the first dataset into the inputs, if it is as wide as all of them together.
    var partsInWords: String {
        let widths = inputs.map { $0.axes.last.flatMap(\.self) ?? 0 }
        guard let first = datasets.first, let width = first.shape.last,
            widths.allSatisfy({ 0 < $0 && $0 <= width }), widths.reduce(0, +) == width,
            inputs.allSatisfy({ input in
                let axes = first.shape.dropLast() + [input.axes.last.flatMap(\.self) ?? 0]
                return Architecture.fit(Array(axes), to: input) != nil
            })
        else { return "" }
        var start = 0
        return zip(inputs, widths).map { input, width in
            defer { start += width }
            return "\(input.name):\(first.name)[\(start)..\(start + width)]"
        }.joined(separator: ",")
    }
}
