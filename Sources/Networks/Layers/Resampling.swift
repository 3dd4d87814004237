package import Kernels
public import Tensors

/// New values for H and W of (H, W, C), each the sum of some rows and columns: Keras's Resizing, CenterCrop,
/// UpSampling2D and AdaptiveAveragePooling2D.
///
///     y = R x Cᵀ for each channel, R having the weights of the rows and C those of the columns
public struct Resampling2D: Layer {
    public enum Rule: Hashable, Sendable {
        case resize(height: Int, width: Int, Interpolation, antialias: Bool, Fit)
        /// Each side so many times as long.
        case scale(rows: Int, columns: Int, Interpolation)
        /// The middle of the image; of one that is smaller, what a resize with `Fit.crop` gives.
        case crop(height: Int, width: Int)
        /// Windows that cover the input, as equal as whole cells allow, averaged.
        case adaptiveAverage(height: Int, width: Int)
    }

    /// What becomes of an image of other proportions.
    public enum Fit: Hashable, Sendable {
        case stretch
        /// It is cut to the proportions first.
        case crop
        /// It gets margins of this value first.
        case pad(Float)
    }

    public let rule: Rule

    public init(_ rule: Rule) { self.rule = rule }

    /// The samples of both axes, and the value of what lies outside the image.
    package struct Samples {
        package var rows, columns: AxisSampling
        package var outside: Float = 0
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank == 3, inputs[0].elementCount > 0 else {
            throw ShapeError("takes one input (height, width, channels), found \(list(inputs))")
        }
        let samples = samples(for: inputs[0])
        return LayerPlan(output: [samples.rows.outputCount, samples.columns.outputCount, inputs[0].channels])
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), y = pass.output, samples = samples(for: x.shape)
        let (height, width, channels) = (x.shape[0], x.shape[1], x.shape[2])
        let rows = samples.rows.outputCount, columns = samples.columns.outputCount
        pass.kernels.withScratch(x.count * rows * width * channels) { part in
            resample(samples.rows, x, outer: x.count, inputs: height, inner: width * channels, into: part)
            resample(samples.columns, part, outer: x.count * rows, inputs: width, inner: channels, into: y)
        }
        guard samples.outside != 0 else { return }
        let inRows = samples.rows.totals, inColumns = samples.columns.totals
        for pixel in 0..<(x.count * rows * columns) {
            let inside = inRows[pixel / columns % rows] * inColumns[pixel % columns]
            let part = y.slice(at: pixel * channels, count: channels)
            if inside != 1 { scale(part, by: 1, adding: (1 - inside) * samples.outside, into: part) }
        }
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        let samples = samples(for: dx.shape), rows = samples.rows.outputCount
        let (height, width, channels) = (dx.shape[0], dx.shape[1], dx.shape[2])
        pass.kernels.withScratch(dx.count * rows * width * channels) { part in
            resampleGradient(
                samples.columns, outputGradient: pass.outputGradient, outer: dx.count * rows, inputs: width,
                inner: channels, into: part)
            resampleGradient(
                samples.rows, outputGradient: part, outer: dx.count, inputs: height, inner: width * channels, into: dx)
        }
    }

    package func samples(for input: Shape) -> Samples {
        let (height, width) = (input[0], input[1])
        switch rule {
        case .resize(let rows, let columns, let interpolation, let antialias, let fit):
            let box = Self.box(fit, height, width, rows, columns)
            let samples = Samples(
                rows: interpolation.sampling(from: box.height, to: rows, antialias: antialias)
                    .moved(by: box.top, within: height),
                columns: interpolation.sampling(from: box.width, to: columns, antialias: antialias)
                    .moved(by: box.left, within: width))
            guard case .pad(let value) = fit else { return samples }
            return Samples(rows: samples.rows, columns: samples.columns, outside: value)
        case .scale(let rows, let columns, let interpolation):
            return Samples(
                rows: interpolation.sampling(from: height, to: height * rows),
                columns: interpolation.sampling(from: width, to: width * columns))
        case .crop(let rows, let columns):
            guard rows <= height, columns <= width else {
                return Resampling2D(.resize(height: rows, width: columns, .bilinear, antialias: false, .crop))
                    .samples(for: input)
            }
            func middle(_ cells: Int, of all: Int) -> AxisSampling {
                AxisSampling((0..<cells).map { ((all - cells) / 2 + $0, [1]) })
            }
            return Samples(rows: middle(rows, of: height), columns: middle(columns, of: width))
        case .adaptiveAverage(let rows, let columns):
            func windows(_ count: Int, of cells: Int) -> AxisSampling {
                AxisSampling(
                    adaptiveWindows(count, of: cells).map { window in
                        (window.lowerBound, Array(repeating: 1 / Float(window.count), count: window.count))
                    })
            }
            return Samples(rows: windows(rows, of: height), columns: windows(columns, of: width))
        }
    }

    /// The part of the plane that is resized: within the image, or around it.
    private static func box(
        _ fit: Fit, _ height: Int, _ width: Int, _ rows: Int, _ columns: Int
    ) -> (top: Int, left: Int, height: Int, width: Int) {
        let fittingHeight = Int(Float(width * rows) / Float(columns))
        let fittingWidth = Int(Float(height * columns) / Float(rows))
        switch fit {
        case .stretch: return (0, 0, height, width)
        case .crop:
            let cropHeight = max(min(height, fittingHeight), 1), cropWidth = max(min(width, fittingWidth), 1)
            return ((height - cropHeight) / 2, (width - cropWidth) / 2, cropHeight, cropWidth)
        case .pad:
            // The same margin on both sides, so that one cell is lost of an odd number.
            let top = (max(height, fittingHeight) - height) / 2, left = (max(width, fittingWidth) - width) / 2
            return (-top, -left, height + 2 * top, width + 2 * left)
        }
    }
}

extension AxisSampling {
    /// The same samples of a part that begins at `offset`; what falls outside of `inputs` is left out.
    fileprivate func moved(by offset: Int, within inputs: Int) -> AxisSampling {
        guard offset != 0 else { return self }
        return AxisSampling(
            first.indices.map { output in
                let start = first[output] + offset
                let kept = max(start, 0)..<max(min(start + taps, inputs), max(start, 0))
                return (kept.lowerBound, kept.map { weights[output * taps + $0 - start] })
            })
    }
}

/// `count` windows that cover `cells`: from ⌊i · cells / count⌋ up to ⌈(i + 1) · cells / count⌉.
package func adaptiveWindows(_ count: Int, of cells: Int) -> [Range<Int>] {
    (0..<count).map { ($0 * cells / count)..<((($0 + 1) * cells + count - 1) / count) }
}

/// The largest value in windows over H and W that cover (H, W, C): Keras's AdaptiveMaxPooling2D.
public struct AdaptiveMaxPooling2D: Layer {
    public let height, width: Int

    public init(height: Int, width: Int) { (self.height, self.width) = (height, width) }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank == 3, inputs[0].elementCount > 0 else {
            throw ShapeError("takes one input (height, width, channels), found \(list(inputs))")
        }
        return LayerPlan(output: [height, width, inputs[0].channels])
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), y = pass.output, channels = x.shape.channels
        eachWindow(x) { output, cells in
            let largest = y.slice(at: output * channels, count: channels)
            for (index, cell) in cells.enumerated() {
                let part = x.slice(at: cell * channels, count: channels)
                if index == 0 {
                    largest.copy(from: part)
                } else {
                    extremum(isMaximum: true, largest, part, into: largest)
                }
            }
        }
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        let x = pass.input(), y = pass.output, dy = pass.outputGradient, channels = x.shape.channels
        dx.fill(with: 0)
        eachWindow(x) { output, cells in
            for place in (output * channels)..<((output + 1) * channels) {
                let channel = place % channels
                if let first = cells.first(where: { x[$0 * channels + channel] == y[place] }) {
                    dx[first * channels + channel] += dy[place]
                }
            }
        }
    }

    /// Calls `body` with each output cell and the input cells of its window, counted over all examples.
    private func eachWindow(_ x: Tensor, _ body: (_ output: Int, _ cells: [Int]) -> Void) {
        let rows = adaptiveWindows(height, of: x.shape[0]), columns = adaptiveWindows(width, of: x.shape[1])
        for example in 0..<x.count {
            for (row, rowWindow) in rows.enumerated() {
                for (column, columnWindow) in columns.enumerated() {
                    let cells = rowWindow.flatMap { row in
                        columnWindow.map { (example * x.shape[0] + row) * x.shape[1] + $0 }
                    }
                    body((example * height + row) * width + column, cells)
                }
            }
        }
    }
}

/// Images of another size, (…, H, W, C) or (H, W) to those of `y`, as Keras's `Resizing` makes them.
public func resizeImages(_ x: Tensor, _ interpolation: Interpolation, into y: Tensor) {
    let rank = x.shape.rank
    precondition(rank >= 2 && y.shape.rank == rank && x.count == y.count, "\(x.shape) cannot be resized to \(y.shape)")
    let channels = rank == 2 ? 1 : x.shape.channels, first = max(rank - 3, 0)
    let images = x.count * x.shape.axes[..<first].reduce(1, *)
    let (height, width) = (x.shape[first], x.shape[first + 1])
    let rows = interpolation.sampling(from: height, to: y.shape[first])
    let columns = interpolation.sampling(from: width, to: y.shape[first + 1])
    let part = Buffer(zeros: images * rows.outputCount * width * channels)
    resample(rows, x, outer: images, inputs: height, inner: width * channels, into: part.tensor)
    resample(columns, part.tensor, outer: images * rows.outputCount, inputs: width, inner: channels, into: y)
}
