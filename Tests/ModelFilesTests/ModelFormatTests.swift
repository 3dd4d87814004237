import ModelFiles
import Tensors
import Testing

/// Which format a model is written in.
@Suite struct ModelFormatTests {
    @Test(arguments: ["s.h5", "s.hdf5", "S.H5", "runs.keras/s.h5", "s.weights.h5"])
    func namesHDF5(path: String) throws {
        #expect(try ModelFormats.named(by: path) is KerasHDF5)
    }

    @Test(arguments: ["s.keras", "S.KERAS", "./s.v2.keras", "runs.h5/s.keras"])
    func namesArchives(path: String) throws {
        #expect(try ModelFormats.named(by: path) is KerasArchive)
    }

    @Test(arguments: ["s.onnx", "S.ONNX", "s.keras.onnx"])
    func namesONNX(path: String) throws {
        #expect(try ModelFormats.named(by: path) is ONNX)
    }

    @Test(arguments: [
        ("s.pb", "has the unknown suffix '.pb'"), ("s.pt", "has the unknown suffix '.pt'"),
        ("s.h5.tmp", "has the unknown suffix '.tmp'"), ("student", "has no suffix"), ("s.", "has no suffix"),
        ("runs.h5/student", "has no suffix"),
    ])
    func refusesOtherSuffixes(path: String, found: String) {
        #expect {
            _ = try ModelFormats.named(by: path)
        } throws: { error in
            "\(error)" == """
                '\(path)' \(found); the suffix of --output decides the format of a model. Choose \
                \(ModelFormats.summary)
                """
        }
    }

    @Test func everySuffixIsOfOneFormat() {
        let suffixes = ModelFormats.all.flatMap(\.suffixes)
        #expect(Set(suffixes).count == suffixes.count)
        #expect(suffixes.allSatisfy { $0 == $0.lowercased() })
        #expect(ModelFormats.readableSuffixes == ".h5, .hdf5, .keras, .onnx, .safetensors")
        #expect(
            ModelFormats.summary == """
                .h5 or .hdf5 (HDF5, for Keras 2 and 3), or .keras (an archive, for Keras 3), or .onnx (ONNX, for ONNX \
                Runtime and others), or .safetensors (named tensors, for PyTorch, JAX and others)
                """)
    }
}
