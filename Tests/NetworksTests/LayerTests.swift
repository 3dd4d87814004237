import Kernels
import Networks
import Tensors
import TestSupport
import Testing

/// Every layer against finite differences, on every kernel library.
@Suite struct LayerTests {
    @Test(arguments: Activation.Kind.allCases)
    func activationsKeepTheContract(kind: Activation.Kind) throws {
        try expectLayerContract(ElementwiseActivation(Activation(kind)), inputs: [[7]])
    }

    @Test func denseKeepsTheContract() throws {
        try expectLayerContract(Dense(units: 5), inputs: [[7]])
        try expectLayerContract(Dense(units: 5, useBias: false, activation: Activation(.tanh)), inputs: [[3, 4]])
        try expectLayerContract(Dense(units: 5, activation: Activation(.sigmoid)), inputs: [[2, 3, 4]])
    }

    @Test func convolution2DKeepsTheContract() throws {
        try expectLayerContract(Convolution2D(filters: 4, kernelSize: (3, 3)), inputs: [[5, 6, 3]])
        try expectLayerContract(
            Convolution2D(filters: 4, kernelSize: (3, 2), strides: (2, 2), padding: .same), inputs: [[6, 5, 2]])
        try expectLayerContract(
            Convolution2D(filters: 6, kernelSize: (3, 3), padding: .same, dilation: (2, 1), groups: 2, useBias: false),
            inputs: [[6, 6, 4]])
        try expectLayerContract(
            Convolution2D(filters: 16, kernelSize: (3, 3), padding: .same, activation: Activation(.tanh)),
            inputs: [[4, 4, 16]])
        try expectLayerContract(
            Convolution2D(filters: 3, kernelSize: (1, 1), strides: (2, 3)), inputs: [[5, 7, 2]])
    }

    @Test func convolution1DKeepsTheContract() throws {
        try expectLayerContract(Convolution1D(filters: 4, kernelSize: 3), inputs: [[7, 3]])
        try expectLayerContract(
            Convolution1D(filters: 4, kernelSize: 3, padding: .causal, dilation: 2), inputs: [[7, 3]])
        try expectLayerContract(Convolution1D(filters: 4, kernelSize: 4, strides: 2, padding: .same), inputs: [[7, 3]])
    }

    @Test func depthwiseConvolutionKeepsTheContract() throws {
        try expectLayerContract(DepthwiseConvolution2D(kernelSize: (3, 3)), inputs: [[5, 5, 3]])
        try expectLayerContract(
            DepthwiseConvolution2D(kernelSize: (3, 2), strides: (2, 2), padding: .same, depthMultiplier: 2),
            inputs: [[6, 5, 3]])
    }

    @Test func transposedConvolutionKeepsTheContract() throws {
        try expectLayerContract(TransposedConvolution2D(filters: 4, kernelSize: (3, 3)), inputs: [[4, 5, 3]])
        try expectLayerContract(
            TransposedConvolution2D(filters: 2, kernelSize: (3, 2), strides: (2, 3), padding: .same),
            inputs: [[3, 4, 3]])
        try expectLayerContract(
            TransposedConvolution2D(
                filters: 2, kernelSize: (2, 1), strides: (3, 2), useBias: false, activation: Activation(.tanh)),
            inputs: [[3, 2, 2]])
        try expectLayerContract(
            TransposedConvolution2D(filters: 2, kernelSize: (3, 2), dilation: (2, 3)), inputs: [[3, 4, 2]])
        try expectLayerContract(
            TransposedConvolution2D(
                filters: 2, kernelSize: (3, 3), strides: (3, 2), padding: .same, outputPadding: (2, 0)),
            inputs: [[3, 2, 2]])
    }

    @Test func layersInOneRowKeepTheContract() throws {
        try expectLayerContract(OneRow(DepthwiseConvolution2D(kernelSize: (1, 3), padding: .same)), inputs: [[6, 3]])
        try expectLayerContract(
            OneRow(TransposedConvolution2D(filters: 2, kernelSize: (1, 3), strides: (1, 2))), inputs: [[4, 3]])
        try expectLayerContract(OneRow(UpSampling2D(rows: 1, columns: 3)), inputs: [[4, 2]])
    }

    @Test(arguments: [[1], [-2], [2], [1, 3], [-1, 1], [3, 1, 2]], [false, true])
    func axesLastKeepsTheContract(axes: [Int], isInverse: Bool) throws {
        try expectLayerContract(AxesLast(axes, isInverse: isInverse), inputs: [[3, 4, 2]])
    }

    @Test func axesComeBackWhereTheyWere() throws {
        var graph = LayerGraph()
        let input = graph.addInput([2, 3, 4, 5])
        let moved = try graph.add("last", AxesLast([3, 1]), to: [input])
        #expect(graph.shape(of: moved) == [3, 5, 2, 4])
        let back = try graph.add("back", AxesLast([3, 1], isInverse: true), to: [moved])
        #expect(graph.shape(of: back) == [2, 3, 4, 5])
        graph.finish(outputs: [back], logits: back, head: .none)
        let workspace = Workspace(graph, batchSize: 2, mode: .inference)
        let numbers = (0..<240).map { Float($0) }
        workspace.input(0, count: 2).copy(from: numbers)
        workspace.forward(weights: ParameterVector(zeros: graph.layout).tensor, count: 2)
        #expect(workspace.value(back, count: 2).values == numbers)
    }

    @Test func embeddingKeepsTheContract() throws {
        try expectLayerContract(Embedding(count: 3, units: 2), inputs: [[4]], words: 3)
        try expectLayerContract(Embedding(count: 2, units: 3, masksZero: true), inputs: [[3, 2]], words: 2)
    }

    @Test func maskingKeepsTheContract() throws {
        try expectLayerContract(Masking(maskValue: -9), inputs: [[5, 3]], padding: [3, 5, 1])
    }

    @Test func channelScalingKeepsTheContract() throws {
        try expectLayerContract(ChannelScaling(scale: [2, -1, 0.5], offset: [0, 1, 2]), inputs: [[4, 3]])
    }

    @Test func poolingKeepsTheContract() throws {
        for kind in [PoolingKind.max, .average] {
            try expectLayerContract(Pooling2D(kind, poolSize: (2, 2)), inputs: [[4, 6, 3]], step: 1e-3)
            try expectLayerContract(
                Pooling2D(kind, poolSize: (3, 2), strides: (2, 1), padding: .same), inputs: [[5, 5, 2]], step: 1e-3)
            try expectLayerContract(Pooling1D(kind, poolSize: 3, strides: 2), inputs: [[7, 3]], step: 1e-3)
            try expectLayerContract(GlobalPooling(kind), inputs: [[3, 4, 2]], step: 1e-3)
            try expectLayerContract(GlobalPooling(kind, keepDimensions: true), inputs: [[5, 2]], step: 1e-3)
        }
        try expectLayerContract(AdaptiveMaxPooling2D(height: 2, width: 3), inputs: [[3, 7, 2]], step: 1e-3)
        try expectLayerContract(OneRow(AdaptiveMaxPooling2D(height: 1, width: 3)), inputs: [[5, 2]], step: 1e-3)
        try expectLayerContract(GlobalPooling(.average), inputs: [[5, 2]], padding: [3, 5, 1])
    }

    @Test func normalizationKeepsTheContract() throws {
        try expectLayerContract(LayerNormalization(), inputs: [[3, 6]])
        try expectLayerContract(LayerNormalization(center: false, scale: false), inputs: [[6]])
        try expectLayerContract(BatchNormalization(), inputs: [[4, 3]])
        try expectLayerContract(BatchNormalization(center: false, scale: false), inputs: [[3, 3, 2]])
        try expectLayerContract(BatchNormalization(), inputs: [[4, 3]], padding: [3, 4, 1])
        try expectLayerContract(BatchNormalization(countsPadding: true), inputs: [[4, 3]], padding: [3, 4, 1])
        try expectLayerContract(LayerNormalization(axisCount: 2), inputs: [[2, 3, 4]])
        try expectLayerContract(GroupNormalization(groups: 2), inputs: [[3, 6]])
        try expectLayerContract(GroupNormalization(groups: -1, center: false, scale: false), inputs: [[4, 2, 3]])
        try expectLayerContract(Rescaling(scale: 0.5, offset: -1), inputs: [[4]])
        try expectLayerContract(
            ChannelScaling(scale: [2, -1, 0.5, 3], offset: [0, 1, 2, 3], shape: [2, 2]), inputs: [[3, 2, 2]])
    }

    /// Three examples of four frames, of which 3, 4 and 1 are real.
    @Test(arguments: [(false, 8), (true, 12)])
    func batchStatisticsAreThoseOfRealFrames(countsPadding: Bool, frames: Int) throws {
        let probe = try LayerProbe(
            BatchNormalization(countsPadding: countsPadding), inputs: [[4, 2]], masked: 1)
        let workspace = probe.workspace(count: 3, mode: .training)
        let gradient = probe.gradient(workspace, count: 3, padding: [3, 4, 1])
        probe.fillInputs(of: workspace, count: 3, padding: [3, 4, 1])
        let input = workspace.input(0, count: 3).values
        for channel in 0..<2 {
            // Masking makes padding zeros.
            let real = stride(from: channel, to: 24, by: 2).map { input[$0] }.filter { $0 != -9 }.map(Double.init)
            let mean = real.reduce(0, +) / Double(frames)
            let squares = real.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            let variance = (squares + Double(frames - real.count) * mean * mean) / Double(frames)
            for (name, expected) in [("moving_mean", mean), ("moving_variance", variance)] {
                let entry = try #require(probe.graph.layout.entry("layer", name))
                #expect(abs(Double(gradient[entry.offset + channel]) - expected) < 1e-5, "\(name) \(channel)")
            }
        }
    }

    @Test(arguments: [RowLength.rootMeanSquare, .deviation, .length])
    func rowScalingKeepsTheContract(length: RowLength) throws {
        try expectLayerContract(RowScaling(length, epsilon: 1e-3, factors: "scale"), inputs: [[3, 5]])
        try expectLayerContract(RowScaling(length, axisCount: 2, epsilon: 1e-3), inputs: [[2, 3, 2]])
        // The whole row below the floor.
        try expectLayerContract(RowScaling(length, epsilon: 100), inputs: [[4]])
    }

    @Test func categoriesKeepTheContract() throws {
        try expectLayerContract(Discretization(boundaries: [-0.6, 0.1]), inputs: [[5]], step: 1e-5)
        for mode in CategoryEncoding.Mode.allCases {
            try expectLayerContract(CategoryEncoding(count: 2, mode: mode), inputs: [[3]], step: 1e-5)
        }
    }

    @Test func adaptedNormalizationKeepsTheContract() throws {
        try expectLayerContract(AdaptedNormalization(axisCount: 2), inputs: [[2, 3, 2]])
        try expectLayerContract(AdaptedNormalization(axisCount: 0, isInverse: true), inputs: [[2, 3]])
        try expectLayerContract(AdaptedNormalization(isBatchNormalization: true), inputs: [[3, 2]])
        try expectLayerContract(SpectralNormalization(Dense(units: 3)), inputs: [[4]])
    }

    @Test(arguments: Interpolation.allCases, [false, true])
    func resizingKeepsTheContract(interpolation: Interpolation, antialias: Bool) throws {
        for (height, width) in [(3, 7), (9, 2)] {
            try expectLayerContract(
                Resampling2D(.resize(height: height, width: width, interpolation, antialias: antialias, .stretch)),
                inputs: [[5, 4, 2]])
        }
    }

    @Test(
        arguments: [
            .resize(height: 4, width: 4, .bilinear, antialias: false, .crop),
            .resize(height: 4, width: 4, .bilinear, antialias: false, .pad(0.5)),
            .scale(rows: 2, columns: 3, .bicubic), .crop(height: 2, width: 3), .crop(height: 6, width: 3),
            .adaptiveAverage(height: 2, width: 3),
        ] as [Resampling2D.Rule])
    func resamplingKeepsTheContract(rule: Resampling2D.Rule) throws {
        try expectLayerContract(Resampling2D(rule), inputs: [[3, 7, 2]])
    }

    @Test func activationLayersKeepTheContract() throws {
        try expectLayerContract(Softmax(), inputs: [[2, 5]])
        try expectLayerContract(Softmax(axisCount: 2), inputs: [[3, 2, 4]])
        try expectLayerContract(Sparsemax(), inputs: [[3, 4]], step: 1e-3)
        try expectLayerContract(GatedLinearUnit(), inputs: [[3, 4]])
        try expectLayerContract(LogSoftmax(), inputs: [[2, 5]])
        try expectLayerContract(Rectify(Rectifier(negativeSlope: 0.3)), inputs: [[9]], step: 1e-3)
        try expectLayerContract(
            Rectify(Rectifier(maximum: 1, negativeSlope: 0.1, threshold: 0.2)), inputs: [[9]], step: 1e-3)
        try expectLayerContract(PReLU(sharedAxes: [1]), inputs: [[3, 4]], step: 1e-3)
    }

    @Test func regularizationKeepsTheContract() throws {
        try expectLayerContract(Dropout(rate: 0.4), inputs: [[11]])
        try expectLayerContract(Dropout(rate: 0.4, groups: .channels), inputs: [[4, 5]])
        try expectLayerContract(GaussianNoise(deviation: 0.1), inputs: [[5]])
        try expectLayerContract(GaussianDropout(rate: 0.3), inputs: [[5]])
        try expectLayerContract(AlphaDropout(rate: 0.3), inputs: [[5]])
        try expectLayerContract(Dropout(rate: 0.4, groups: .shape([nil, 1, nil])), inputs: [[4, 5]])
        try expectLayerContract(Dropout(rate: 0.4, groups: .shape([1, nil, 1])), inputs: [[4, 5]])
        try expectLayerContract(AlphaDropout(rate: 0.3, groups: .shape([nil, nil, 1])), inputs: [[4, 3]])
    }

    @Test func reshapingKeepsTheContract() throws {
        try expectLayerContract(Flatten(), inputs: [[2, 3]])
        try expectLayerContract(Reshape(to: [3, -1]), inputs: [[2, 6]])
        try expectLayerContract(Permute([3, 1, 2]), inputs: [[2, 3, 4]])
        try expectLayerContract(RepeatVector(3), inputs: [[4]])
        try expectLayerContract(Piece(before: 4, columns: 2), inputs: [[10]])
        try expectLayerContract(Piece(before: 1, count: 3), inputs: [[2, 5]])
        try expectLayerContract(Piece(before: 0, count: 10, columns: 5), inputs: [[10]])
        try expectLayerContract(ZeroPadding2D(Margins(top: 1, bottom: 2, left: 0, right: 3)), inputs: [[2, 3, 2]])
        try expectLayerContract(Cropping2D(Margins(top: 1, bottom: 1, left: 2, right: 0)), inputs: [[4, 5, 2]])
        try expectLayerContract(ZeroPadding1D(before: 2, after: 1), inputs: [[3, 2]])
        try expectLayerContract(Cropping1D(before: 1, after: 1), inputs: [[4, 2]])
        try expectLayerContract(UpSampling2D(rows: 2, columns: 3), inputs: [[2, 3, 2]])
    }

    @Test func mergingKeepsTheContract() throws {
        for operation in [Merge.Operation.add, .multiply, .average, .maximum, .minimum] {
            try expectLayerContract(Merge(operation), inputs: [[4], [4]], step: 1e-3)
            try expectLayerContract(Merge(operation), inputs: [[4], [4], [4], [4]], step: 1e-3)
        }
        for operation in [Merge.Operation.multiply, .maximum, .minimum] {
            let merge = Merge(operation, leavesOutPadding: true)
            for masked in 1...3 {
                try expectLayerContract(
                    merge, inputs: [[3, 2], [3, 2], [3, 2]], padding: [3, 1, 2], maskedInputs: masked, step: 1e-3)
            }
            try expectLayerContract(
                merge, inputs: [[3, 2], [1, 2], [3, 1]], padding: [2, 1, 0], maskedInputs: 1, step: 1e-3)
        }
        try expectLayerContract(Merge(.subtract), inputs: [[4], [4]])
        try expectLayerContract(Concatenate(), inputs: [[2, 3], [2, 4], [2, 1]])
        try expectLayerContract(Concatenate(axis: 1), inputs: [[2, 3], [4, 3]])
    }

    @Test(arguments: [nil, [4, 5, 0]] as [[Int]?], [false, true])
    func recurrentLayersKeepTheContract(padding: [Int]?, returnSequences: Bool) throws {
        let plain = RecurrentOptions(returnSequences: returnSequences)
        let backwards = RecurrentOptions(returnSequences: returnSequences, goBackwards: true)
        let zeroing = RecurrentOptions(returnSequences: returnSequences, zeroOutputForMask: true)
        let layers: [any Layer] = [
            SimpleRNN(units: 3, plain),
            SimpleRNN(units: 3, activation: CellFunction(.relu), useBias: false, backwards),
            LSTM(units: 3, plain),
            LSTM(units: 4, recurrentActivation: CellFunction(.hardSigmoid), useBias: false, zeroing),
            GRU(units: 3, plain),
            GRU(units: 3, resetAfter: false, backwards),
            GRU(units: 17, activation: CellFunction(.softsign), useBias: false, plain),
            GRU(units: 3, useBias: false, resetAfter: false, zeroing),
        ]
        for layer in layers { try expectLayerContract(layer, inputs: [[5, 2]], padding: padding, step: 2e-3) }
    }

    /// Of cells put together from blocks, of which the fused ones are special cases.
    @Test(
        arguments: [nil, [4, 3, 0]] as [[Int]?],
        [CellFunction(.silu), .softmax, .logSoftmax, .elementwise(Activation(.elu, slope: 0.6))])
    func recurrentLayersWithOtherActivationsKeepTheContract(padding: [Int]?, function: CellFunction) throws {
        let options = RecurrentOptions(returnSequences: true, returnState: true)
        let layers: [any Layer] = [
            SimpleRNN(units: 3, activation: function, options),
            LSTM(units: 3, activation: function, options),
            LSTM(units: 3, recurrentActivation: function, RecurrentOptions(goBackwards: true)),
            GRU(units: 3, activation: function, options),
            GRU(units: 3, recurrentActivation: function, RecurrentOptions(zeroOutputForMask: true)),
            GRU(units: 3, activation: function, resetAfter: false, options),
            GRU(units: 3, activation: .softmax, recurrentActivation: function, useBias: false, resetAfter: false),
        ]
        for layer in layers { try expectLayerContract(layer, inputs: [[4, 2]], padding: padding, step: 2e-3) }
    }

    @Test(arguments: [nil, [4, 2, 0]] as [[Int]?], [false, true])
    func recurrentStatesKeepTheContract(padding: [Int]?, returnSequences: Bool) throws {
        let options = [
            RecurrentOptions(returnSequences: returnSequences, returnState: true),
            RecurrentOptions(
                returnSequences: returnSequences, returnState: true, goBackwards: true, reversesOutput: true),
            RecurrentOptions(returnSequences: returnSequences, returnState: true, zeroOutputForMask: true),
        ]
        for options in options {
            try expectLayerContract(
                SimpleRNN(units: 3, options), inputs: [[4, 2], [3]], padding: padding, maskedInputs: 1, step: 2e-3)
            try expectLayerContract(
                LSTM(units: 3, options), inputs: [[4, 2], [3], [3]], padding: padding, maskedInputs: 1, step: 2e-3)
            try expectLayerContract(
                GRU(units: 3, options), inputs: [[4, 2], [3]], padding: padding, maskedInputs: 1, step: 2e-3)
            try expectLayerContract(
                LSTM(units: 3, activation: CellFunction(.gelu), options), inputs: [[4, 2], [3], [3]],
                padding: padding, maskedInputs: 1, step: 2e-3)
        }
    }

    /// The key is fixed, so that finite differences see the same dropout.
    @Test(arguments: [nil, [4, 2, 0]] as [[Int]?])
    func recurrentDropoutKeepsTheContract(padding: [Int]?) throws {
        let options = [
            RecurrentOptions(dropout: 0.4), RecurrentOptions(dropout: 0.4, dropsEachGate: true),
            RecurrentOptions(returnSequences: true, recurrentDropout: 0.3, dropsEachGate: true),
            RecurrentOptions(goBackwards: true, dropout: 0.4, recurrentDropout: 0.3, dropsEachGate: true),
        ]
        for options in options {
            let layers: [any Layer] = [
                SimpleRNN(units: 3, options), LSTM(units: 3, options), GRU(units: 3, options),
                GRU(units: 3, resetAfter: false, options),
                LSTM(units: 3, activation: CellFunction(.silu), options),
                GRU(units: 3, activation: CellFunction(.silu), options),
                GRU(units: 3, activation: CellFunction(.silu), resetAfter: false, options),
            ]
            for layer in layers { try expectLayerContract(layer, inputs: [[4, 6]], padding: padding, step: 2e-3) }
        }
    }

    @Test func aRecurrentLayerSaysWhichStatesItTakes() {
        #expect(throws: ShapeError.self) { try LSTM(units: 3).plan(for: [[4, 2], [3]]) }
        do {
            _ = try LSTM(units: 3).plan(for: [[4, 2], [3], [2]])
        } catch {
            #expect(
                "\(error)"
                    == "takes a sequence, and 2 initial states of (3) or none, found (4, 2) and (3) and (2)")
        }
    }

    /// Whatever the stride: dividing a negative number by it must not give a place.
    @Test(arguments: [(3, 1, 1), (3, 3, 2), (1, 2, 7), (2, 2, 5)])
    func refusesWindowsLargerThanTheirInput(width: Int, stride: Int, dilation: Int) {
        let size = width + dilation
        for layer in [
            Convolution1D(filters: 2, kernelSize: size, strides: stride, dilation: dilation) as any Layer,
            OneRow(DepthwiseConvolution2D(kernelSize: (1, size), strides: (1, stride), dilation: (1, dilation))),
            Pooling1D(.max, poolSize: size, strides: stride),
        ] {
            #expect(throws: ShapeError.self) { _ = try layer.plan(for: [[width, 3]]) }
        }
    }
}
