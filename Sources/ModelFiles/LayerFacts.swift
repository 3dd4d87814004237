/// What can be done with a layer of Keras, beside computing what it predicts.
///
/// What a reader should know of the entries of `LayerCatalog`. It is tested against files of Keras.
public struct LayerFacts: Sendable {
    /// Keras's class, such as `Conv2D`; of an operation Keras 3's function, such as `ops.mean`.
    public let className: String
    /// The versions of Keras that have the class, and whose files are read.
    public let versions: [Int]
    public let training: Training
    public let hdf5: HDF5Spelling
    /// Whether a student may have it: one from an architecture file (.yaml), or from a model's.
    public let suitsStudents: Bool
    /// What else is to be known, in few words; empty if nothing is.
    public let remark: String

    /// What training does with a layer.
    public enum Training: String, Sendable, CaseIterable {
        /// Its parameters learn, and gradients flow to its inputs.
        case yes
        /// Numbers pass as they are, there and back.
        case identity
        /// No gradient flows to its inputs, which are counts or categories.
        case stops
        /// Keras trains it in a way that is not had here.
        case no
    }

    /// What a layer is called in an .h5 file that is written.
    ///
    /// A .keras file is always in Keras 3's words.
    public enum HDF5Spelling: Sendable, Equatable {
        /// So that these versions of Keras load it.
        case loaded(by: [Int])
        /// In the words of the version whose file it was read from, which the other does not understand; Keras 3's for
        /// an architecture file.
        case asRead
    }

    /// Layers of one kind.
    public struct Group: Sendable {
        public let title: String
        /// What is true of all of them; may be empty.
        public let note: String
        /// By name.
        public let layers: [LayerFacts]
    }

    /// Every layer that can be computed.
    public static let groups: [Group] = LayerCatalog.groups.map { group in
        Group(
            title: group.title, note: group.note,
            layers: group.entries.map(LayerFacts.init).sorted { $0.className < $1.className })
    }

    /// Classes that are refused by name, and what to do instead.
    public static let refusals: [LayerRefusal] = LayerCatalog.refusals
}

/// Why classes of layers are refused, and what to do instead.
public struct LayerRefusal: Sendable {
    /// Classes, in which a star stands for any letters: `Hashing`, `*3D`.
    public let classes: [String]
    /// The end of the error.
    public let advice: String

    func isMeant(by className: String) -> Bool {
        classes.contains { pattern in
            let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
            guard let first = parts.first, let last = parts.last, parts.count > 1 else { return className == pattern }
            guard className.hasPrefix(first), className.hasSuffix(last) else { return false }
            var rest = className.dropFirst(first.count).dropLast(last.count)
            return parts.dropFirst().dropLast().allSatisfy { part in
                guard let place = rest.firstRange(of: part) else { return false }
                rest = rest[place.upperBound...]
                return true
            }
        }
    }
}

extension Architecture {
    /// Refuses layers that Keras trains in a way that is not had here.
    ///
    /// - Throws: `ModelFileError` that names all of them.
    public func refuseUntrainable() throws(ModelFileError) {
        let problems = layers.filter { LayerCatalog.entries[$0.className]?.suitsStudents == false }.map {
            "\($0.place): is not trained here as Keras trains it"
        }
        guard problems.isEmpty else {
            throw ModelFileError(.refused, origin, problems, advice: "Leave it out of the student")
        }
    }
}

extension LayerFacts {
    fileprivate init(_ entry: LayerEntry) {
        (className, versions, training) = (entry.name, entry.versions, entry.training)
        hdf5 = entry.hdf5 ?? .loaded(by: entry.versions)
        (suitsStudents, remark) = (entry.suitsStudents, entry.remark)
    }
}

extension LayerCatalog {
    static let recurrentNote = """
        With masks, states in and out, dropout, and `go_backwards`. A stateful layer begins at zero for every example. \
        `time_major: true` is refused. Where a layer begins with given states, an .h5 file is in the words of the version \
        that it was read from.
        """
    static let framesNote = """
        Not Keras's own: Keras 3 loads a file that has one of them with the package of `Tools/keras`, and without it \
        refuses the file. They stand in no other layer, such as TimeDistributed. \
        Padding has no part in what they compute.
        """
    static let augmentationNote = """
        They change images in training alone, so at inference they are the identity; they are kept when a model is \
        written.
        """
    static let operationNote = """
        What a model of Keras 3 has for `x * 2` or `ops.mean(x, axis=1)`, and one of Keras 2 for `tf.reduce_mean(x, 1)`. \
        A number may stand for one of two inputs: `ops.multiply: {x2: 0.5}`. Unlike layers they know no masks. Where a \
        layer says the same, it is written in the operation's place, and both versions load it.
        """

    /// Layers that are refused by name, and what to do instead; the first that is meant counts.
    static let refusals = [
        LayerRefusal(
            classes: ["tf.einsum"],
            advice:
                "Keras 2 leaves the inputs of tf.einsum out of the files that it writes, and cannot load them itself. "
                + "Build the model with Dot, EinsumDense or tf.matmul, and save it again"),
        LayerRefusal(
            classes: ["Lambda"],
            advice:
                "Lambda layers hold Python code, which is never run. Replace it by built-in layers, such as Rescaling, "
                + "Activation or Add, and save the model again"),
        LayerRefusal(
            classes: [
                "StringLookup", "IntegerLookup", "TextVectorization", "Hashing", "HashedCrossing", "FeatureSpace",
            ],
            advice: "works on text or on tables, which networks here do not read. Apply it to the data, and save the "
                + "model without it"),
        LayerRefusal(
            classes: ["STFTSpectrogram", "MelSpectrogram"],
            advice: "computes spectra, which networks here do not. Apply it to the data, and save the model without it"),
        LayerRefusal(
            classes: [
                "AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "Equalization", "RandomCrop",
                "Solarization",
            ],
            advice: "changes images at inference too. Apply it to the data, and save the model without it"),
        LayerRefusal(
            classes: ["FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"],
            advice: "holds a model of another framework, which is not read. Build the model from Keras's own layers "
                + "and save it again"),
        LayerRefusal(
            classes: ["*>*"],
            advice: "a class of someone's own, whose Python code is never run. Build the model from Keras's own layers "
                + "and save it again"),
        LayerRefusal(
            classes: ["*3D", "*3DTranspose"],
            advice: "works on volumes; only vectors, sequences and images are computed here. Build the model from "
                + "layers of one and two dimensions"),
        LayerRefusal(
            classes: ["ConvLSTM*"],
            advice: "convolutional recurrent layers are not supported; a convolution inside TimeDistributed, then "
                + "TimeDistributed Flatten and an LSTM, takes its place in a model that is trained anew"),
    ]
}
