/// What can be done with a layer of Keras, beside computing what it predicts.
///
/// The classes are those for which `LayerCatalog` has a recipe; the rest is said here, and tested against files of Keras.
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
        Group(title: group.title, note: group.note, layers: group.recipes.keys.sorted().map(LayerFacts.init))
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
        let problems = layers.filter { !LayerFacts($0.className).suitsStudents }.map {
            "\($0.place): is not trained here as Keras trains it"
        }
        guard problems.isEmpty else {
            throw ModelFileError(.refused, origin, problems, advice: "Leave it out of the student")
        }
    }
}

// MARK: - The facts

extension LayerFacts {
    fileprivate init(_ className: String) {
        let operation = KerasOperation.named(className)
        let isAugmentation = LayerCatalog.isAugmentation(className)
        let versions = Self.onlyKeras2.contains(className) ? [2] : Self.isKeras3Alone(className) ? [3] : [2, 3]
        self.className = className
        self.versions = versions
        if isAugmentation || Self.identities.contains(className) {
            training = .identity
        } else if Self.stopping.contains(className) {
            training = .stops
        } else {
            training = Self.untrained.contains(className) ? .no : .yes
        }
        if operation != nil || isAugmentation || Self.spelledByVersion.contains(className) {
            hdf5 = .asRead
        } else if Self.lostInKeras3.contains(className) {
            hdf5 = .loaded(by: [2])
        } else {
            // What Keras 3 has no more is written as another class, which both have.
            hdf5 = .loaded(by: versions == [2] ? [2, 3] : Self.lostOnKeras2.contains(className) ? [3] : versions)
        }
        suitsStudents = !isAugmentation && !Self.untrained.contains(className)
        let tensorFlow = operation?.functions.first.map { "`tf.\($0)` in Keras 2" }
        remark = [tensorFlow, Self.remarks[className]].compactMap(\.self).joined(separator: "; ")
    }

    private static let onlyKeras2: Set = [
        "CuDNNGRU", "CuDNNLSTM", "LocallyConnected1D", "LocallyConnected2D", "ThresholdedReLU",
    ]

    /// Keras 3 has nothing in their place.
    private static let lostInKeras3: Set = ["LocallyConnected1D", "LocallyConnected2D"]

    private static let onlyKeras3: Set = [
        "AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D",
        "GroupQueryAttention", "GroupedQueryAttention", "RMSNormalization", "ReversibleEmbedding",
        "AugMix", "CutMix", "MixUp", "RandAugment", "RandomColorDegeneration", "RandomColorJitter",
        "RandomElasticTransform", "RandomErasing", "RandomGaussianBlur", "RandomGrayscale", "RandomHue", "RandomInvert",
        "RandomPerspective", "RandomPosterization", "RandomSaturation", "RandomSharpness", "RandomShear",
    ]

    private static func isKeras3Alone(_ className: String) -> Bool {
        onlyKeras3.contains(className) || LayerCatalog.frames[className] != nil
            || KerasOperation.named(className)?.functions.isEmpty == true
    }

    private static let identities: Set = [
        "ActivityRegularization", "Identity", "ops.cast", "ops.convert_to_tensor", "ops.copy",
    ]
    private static let stopping: Set = [
        "CategoryEncoding", "Discretization", "ops.all", "ops.any", "ops.equal", "ops.floor", "ops.greater",
        "ops.greater_equal", "ops.less", "ops.less_equal", "ops.logical_and", "ops.logical_not", "ops.logical_or",
        "ops.not_equal", "ops.one_hot", "ops.sign", "ops.stop_gradient",
    ]
    private static let untrained: Set = ["SpectralNormalization"]
    /// Their inputs are passed by name, for which the versions have no words in common.
    private static let spelledByVersion: Set = ["CustomScaleLayer", "LayerScale", "MultiHeadAttention"]

    /// Keras 2 does not load what it wrote itself.
    private static let lostOnKeras2: Set = ["SpectralNormalization"]

    private static let remarks: [String: String] = [
        "ActivityRegularization": "the identity: nothing is added to the loss",
        "CustomScaleLayer": "of keras.applications' InceptionResNetV2",
        "LayerScale": "of keras.applications' ConvNeXt",
        "LocallyConnected1D": "`implementation=1`", "LocallyConnected2D": "`implementation=1`",
        "BatchNormalization": "one axis; in training the last, where there is a mask",
        "Bidirectional": "around recurrent layers",
        "CategoryEncoding": "its inputs are numbers of categories",
        "CuDNNGRU": "written as GRU",
        "CuDNNLSTM": "written as LSTM",
        "Dense": "not quantized",
        "Discretization": "with its boundaries",
        "Embedding": "not quantized; its inputs are numbers of words",
        "FeatureSlice": "neighbouring features",
        "FramePooling": "mean, max or sum of the frames that are real",
        "FrameSampling": "the identity at inference: all frames",
        "GroupQueryAttention": "GroupedQueryAttention in files",
        "GroupNormalization": "one axis",
        "GroupedQueryAttention": "GroupQueryAttention in Keras's own code",
        "Identity": "the identity",
        "LayerNormalization": "several axes in files alone",
        "MultiHeadAttention": "masks follow the graph, or are `attention_mask`",
        "MixtureOfExperts": "`probability_gating: true` as in Miech et al. (2017)",
        "NetVLAD": "`use_centers: false` is NetRVLAD",
        "NeXtVLAD": "reads features that a Dense layer has expanded",
        "Normalization": "with its means and variances, or adapted to the data",
        "RMSNormalization": "last axes only",
        "RNN": "over SimpleRNNCell, LSTMCell, GRUCell and StackedRNNCells",
        "Resizing": "margins are constant",
        "ReversibleEmbedding": "from numbers to rows alone",
        "Softmax": "not behind a mask, where Keras itself fails",
        "SpectralNormalization": "Keras 2 does not load its own files of it",
        "ThresholdedReLU": "written as ReLU",
        "TimeDistributed": "around any layer or model with one result",
        "UnitNormalization": "several axes in files alone",
        "ops.cast": "to whole numbers by leaving out the fraction",
        "ops.einsum": "of two inputs", "ops.get_item": "what stands in brackets: `x[:, -1]`, `x[..., ::-1]`",
        "ops.max": "not over all axes", "ops.mean": "not over all axes", "ops.min": "not over all axes",
        "ops.power": "the base or the exponent is a number",
        "ops.reshape": "the axis of examples stays", "ops.sum": "not over all axes",
        "ops.transpose": "the axis of examples stays",
    ]
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
        They change pictures in training alone, so at inference they are the identity; they are kept when a model is \
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

    static func isAugmentation(_ className: String) -> Bool { augmentations[className] != nil }
}
