import HDF5
import Networks
import Tensors

// The numbers of a model in HDF5, which both of Keras's formats have.

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
        let numbers = weights?.slice(at: slot.entry.offset, count: slot.entry.spec.shape.elementCount)
        let type: HDF5Type
        switch encodings[slot.entry] {
        case .float32: type = .float32
        case .float16: type = .float16
        case .int8: preconditionFailure("files of Keras have no int8, and were refused")
        case .small(let bits): return try write(slot, as: name, numbers, bits: bits, to: group)
        case .planned:
            precondition(weights == nil, "there is no encoding yet")
            // All chunks of one byte a number have the same head.
            _ = try group.createCodedDataset(
                name, SmallFloat(exponentBits: 2, mantissaBits: 5, bias: 1), shape: slot.shape)
            return
        case .coded(let levels):
            let dataset = try group.createCodedDataset(name, levels.grid.type, shape: slot.shape)
            try numbers?.withSpan { span throws(HDF5Error) in try dataset.writeChunk(levels.stream(of: span)) }
            return
        }
        let dataset = try group.createDataset(name, type, shape: slot.shape)
        try numbers?.withSpan { span throws(HDF5Error) in try dataset.write(span) }
    }

    private func write(
        _ slot: WeightSlot, as name: String, _ numbers: Tensor?, bits: Int, to group: borrowing HDF5Group
    ) throws {
        guard let numbers else {
            // All types of so many bits take as many bytes.
            _ = try group.createDataset(
                name, SmallFloat(exponentBits: 2, mantissaBits: bits - 3, bias: 1), shape: slot.shape)
            return
        }
        try numbers.withSpan { span throws(HDF5Error) in
            let type = SmallFloat(bitCount: bits, fitting: span)
            try group.createDataset(name, type, shape: slot.shape).write(nearestTo: span)
        }
    }

    /// Whether Keras expects a number of batches behind a layer's weights, from which it computes nothing.
    func countsBatches(_ layer: Int) -> Bool { built.layers[layer].className == "Normalization" }

    /// What the file has to be read by.
    var version: HDF5Version { encodings.arePacked ? .v1_10 : .v1_8 }

    /// The bytes of an HDF5 file, by writing it without numbers into memory: what coded numbers take is known already.
    func hdf5ByteCount(_ write: (borrowing HDF5Group) throws -> Void) throws -> Int {
        let file = try HDF5File.inMemory(version: version)
        try write(file.root)
        let coded = slots.values.joined().reduce(0) { sum, slot in
            switch encodings[slot.entry] {
            case .coded(let levels): sum + levels.byteCount
            case .planned: sum + encodings[slot.entry].byteCount(of: slot.entry.spec.shape)
            default: sum
            }
        }
        return try file.byteCount() + coded
    }
}
