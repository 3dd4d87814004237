import Networks

/// Everything that is known of a class of Keras, beside the arithmetic of the layers in `Networks` that it becomes.
struct LayerEntry: Sendable {
    typealias Build = @Sendable (inout LayerSettings) -> [LayerPart]

    /// Keras's class, such as `Conv2D`; of an operation Keras 3's function, such as `ops.mean`.
    let name: String
    /// The versions of Keras that have the class, and whose files are read.
    var versions = [2, 3]
    var training = LayerFacts.Training.yes
    /// What it is called in an .h5 file; if not given, so that `versions` load it.
    var hdf5: LayerFacts.HDF5Spelling?
    /// Whether a student may have it.
    var suitsStudents = true
    /// What else a user should know, in few words; empty if nothing.
    var remark = ""
    /// The module in which Keras 3 has the class.
    var module = "keras.layers"
    /// Whether it is not Keras's own, but of the package in `Tools/keras`.
    var isOfPackage = false
    /// Whether Keras 2 drops the masks that Keras 3 passes on.
    var dropsMaskInKeras2 = false
    /// Whether its inputs behind the first are the states it begins with.
    var takesStates = false
    /// What its inputs are called, in the order of a call by position, where a file names all but the first.
    var inputNames: [String]?
    /// Whether it may stand in the place of another layer's activation.
    var isActivation = false
    /// The class by which Keras 3's store of weights counts it; nil for its own.
    var storeName: String?
    /// The groups in a layer's own of that store that have its weights, in the order of its parameters, by its options.
    var storeGroups: @Sendable (JSON.Object) -> [String] = StoreNames.plain
    /// What of its options, which Keras 2 may have written, Keras 3 has no words for.
    var unsaidInKeras3: @Sendable (JSON.Object) -> [String] = { _ in [] }
    /// Makes layers of its options. Problems, if any, are in the settings; the parts are then of no use.
    let build: Build
}

extension LayerEntry {
    /// The same of an operation: `KerasOperation` knows which versions have it, and files have it in their words.
    var asOperation: LayerEntry {
        var entry = self
        let functions = KerasOperation.named(name)?.functions ?? []
        if functions.isEmpty && !TensorFlowNode.stands(for: name) { entry.versions = [3] }
        entry.hdf5 = .asRead
        let tensorFlow = functions.first.map { "`tf.\($0)` in Keras 2" }
        entry.remark = [tensorFlow, remark.isEmpty ? nil : remark].compactMap(\.self).joined(separator: "; ")
        return entry
    }
}
