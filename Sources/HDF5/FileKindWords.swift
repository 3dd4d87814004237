// What a file is and what to do with it, for messages.

extension FileKind {
    /// With its article: "a Git LFS pointer".
    public var name: String {
        switch self {
        case .hdf5: "an HDF5 file"
        case .kerasArchive: "a .keras file"
        case .empty: "empty"
        case .zeros: "nothing but zeros"
        case .lfsPointer: "a Git LFS pointer"
        case .annexPointer: "a git-annex pointer"
        case .webPage: "a web page"
        case .json: "JSON"
        case .text: "text"
        case .wideText: "text in UTF-16 or UTF-32"
        case .gzip: "compressed with gzip"
        case .bzip2: "compressed with bzip2"
        case .xz: "compressed with xz"
        case .zstd: "compressed with zstd"
        case .lz4: "compressed with lz4"
        case .sevenZip: "a 7z archive"
        case .rar: "a RAR archive"
        case .tar: "a tar archive"
        case .zip: "a zip archive"
        case .npy: "an array of NumPy's (.npy)"
        case .npz: "an archive of NumPy's arrays (.npz)"
        case .matlab: "a MATLAB file (version 5)"
        case .idx: "an IDX file, as MNIST has them"
        case .parquet: "a Parquet file"
        case .arrow: "an Arrow file"
        case .netCDF: "a classic NetCDF file"
        case .sqlite: "an SQLite database"
        case .pickle: "a Python pickle"
        case .image: "an image"
        case .pdf: "a PDF document"
        case .pyTorch: "a PyTorch file"
        case .onnx: "an ONNX model"
        case .tensorFlowLite: "a TensorFlow Lite model"
        case .safetensors: "a safetensors file"
        case .gguf: "a GGUF file"
        case .savedModel, .savedModelFolder: "a TensorFlow SavedModel"
        case .tensorFlowCheckpoint: "a TensorFlow checkpoint"
        case .frozenGraph: "a frozen graph of TensorFlow (.pb)"
        case .records: "a file of records (TFRecord)"
        case .unzippedKeras: "a folder with the members of a .keras file"
        case .folder: "a folder"
        case .unknown: "of no kind that is known here"
        }
    }

    /// What to do with it, if anything can be done; a sentence without its full stop.
    public func cure(for use: Use) -> String? {
        switch self {
        case .empty, .zeros: "Copy or download it again"
        case .lfsPointer: "Fetch the file itself with 'git lfs pull'"
        case .annexPointer: "Fetch the file itself with 'git annex get'"
        case .webPage: "Download it again: what came is a page, such as a login, a warning or an error"
        case .gzip: "Decompress it first, with 'gunzip'"
        case .bzip2: "Decompress it first, with 'bunzip2'"
        case .xz: "Decompress it first, with 'unxz'"
        case .zstd: "Decompress it first, with 'unzstd'"
        case .lz4: "Decompress it first, with 'unlz4'"
        case .sevenZip, .rar, .tar: "Unpack it first"
        case .unzippedKeras where use == .model:
            "Put them into an archive again: (cd FOLDER && zip -0 ../model.keras *)"
        case .savedModel, .savedModelFolder, .tensorFlowCheckpoint:
            use == .model
                ? "Load the model in Python with the Keras that wrote it, and save it with model.save('model.h5')"
                : dataCure
        case .frozenGraph where use == .model:
            "It has no layers of Keras any more. Save the model that it was made of with model.save('model.h5')"
        default: use == .model ? modelCure : dataCure
        }
    }

    private var modelCure: String? {
        switch self {
        case .safetensors: "Give it the suffix .safetensors, and its architecture with --architecture"
        case .json:
            "The architecture alone has no weights. Give it with --architecture, beside a file of weights (.weights.h5)"
        case .npy, .npz:
            "It holds arrays and no architecture. In Keras, set them as the model's weights and save with model.save('model.h5')"
        case .pyTorch:
            "Load the model in PyTorch, and export it: torch.onnx.export(model, (example,), 'model.onnx')"
        case .tensorFlowLite, .gguf, .pickle:
            "Models of Keras (.h5, .keras) and ONNX are read. Save the model from Keras with model.save('model.h5')"
        case .records, .idx, .text, .wideText, .parquet, .arrow, .matlab, .netCDF, .sqlite, .image:
            "It is no model. Name one of Keras (.h5, .keras) or ONNX (.onnx)"
        default: nil
        }
    }

    private var dataCure: String? {
        switch self {
        case .npy: "Put the arrays into one archive: numpy.savez('d.npz', x_train=…, y_train=…, x_test=…, y_test=…)"
        case .idx: "Import it first: compress import idx"
        case .records: "Import it first: compress import youtube8m"
        case .wideText:
            "Read it in Python, with its encoding, and save arrays with "
                + "numpy.savez('d.npz', x_train=…, y_train=…, x_test=…, y_test=…)"
        case .text, .json, .parquet, .arrow, .matlab, .pickle, .netCDF, .sqlite:
            "Read it in Python, and save arrays with numpy.savez('d.npz', x_train=…, y_train=…, x_test=…, y_test=…)"
        case .kerasArchive, .frozenGraph, .onnx, .tensorFlowLite, .pyTorch, .savedModel, .savedModelFolder,
            .tensorFlowCheckpoint:
            "It is a model; data is a file of examples and labels (.h5, .npz)"
        default: nil
        }
    }

    /// Whether it is no file at all.
    public var isFolder: Bool { [.folder, .savedModelFolder, .unzippedKeras].contains(self) }

    /// The file in a sentence: "it is a Git LFS pointer, not HDF5. Fetch …".
    public func refusal(for use: Use, insteadOf wanted: String = "HDF5") -> String {
        let what = self == .unknown ? "it is no \(wanted) file" : "it is \(name), not \(wanted)"
        return what + (cure(for: use).map { ". \($0)" } ?? "")
    }
}
