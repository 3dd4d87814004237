import ModelFiles
import Networks
import Tensors
import Testing

/// Layers that scale, activate, shape and resize, in architecture files.
@Suite struct ShapingLayerTests {
    private func built(_ input: String, _ layers: String...) throws -> BuiltArchitecture {
        let text = "input: \(input)\nlayers:\n" + layers.map { "  - \($0)\n" }.joined()
        return try ArchitectureFile(parsing: text, path: "a.yaml").architecture(classes: 3).graph()
    }

    private func message(_ input: String, _ layers: String...) -> String? {
        do {
            let text = "input: \(input)\nlayers:\n" + layers.map { "  - \($0)\n" }.joined()
            _ = try ArchitectureFile(parsing: text, path: "a.yaml").architecture(classes: 3).graph()
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test(arguments: [
        ("[6, 5, 4]", "GroupNormalization: {groups: 2}", [6, 5, 4]),
        ("[6, 5, 4]", "GroupNormalization: {groups: -1, axis: 1}", [6, 5, 4]),
        ("[6, 5, 4]", "RMSNormalization", [6, 5, 4]),
        ("[6, 5, 4]", "UnitNormalization: {axis: 2}", [6, 5, 4]),
        ("[6, 5, 4]", "LayerNormalization: {rms_scaling: true}", [6, 5, 4]),
        ("[6, 5, 4]", "Normalization: {axis: 2, mean: [1, 2, 3, 4, 5], variance: [1, 2, 3, 4, 5]}", [6, 5, 4]),
        ("[6, 5, 4]", "Softmax: {axis: 1}", [6, 5, 4]),
        ("[6, 5, 4]", "Activation: {activation: glu}", [6, 5, 2]),
        ("[6, 5, 4]", "Dense: {units: 3, activation: sparsemax}", [6, 5, 3]),
        ("[4, 6, 5]", "Conv2D: {filters: 3, kernel_size: 3, data_format: channels_first}", [3, 4, 3]),
        ("[4, 6, 5]", "MaxPooling2D: {data_format: channels_first}", [4, 3, 2]),
        ("[4, 6, 5]", "GlobalAveragePooling2D: {data_format: channels_first}", [4]),
        ("[4, 6, 5]", "GlobalMaxPooling2D: {data_format: channels_first, keepdims: true}", [4, 1, 1]),
        ("[4, 6, 5]", "Flatten: {data_format: channels_first}", [120]),
        ("[6, 5, 4]", "Conv2DTranspose: {filters: 2, kernel_size: 3, strides: 2, output_padding: 1}", [14, 12, 2]),
        ("[6, 5, 4]", "Conv2DTranspose: {filters: 2, kernel_size: 3, dilation_rate: 2}", [10, 9, 2]),
        ("[6, 5, 4]", "AdaptiveAveragePooling2D: {output_size: [3, 2]}", [3, 2, 4]),
        ("[6, 4]", "AdaptiveMaxPooling1D: {output_size: 3}", [3, 4]),
        ("[6, 5, 4]", "UpSampling2D: {size: 2, interpolation: bicubic}", [12, 10, 4]),
        (
            "[6, 5, 4]", "Resizing: {height: 3, width: 7, interpolation: nearest, crop_to_aspect_ratio: true}",
            [3, 7, 4]
        ),
        ("[6, 5, 4]", "CenterCrop: {height: 8, width: 3}", [8, 3, 4]),
        ("[6, 5, 4]", "Dropout: {rate: 0.5, noise_shape: [~, 1, 1, 4]}", [6, 5, 4]),
        ("[6, 5, 4]", "SpatialDropout2D: {rate: 0.5, data_format: channels_first}", [6, 5, 4]),
        ("[4]", "CategoryEncoding: {num_tokens: 7, output_mode: count}", [7]),
        ("[4]", "Discretization: {bin_boundaries: [0, 1], output_mode: one_hot}", [4, 3]),
    ])
    func shapesAreThoseOfKeras(input: String, layer: String, expected: [Int]) throws {
        let built = try built(input, layer)
        #expect(built.graph.shape(of: built.graph.outputs[0]).axes == expected)
    }

    @Test(arguments: [
        (
            "[6, 5, 4]", "Softmax: {axis: [1, 2]}",
            "option 'axis': expected one axis, found [1, 2]; Keras 3 loses others when it loads an .h5 file"
        ),
        (
            "[6, 5, 4]", "UnitNormalization: {axis: 4}",
            "works along axis 4, which its input (6, 5, 4) does not have"
        ),
        (
            "[6, 5, 4]", "RMSNormalization: {axis: 1}",
            "option 'axis': only the last axes, such as -1 or [-2, -1], are supported, found [1]"
        ),
        (
            "[6, 5, 4]", "GroupNormalization: {groups: 3}",
            "has 3 groups, which do not divide 4 channels"
        ),
        (
            "[6, 5, 4]", "Conv2DTranspose: {filters: 2, kernel_size: 3, strides: 2, dilation_rate: 2}",
            "has 'strides' and a 'dilation_rate', and Keras takes one of them only"
        ),
        (
            "[6, 5, 4]", "Conv2DTranspose: {filters: 2, kernel_size: 3, output_padding: 1}",
            "option 'output_padding': expected less than the strides, found [1, 1]"
        ),
        (
            "[6, 5, 4]", "Dropout: {rate: 0.5, noise_shape: [~, 2, 1, 4]}",
            "has the noise_shape (null, 2, 1, 4), which cannot be spread over examples of (6, 5, 4)"
        ),
        (
            "[6, 5, 4]", "Resizing: {height: 3, width: 3, crop_to_aspect_ratio: true, pad_to_aspect_ratio: true}",
            "crops and pads to the aspect ratio, and Keras does one of them only"
        ),
        (
            "[6, 5, 3]", "Activation: {activation: glu}",
            "gates one half of its channels by the other, and has 3"
        ),
        (
            "[4]", "Discretization: {bin_boundaries: [1, 0]}",
            "option 'bin_boundaries': expected ascending numbers"
        ),
    ])
    func refusesWhatKerasCannotDo(input: String, layer: String, expected: String) throws {
        let found = try #require(message(input, layer))
        #expect(found.hasSuffix("): " + expected), "\(found)")
    }

    @Test func refusesASoftmaxOfPadding() {
        #expect(
            message("[5, 4]", "Masking", "Softmax") == """
                'a.yaml': line 4, layer 'softmax' (Softmax): reads a sequence with a mask, of which Keras itself cannot \
                compute it; use Activation with 'softmax', which leaves masks alone
                """)
        #expect(message("[5, 4]", "Masking", "Activation: {activation: softmax}") == nil)
    }

    @Test func refusesToTrainOnPadding() {
        #expect(
            message("[5, 4]", "Masking", "BatchNormalization: {axis: 1}") == """
                'a.yaml': line 4, layer 'batch_normalization' (BatchNormalization): normalises another axis than the last \
                of a sequence with a mask, and is not trained so here; put it before the mask, or normalise the last axis
                """)
        #expect(message("[5, 4]", "Masking", "BatchNormalization") == nil)
    }

    @Test func refusesSpectralNormalizationInStudents() {
        #expect(
            message("[4]", "SpectralNormalization: {layer: {Dense: {units: 2}}}")?
                .contains("kernels are not normalised in training here; use the layer itself") == true)
    }

    /// A mask passes an axis that only moved for the time of the layer.
    @Test func keepsMasksWhereAxesMove() throws {
        let built = try built("[5, 4]", "Masking", "LayerNormalization: {axis: 1}", "GlobalAveragePooling1D")
        let network = Network(
            built.graph, weights: ParameterVector(initializing: built.graph.layout, key: RandomKey(seed: 1)))
        var input = (0..<20).map { Float($0 % 7) + 1 }
        let whole = network.predict([input])[0]
        for element in 12..<20 { input[element] = 0 }
        let half = network.predict([input])[0]
        // Gammas and betas are 1 and 0: over all frames the mean is 0, over three of them it is not.
        #expect(whole.allSatisfy { abs($0) < 1e-5 })
        #expect(half.allSatisfy { abs($0) > 0.1 })
    }
}
