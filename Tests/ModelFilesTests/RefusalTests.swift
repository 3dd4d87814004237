import Foundation
import ModelFiles
import Testing

/// Files that cannot be used, and what is said about them.
@Suite struct RefusalTests {
    private func message(_ name: String) -> String? {
        let path = fixture("refused/\(name)")
        do {
            let file = try KerasFile(opening: path)
            _ = try file.network()
            return nil
        } catch {
            return "\(error)".replacing(path, with: name)
        }
    }

    private static let savingAdvice =
        "In Keras, load or build the model and write it with model.save('model.h5'), which keeps architecture and weights"
    private static let lambdaAdvice =
        "Lambda layers hold Python code, which is never run. Replace it by built-in layers, such as Rescaling, "
        + "Activation or Add, and save the model again"
    private static let trainingAdvice =
        "Such a model predicts nothing; it was probably saved after its training had diverged"

    @Test(arguments: [
        (
            "conv3d.h5",
            """
            'conv3d.h5': layer 'conv' (Conv3D): works on volumes; only vectors, sequences and images are computed \
            here. Build the model from layers of one and two dimensions
            """
        ),
        (
            "custom-activation.h5",
            "'custom-activation.h5': layer 'hidden' (Dense): the activation 'Fixtures>wobble' is not supported"
        ),
        (
            "custom-layer.h5",
            """
            'custom-layer.h5': layer 'shift' (Fixtures>Shift): a class of someone's own, whose Python code is never \
            run. Build the model from Keras's own layers and save it again
            """
        ),
        (
            "hashing.h5",
            """
            'hashing.h5': layer 'hash' (Hashing): works on text or on tables, which networks here do \
            not read. Apply it to the data, and save the model without it
            """
        ),
        (
            "quantized.h5",
            """
            'quantized.h5': layer 'hidden' (Dense), like 'output': is quantized (Int8QuantizationConfig), and only \
            floating-point weights are read. Save the model before model.quantize
            """
        ),
        (
            "two-masks.h5",
            """
            'two-masks.h5': model 'inner': is called with a masked sequence, and joins masked and plain ones inside: Keras 3 \
            takes two masks for what follows, which is not supported
            """
        ),
        ("lambda.h5", "'lambda.h5': layer 'twice' (Lambda): \(lambdaAdvice)"),
        ("lambda-k2.h5", "'lambda-k2.h5': layer 'twice' (Lambda): \(lambdaAdvice)"),
        (
            "unknown-activation.h5",
            "'unknown-activation.h5': layer 'hidden' (Dense): the activation 'wobble' is not supported"
        ),
    ])
    func refusesWhatItCannotBuild(name: String, expected: String) {
        #expect(message(name) == expected)
    }

    @Test(arguments: [
        ("nan-in-weights.h5", "layer 'output', parameter 'kernel': 1 of 6 numbers are NaN or infinite"),
        ("infinity-in-weights.h5", "layer 'hidden', parameter 'bias': 1 of 3 numbers are NaN or infinite"),
        ("negative-variance.h5", "layer 'normalization', parameter 'moving_variance': 1 of 4 variances are negative"),
    ])
    func refusesNumbersThatPredictNothing(name: String, problem: String) {
        #expect(message(name) == "'\(name)': \(problem). \(Self.trainingAdvice)")
    }

    @Test func saysEverythingThatDoesNotFit() {
        #expect(
            message("wrong-shape.h5") == """
                'wrong-shape.h5': 3 problems: layer 'hidden', parameter 'kernel': expected shape [4, 5], found [4, 3]; \
                layer 'hidden', parameter 'bias': expected shape [5], found [3]; \
                layer 'output', parameter 'kernel': expected shape [5, 2], found [3, 2]
                """)
        #expect(
            message("missing-layer.h5") == """
                'missing-layer.h5': expected weights of 2 layers ('hidden', 'output'), found weights of 1 ('hidden'): \
                'output' missing
                """)
    }

    @Test(arguments: ["weights-only-k2.h5", "weights-only.weights.h5"])
    func asksForTheArchitectureOfWeights(name: String) {
        #expect(
            message(name) == """
                '\(name)': holds weights only, without the architecture. Pass the architecture (--architecture, the JSON \
                of model.to_json() or .yaml), or save the whole model: in Keras, load or build the model and write it \
                with model.save('model.h5'), which keeps architecture and weights
                """)
    }

    @Test func saysWhereDamagedFilesAreDamaged() {
        #expect(
            message("not-json.h5")
                == "'not-json.h5': its architecture is not JSON: byte 298: expected a value")
        #expect(
            message("missing-weight.h5") == """
                could not open '/model_weights/output/model/output/bias' in 'missing-weight.h5': there is no such object
                """)
        #expect(message("truncated.h5")?.hasPrefix("could not open 'truncated.h5': it is cut off: of ") == true)
        #expect(message("nowhere.h5") == "could not open 'nowhere.h5': there is no such file")
    }

    @Test func refusesDataFiles() throws {
        let path = fixture("dense.io.h5")
        #expect(throws: ModelFileError.self) { _ = try KerasFile(opening: path) }
    }
}
