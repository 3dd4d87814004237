#if OneDNN
    import COneDNN
    import Tensors

    /// A compiled oneDNN convolution for one pass, geometry and number of examples.
    ///
    /// Activations stay channels-last as they are; the kernel is reordered from Keras's (kh, kw, in, out) to whatever
    /// order oneDNN picks, and its gradient back.
    final class OneDNNConvolution {
        enum Pass: Hashable {
            case forward(bias: Bool, relu: Bool)
            case backwardData
            case backwardWeights(bias: Bool)
        }

        struct Key: Hashable {
            let pass: Pass, geometry: ConvolutionGeometry, count: Int
        }

        private let convolution: OneDNNPrimitive
        /// From Keras's kernel to oneDNN's, or back for the kernel's gradient; nil when they are the same.
        private let reorder: OneDNNPrimitive?
        /// The kernel, or its gradient, in oneDNN's order.
        private let packedKernel: Buffer

        init(_ pass: Pass, _ geometry: ConvolutionGeometry, count: Int) {
            let g = geometry
            var x = Self.activations(count, g.height, g.width, g.channels)
            var y = Self.activations(count, g.outputHeight, g.outputWidth, g.filters)
            var anyKernel = Self.kernel(g, isAny: true), kerasKernel = Self.kernel(g, isAny: false)
            var bias = dnnl_memory_desc_t()
            unsafe check(dnnl_memory_desc_init_by_tag(&bias, 1, [Int64(g.filters)], dnnl_f32, dnnl_x))
            let strides = [Int64(g.strideHeight), Int64(g.strideWidth)]
            let dilations = [Int64(g.dilationHeight - 1), Int64(g.dilationWidth - 1)]
            let before = [Int64(g.margins.top), Int64(g.margins.left)]
            // What does not divide by the stride is never read: oneDNN wants the padding that is.
            let after = [
                Int64(
                    (g.outputHeight - 1) * g.strideHeight + (g.kernelHeight - 1) * g.dilationHeight + 1
                        - g.height - g.margins.top),
                Int64(
                    (g.outputWidth - 1) * g.strideWidth + (g.kernelWidth - 1) * g.dilationWidth + 1
                        - g.width - g.margins.left),
            ]
            var descriptor = dnnl_convolution_desc_t()
            var relu = false
            switch pass {
            case .forward(let hasBias, let hasReLU):
                relu = hasReLU
                unsafe check(
                    withUnsafePointer(to: &bias) { bias in
                        unsafe dnnl_dilated_convolution_forward_desc_init(
                            &descriptor, dnnl_forward_inference, dnnl_convolution_direct, &x, &anyKernel,
                            hasBias ? bias : nil, &y, strides, dilations, before, after)
                    })
            case .backwardData:
                unsafe check(
                    dnnl_dilated_convolution_backward_data_desc_init(
                        &descriptor, dnnl_convolution_direct, &x, &anyKernel, &y, strides, dilations, before, after))
            case .backwardWeights(let hasBias):
                unsafe check(
                    withUnsafePointer(to: &bias) { bias in
                        unsafe dnnl_dilated_convolution_backward_weights_desc_init(
                            &descriptor, dnnl_convolution_direct, &x, &anyKernel, hasBias ? bias : nil, &y, strides,
                            dilations, before, after)
                    })
            }
            unsafe convolution = withUnsafePointer(to: &descriptor) { descriptor in
                unsafe OneDNNPrimitive(descriptor, relu: relu)
            }
            let isGradient = if case .backwardWeights = pass { true } else { false }
            var packed = convolution.description(
                of: isGradient ? dnnl_query_diff_weights_md : dnnl_query_weights_md)
            if unsafe dnnl_memory_desc_equal(&packed, &kerasKernel) != 0 {
                reorder = nil
                packedKernel = Buffer(zeros: 0)
            } else {
                packedKernel = unsafe Buffer(
                    zeros: dnnl_memory_desc_get_size(&packed) / MemoryLayout<Float>.stride + 16)
                reorder =
                    unsafe isGradient
                    ? OneDNNPrimitive(reordering: &packed, to: &kerasKernel)
                    : OneDNNPrimitive(reordering: &kerasKernel, to: &packed)
            }
        }

        func forward(_ x: Tensor, _ kernel: Tensor, _ bias: Tensor?, _ y: Tensor, in context: KernelContext) {
            convolution.bind(DNNL_ARG_SRC, x)
            convolution.bind(DNNL_ARG_WEIGHTS, packing(kernel, in: context))
            if let bias { convolution.bind(DNNL_ARG_BIAS, bias) }
            convolution.bind(DNNL_ARG_DST, y)
            convolution.run(in: context)
        }

        func backwardData(_ kernel: Tensor, _ dy: Tensor, _ dx: Tensor, in context: KernelContext) {
            convolution.bind(DNNL_ARG_DIFF_DST, dy)
            convolution.bind(DNNL_ARG_WEIGHTS, packing(kernel, in: context))
            convolution.bind(DNNL_ARG_DIFF_SRC, dx)
            convolution.run(in: context)
        }

        func backwardWeights(_ x: Tensor, _ dy: Tensor, _ dk: Tensor, _ db: Tensor?, in context: KernelContext) {
            convolution.bind(DNNL_ARG_SRC, x)
            convolution.bind(DNNL_ARG_DIFF_DST, dy)
            convolution.bind(DNNL_ARG_DIFF_WEIGHTS, reorder == nil ? dk : packedKernel.tensor)
            if let db { convolution.bind(DNNL_ARG_DIFF_BIAS, db) }
            convolution.run(in: context)
            guard let reorder else { return }
            reorder.bind(DNNL_ARG_FROM, packedKernel.tensor)
            reorder.bind(DNNL_ARG_TO, dk)
            reorder.run(in: context)
        }

        private func packing(_ kernel: Tensor, in context: KernelContext) -> Tensor {
            guard let reorder else { return kernel }
            reorder.bind(DNNL_ARG_FROM, kernel)
            reorder.bind(DNNL_ARG_TO, packedKernel.tensor)
            reorder.run(in: context)
            return packedKernel.tensor
        }

        private static func activations(_ count: Int, _ height: Int, _ width: Int, _ channels: Int)
            -> dnnl_memory_desc_t
        {
            var description = dnnl_memory_desc_t()
            let sizes = [count, channels, height, width].map(Int64.init)
            unsafe check(dnnl_memory_desc_init_by_tag(&description, 4, sizes, dnnl_f32, dnnl_acdb))
            return description
        }

        /// oneDNN counts (groups), out, in, kh, kw; Keras stores kh, kw, in, (groups) out.
        private static func kernel(_ g: ConvolutionGeometry, isAny: Bool) -> dnnl_memory_desc_t {
            let inputs = g.channels / g.groups, outputs = g.filters / g.groups
            var sizes = [outputs, inputs, g.kernelHeight, g.kernelWidth].map(Int64.init)
            var strides = [1, g.filters, g.kernelWidth * inputs * g.filters, inputs * g.filters].map(Int64.init)
            if g.groups > 1 {
                sizes.insert(Int64(g.groups), at: 0)
                strides.insert(Int64(outputs), at: 0)
            }
            var description = dnnl_memory_desc_t()
            if isAny {
                unsafe check(
                    dnnl_memory_desc_init_by_tag(
                        &description, Int32(sizes.count), sizes, dnnl_f32, dnnl_format_tag_any))
            } else {
                unsafe check(
                    dnnl_memory_desc_init_by_strides(
                        &description, Int32(sizes.count), sizes, dnnl_f32, strides))
            }
            return description
        }
    }
#endif
