/// How a window meets the edges of its input; Keras's words.
public enum Padding: String, Hashable, Sendable {
    /// The window stays inside.
    case valid
    /// Zeros around, more of them behind, so that the output has ⌈n / stride⌉ cells.
    case same
    /// Zeros in front, so that no output sees a later input. One-dimensional convolutions only.
    case causal
}

/// One axis of a convolution or a pooling window.
package struct WindowAxis {
    /// Cells of padding before and after the input.
    package let before, after: Int
    package let output: Int

    /// - Parameter size: Cells of the input; `window` is the window's, `dilation` the distance between its cells.
    package init(size: Int, window: Int, stride: Int, dilation: Int = 1, padding: Padding) {
        let span = (window - 1) * dilation + 1
        switch padding {
        case .same:
            output = (size + stride - 1) / stride
            let total = max((output - 1) * stride + span - size, 0)
            before = total / 2
            after = total - total / 2
        case .causal:
            before = span - 1
            after = 0
            output = (size - 1) / stride + 1
        case .valid:
            before = 0
            after = 0
            output = size < span ? 0 : (size - span) / stride + 1
        }
    }
}
