import CVector
public import Tensors

/// The sizes of pooling over H and W of (H, W, C). Cells outside the input count neither as values nor in the mean.
public struct PoolingGeometry: Hashable, Sendable {
    public var height, width, channels, outputHeight, outputWidth: Int
    public var poolHeight, poolWidth, strideHeight, strideWidth: Int
    /// Cells of padding in front.
    public var top = 0, left = 0

    public init(
        height: Int, width: Int, channels: Int, outputHeight: Int, outputWidth: Int, poolHeight: Int, poolWidth: Int,
        strideHeight: Int, strideWidth: Int
    ) {
        (self.height, self.width, self.channels) = (height, width, channels)
        (self.outputHeight, self.outputWidth) = (outputHeight, outputWidth)
        (self.poolHeight, self.poolWidth) = (poolHeight, poolWidth)
        (self.strideHeight, self.strideWidth) = (strideHeight, strideWidth)
    }

    public var output: Shape { [outputHeight, outputWidth, channels] }

    fileprivate func counted(_ batch: Int) -> cv_pool {
        cv_pool(
            batch: batch, height: height, width: width, channels: channels, out_height: outputHeight,
            out_width: outputWidth, pool_height: poolHeight, pool_width: poolWidth, stride_height: strideHeight,
            stride_width: strideWidth, before_height: top, before_width: left)
    }

    fileprivate func check(_ x: Tensor, _ y: Tensor) {
        precondition(x.elementCount == x.count * height * width * channels)
        precondition(y.elementCount == x.count * output.elementCount)
    }
}

/// y = the largest value of each window.
public func maxPool(_ geometry: PoolingGeometry, _ x: Tensor, into y: Tensor) {
    geometry.check(x, y)
    var pool = geometry.counted(x.count)
    unsafe cv_max_pool(&pool, x.base, y.base)
}

/// dx, overwritten: dy goes to the first maximum of its window.
public func maxPoolGradient(
    _ geometry: PoolingGeometry, _ x: Tensor, _ y: Tensor, outputGradient dy: Tensor, into dx: Tensor
) {
    geometry.check(x, y)
    var pool = geometry.counted(x.count)
    unsafe cv_max_pool_gradient(&pool, x.base, y.base, dy.base, dx.base)
}

/// y = the mean of each window's cells inside the input.
public func averagePool(_ geometry: PoolingGeometry, _ x: Tensor, into y: Tensor) {
    geometry.check(x, y)
    var pool = geometry.counted(x.count)
    unsafe cv_average_pool(&pool, x.base, y.base)
}

/// dx, overwritten.
public func averagePoolGradient(_ geometry: PoolingGeometry, outputGradient dy: Tensor, into dx: Tensor) {
    geometry.check(dx, dy)
    var pool = geometry.counted(dx.count)
    unsafe cv_average_pool_gradient(&pool, dy.base, dx.base)
}

extension ConvolutionGeometry {
    /// The same sizes for a depthwise kernel (kh, kw, C, multiplier): output channel = channel · multiplier + m.
    private func depthwise(count: Int, multiplier: Int) -> cv_depthwise {
        cv_depthwise(
            batch: count, height: height, width: width, channels: channels, multiplier: multiplier,
            out_height: outputHeight, out_width: outputWidth, kernel_height: kernelHeight, kernel_width: kernelWidth,
            stride_height: strideHeight, stride_width: strideWidth, dilation_height: dilationHeight,
            dilation_width: dilationWidth, before_height: margins.top, before_width: margins.left)
    }

    /// y = each channel of x convolved with its own kernels; `filters` is channels × multiplier.
    public func depthwiseConvolve(_ x: Tensor, kernel: Tensor, into y: Tensor) {
        precondition(y.elementCount == x.count * output.elementCount)
        precondition(kernel.elementCount == kernelHeight * kernelWidth * filters)
        var sizes = depthwise(count: x.count, multiplier: filters / channels)
        unsafe cv_depthwise_forward(&sizes, x.base, kernel.base, y.base)
    }

    /// dx (unless nil) and the kernel's gradient, overwritten.
    public func depthwiseGradient(
        _ x: Tensor, kernel: Tensor, outputGradient dy: Tensor, into dx: Tensor?, kernelGradient: Tensor
    ) {
        precondition(dy.elementCount == x.count * output.elementCount)
        precondition(kernelGradient.elementCount == kernel.elementCount)
        var sizes = depthwise(count: x.count, multiplier: filters / channels)
        unsafe cv_depthwise_gradient(&sizes, x.base, kernel.base, dy.base, dx?.base, kernelGradient.base)
    }
}
