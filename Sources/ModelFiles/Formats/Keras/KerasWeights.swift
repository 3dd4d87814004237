import HDF5
import Networks
import Tensors

// The numbers of a model in HDF5, which both of Keras's formats have.

extension WeightEncoding {
    /// The type of a dataset of such numbers.
    fileprivate var type: HDF5Type {
        switch self {
        case .float32: .float32
        case .float16: .float16
        }
    }
}

extension ModelContent {
    /// The version of Keras whose meaning the words have, where versions differ.
    var kerasVersion: String { built.architecture.rules.description }

    /// Writes the attributes that Keras reads past.
    func writeNotes(to root: borrowing HDF5Group) throws {
        for (name, text) in notes.texts.sorted(by: { $0.key < $1.key }) { try root.attributes.write(text, to: name) }
        if let classes = notes.classNames { try root.attributes.write(classes, to: "classes") }
    }

    /// Writes a parameter as a dataset; without weights, all but the numbers.
    func write(_ slot: WeightSlot, as name: String, _ weights: Tensor?, to group: borrowing HDF5Group) throws {
        let dataset = try group.createDataset(name, encodings[slot.entry].type, shape: slot.shape)
        try weights?.slice(at: slot.entry.offset, count: slot.entry.spec.shape.elementCount).withSpan {
            span throws(HDF5Error) in try dataset.write(span)
        }
    }

    /// Whether Keras expects a number of batches behind a layer's weights, from which it computes nothing.
    func countsBatches(_ layer: Int) -> Bool { built.layers[layer].className == "Normalization" }

    /// The bytes of an HDF5 file, by writing it without numbers into memory.
    func hdf5ByteCount(_ write: (borrowing HDF5Group) throws -> Void) throws -> Int {
        let file = try HDF5File.inMemory()
        try write(file.root)
        return try file.byteCount()
    }
}
