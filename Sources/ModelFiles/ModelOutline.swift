import HDF5

/// What a model file says, without its numbers: small, and plain enough to cross from the process that read it.
struct ModelOutline: Hashable, Codable {
    /// How a file keeps its weights.
    enum Form: String, Hashable, Codable {
        /// One group for each layer, in the order of an attribute: what `model.save('x.h5')` writes.
        case layers
        /// One group for each object, found by the class of its layer: what is in `.keras` and `.weights.h5`.
        case store
        /// One group of tensors that are found by their names: what is in `.safetensors`.
        case named
    }

    /// The weights of one group.
    struct Group: Hashable, Codable {
        /// The name of the layer, or the place in the store: `layers/dense_1`.
        let name: String
        let weights: [Weight]
    }

    struct Weight: Hashable, Codable {
        let name: String
        /// The place of the dataset in its HDF5 file, or the name of the tensor.
        let path: String
        let shape: [Int]
        let type: HDF5Type
        /// What it takes in the file.
        let byteCount: Int
        /// Where the numbers lie in the whole file, if they lie there as float32, one after another.
        let offset: Int?
        /// What is to be added to them.
        var lowRank: LowRankFactors?
        /// Whether whole numbers of the file stand for multiples of a scale.
        var isScaled = false
    }

    var byteCount: Int
    /// The architecture as JSON; nil in a file of weights alone.
    var configuration: String?
    /// As the file says, such as `2.15.0`.
    var kerasVersion: String?
    var form: Form
    /// The groups that have weights, in the file's order.
    var groups: [Group]
    /// What layers are called, by their places in a store; newer versions of Keras 3 say so.
    var layerNames: [String: String] = [:]
    /// The attributes that are lists of words or JSON of our own, by their names.
    var classNames: [String]?
    /// What the state of the optimizer takes, which nothing here reads.
    var optimizerByteCount = 0
    /// What `compress` wrote about where the model comes from.
    var provenance: String?
}
