import HDF5
import Storage
public import Tensors
import Zip

/// A zip archive with the architecture as JSON and the weights as HDF5, which Keras 3 loads.
public struct KerasArchive: ModelFormat {
    public let suffixes = ["keras"]
    public let summary = "an archive, for Keras 3"
    public let isReadable = true

    public init() {}

    public func expressing(_ built: BuiltArchitecture) throws(ModelFileError) -> BuiltArchitecture {
        let built = try built.asKeras3()
        try built.refuseOrderOfMasks()
        return built
    }

    public func byteCount(of content: ModelContent) throws -> Int {
        let writer = ConfigurationWriter(content.built, Keras3Spelling())
        let weights = try content.hdf5ByteCount { root in try writeWeights(content, writer, nil, to: root) }
        let texts = texts(content, writer).map { ($0.name, $0.bytes.count) }
        return ZipWriter.byteCount(of: texts + [(Self.weights, weights)])
    }

    public func write(_ content: ModelContent, _ weights: Tensor, to partial: String, as path: String) throws {
        let writer = ConfigurationWriter(content.built, Keras3Spelling())
        try WholeFile.withScratch(for: path) { scratch in
            try HDF5File.writeContent(of: path, at: scratch, version: content.version) {
                try writeWeights(content, writer, weights, to: $0.root)
            }
        } read: { scratch in
            var archive = try ZipWriter(creating: partial, as: path)
            for text in texts(content, writer) { try archive.add(text.name, text.bytes) }
            try archive.add(Self.weights, contentsOf: scratch)
            try archive.finish()
        }
    }

    // MARK: - Members

    private static let weights = "model.weights.h5"

    private func texts(_ content: ModelContent, _ writer: ConfigurationWriter) -> [(name: String, bytes: [UInt8])] {
        [
            ("metadata.json", Array(#"{"keras_version": "\#(content.kerasVersion)"}"#.utf8)),
            ("config.json", Array(writer.json.description.utf8)),
        ]
    }

    /// Writes each layer's parameters where Keras 3 looks for them, `layers/dense_1/vars/0`; without weights, all but the
    /// numbers.
    private func writeWeights(
        _ content: ModelContent, _ writer: ConfigurationWriter, _ weights: Tensor?, to root: borrowing HDF5Group
    ) throws {
        try content.writeNotes(to: root)
        _ = try root.createGroup("layers")
        var names = StoreNames()
        for index in writer.order {
            let layer = content.built.layers[index], place = "layers/" + names.next(layer.className)
            guard let slots = content.slots[index] else { continue }
            for group in StoreNames.split(slots, of: layer.className, layer.written) {
                let variables = group.part.isEmpty ? "\(place)/vars" : "\(place)/\(group.part)/vars"
                for (number, slot) in group.slots.enumerated() {
                    try content.write(slot, as: "\(variables)/\(number)", weights, to: root)
                }
                if content.countsBatches(index) {
                    try root.createDataset("\(variables)/\(group.slots.count)", [Int64(0)], shape: [])
                }
            }
        }
    }
}
