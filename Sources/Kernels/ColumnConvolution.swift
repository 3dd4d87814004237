import Tensors

/// Convolution as a matrix product: each output cell's inputs are laid out as a row ("im2col"), one example at a time.
///
/// This is the portable path, and what the oneDNN path is tested against.
extension KernelContext {
    func convolveByColumns(_ g: ConvolutionGeometry, _ x: Tensor, kernel: Tensor, into y: Tensor) {
        eachExample(g, count: x.count) { example, group, columns in
            gather(g, x, example: example, group: group, into: columns)
            multiply(
                Matrix(columns, rows: g.cells, columns: g.taps), g.kernel(kernel, group: group),
                into: g.output(y, example: example, group: group))
        }
    }

    func convolveGradientByColumns(_ g: ConvolutionGeometry, kernel: Tensor, dy: Tensor, dx: Tensor) {
        dx.fill(with: 0)
        eachExample(g, count: dy.count) { example, group, columns in
            multiply(
                g.output(dy, example: example, group: group), g.kernel(kernel, group: group).transposed,
                into: Matrix(columns, rows: g.cells, columns: g.taps))
            scatter(g, columns, example: example, group: group, into: dx)
        }
    }

    func convolveKernelGradientByColumns(_ g: ConvolutionGeometry, _ x: Tensor, dy: Tensor, dk: Tensor) {
        eachExample(g, count: x.count) { example, group, columns in
            gather(g, x, example: example, group: group, into: columns)
            multiply(
                Matrix(columns, rows: g.cells, columns: g.taps).transposed,
                g.output(dy, example: example, group: group), into: g.kernel(dk, group: group), adding: example > 0)
        }
    }

    private func eachExample(_ g: ConvolutionGeometry, count: Int, _ body: (Int, Int, Tensor) -> Void) {
        withScratch(g.cells * g.taps) { columns in
            for example in 0..<count {
                for group in 0..<g.groups { body(example, group, columns) }
            }
        }
    }

    private func gather(_ g: ConvolutionGeometry, _ x: Tensor, example: Int, group: Int, into columns: Tensor) {
        let share = g.channels / g.groups
        columns.fill(with: 0)
        g.eachTap { cell, tap, input in
            let source = (example * g.height * g.width + input) * g.channels + group * share
            unsafe (columns.base + cell * g.taps + tap * share).update(from: x.base + source, count: share)
        }
    }

    private func scatter(_ g: ConvolutionGeometry, _ columns: Tensor, example: Int, group: Int, into dx: Tensor) {
        let share = g.channels / g.groups
        g.eachTap { cell, tap, input in
            let target = (example * g.height * g.width + input) * g.channels + group * share
            for channel in 0..<share {
                unsafe dx.base[target + channel] += columns.base[cell * g.taps + tap * share + channel]
            }
        }
    }
}

extension ConvolutionGeometry {
    fileprivate var cells: Int { outputHeight * outputWidth }
    fileprivate var taps: Int { kernelHeight * kernelWidth * (channels / groups) }

    fileprivate func kernel(_ kernel: Tensor, group: Int) -> Matrix {
        Matrix(kernel, rows: taps, columns: filters / groups, stride: filters, at: group * (filters / groups))
    }

    fileprivate func output(_ y: Tensor, example: Int, group: Int) -> Matrix {
        let share = filters / groups
        return Matrix(y, rows: cells, columns: share, stride: filters, at: example * cells * filters + group * share)
    }

    /// Calls `body` with the output cell, the kernel cell and the input cell of every product inside the input.
    fileprivate func eachTap(_ body: (_ cell: Int, _ tap: Int, _ input: Int) -> Void) {
        for outputRow in 0..<outputHeight {
            for kernelRow in 0..<kernelHeight {
                let row = outputRow * strideHeight - margins.top + kernelRow * dilationHeight
                guard row >= 0, row < height else { continue }
                for outputColumn in 0..<outputWidth {
                    for kernelColumn in 0..<kernelWidth {
                        let column = outputColumn * strideWidth - margins.left + kernelColumn * dilationWidth
                        guard column >= 0, column < width else { continue }
                        body(
                            outputRow * outputWidth + outputColumn, kernelRow * kernelWidth + kernelColumn,
                            row * width + column)
                    }
                }
            }
        }
    }
}
