public import Tensors

/// Zeros around an input, in cells.
public struct Margins: Hashable, Sendable {
    public var top, bottom, left, right: Int
    public init(top: Int = 0, bottom: Int = 0, left: Int = 0, right: Int = 0) {
        (self.top, self.bottom, self.left, self.right) = (top, bottom, left, right)
    }
}

/// The sizes of a two-dimensional convolution of (H, W, C) with a kernel (kh, kw, C / groups, filters), Keras's layout.
///
/// It is a cross-correlation: the kernel is not flipped. Filters g·F/G ..< (g+1)·F/G see the g-th share of the channels.
public struct ConvolutionGeometry: Hashable, Sendable {
    public var height, width, channels: Int
    public var filters, kernelHeight, kernelWidth: Int
    public var strideHeight = 1, strideWidth = 1, dilationHeight = 1, dilationWidth = 1, groups = 1
    public var margins = Margins()

    public init(height: Int, width: Int, channels: Int, filters: Int, kernelHeight: Int, kernelWidth: Int) {
        (self.height, self.width, self.channels) = (height, width, channels)
        (self.filters, self.kernelHeight, self.kernelWidth) = (filters, kernelHeight, kernelWidth)
    }

    public var outputHeight: Int {
        Self.places(height + margins.top + margins.bottom - (kernelHeight - 1) * dilationHeight - 1, strideHeight)
    }
    public var outputWidth: Int {
        Self.places(width + margins.left + margins.right - (kernelWidth - 1) * dilationWidth - 1, strideWidth)
    }

    /// The places of a window with so much room to move; none if it is larger than what it moves over.
    private static func places(_ room: Int, _ stride: Int) -> Int { room < 0 ? 0 : room / stride + 1 }

    public var output: Shape { [outputHeight, outputWidth, filters] }
    public var kernel: Shape { [kernelHeight, kernelWidth, channels / groups, filters] }
    /// Multiplications with additions for one example.
    public var multiplyAdds: Int { output.elementCount * kernelHeight * kernelWidth * (channels / groups) }
}

extension KernelContext {
    /// y = x ∗ kernel + bias, then ReLU where `relu`.
    public func convolve(
        _ geometry: ConvolutionGeometry, _ x: Tensor, kernel: Tensor, bias: Tensor?, relu: Bool, into y: Tensor
    ) {
        #if OneDNN
            if library == .oneDNN {
                oneDNN(.forward(bias: bias != nil, relu: relu), geometry, count: x.count) {
                    OneDNNConvolution($0, geometry, count: x.count)
                }.forward(x, kernel, bias, y, in: self)
                return
            }
        #endif
        convolveByColumns(geometry, x, kernel: kernel, into: y)
        if bias != nil || relu { addBias(bias, to: y.rows, then: Activation(relu ? .relu : .linear)) }
    }

    /// dx, overwritten, from dy.
    public func convolveGradient(
        _ geometry: ConvolutionGeometry, kernel: Tensor, outputGradient dy: Tensor, intoInputGradient dx: Tensor
    ) {
        #if OneDNN
            if library == .oneDNN {
                oneDNN(.backwardData, geometry, count: dy.count) {
                    OneDNNConvolution($0, geometry, count: dy.count)
                }.backwardData(kernel, dy, dx, in: self)
                return
            }
        #endif
        convolveGradientByColumns(geometry, kernel: kernel, dy: dy, dx: dx)
    }

    /// The gradients of the kernel and the bias, overwritten, from x and dy.
    public func convolveGradient(
        _ geometry: ConvolutionGeometry, _ x: Tensor, outputGradient dy: Tensor, intoKernelGradient dk: Tensor,
        biasGradient db: Tensor?
    ) {
        #if OneDNN
            if library == .oneDNN {
                oneDNN(.backwardWeights(bias: db != nil), geometry, count: x.count) {
                    OneDNNConvolution($0, geometry, count: x.count)
                }.backwardWeights(x, dy, dk, db, in: self)
                return
            }
        #endif
        convolveKernelGradientByColumns(geometry, x, dy: dy, dk: dk)
        if let db { sumColumns(of: dy.rows, into: db) }
    }

    #if OneDNN
        private func oneDNN(
            _ pass: OneDNNConvolution.Pass, _ geometry: ConvolutionGeometry, count: Int,
            _ make: (OneDNNConvolution.Pass) -> OneDNNConvolution
        ) -> OneDNNConvolution {
            let key = OneDNNConvolution.Key(pass: pass, geometry: geometry, count: count)
            if let found = convolutions[key] as? OneDNNConvolution { return found }
            let made = make(pass)
            convolutions[key] = made
            return made
        }
    #endif
}
