import Foundation
import HDF5
import Isolation
import Storage
import Tensors
import Zip

/// Reads what somebody else's model file says. It trusts nothing, and runs in a process of its own where it can.
enum ModelReader {
    /// Reads everything but the numbers.
    ///
    /// - Throws: `HDF5Error`, or `ModelFileError` for what is no model.
    static func outline(of path: String) throws -> ModelOutline {
        if SafetensorsFile.isNamed(path) { return try SafetensorsFile(opening: path).outline }
        if ModelArchive.isArchive(path) { return try ModelArchive(opening: path).outline() }
        if ONNXReader.isNamed(path) { return try ONNXReader.outline(of: path) }
        let file = try HDF5File(opening: path, use: .model)
        Isolation.closeDoors()
        return try outline(file, byteCount: size(path))
    }

    /// Reads the numbers of datasets, each to its place in `target`, in whatever form the file has them.
    static func read(_ datasets: [Request], of path: String, into target: Tensor) throws {
        if SafetensorsFile.isNamed(path) { return try SafetensorsFile(opening: path).read(datasets, into: target) }
        if ONNXReader.isNamed(path) { return try ONNXReader.read(datasets, of: path, into: target) }
        let file = try ModelArchive.isArchive(path) ? ModelArchive(opening: path).weights() : HDF5File(opening: path)
        Isolation.closeDoors()
        for request in datasets {
            let dataset = try file.root.dataset(request.path).takingOpaqueForBFloat16()
            guard dataset.elementCount == request.count, request.place >= 0,
                request.place <= target.elementCount - request.count
            else { throw ModelFileError(.refused, path, ["'\(request.path)' changed while it was read"]) }
            try target.slice(at: request.place, count: request.count)
                .withMutableSpan { span throws(HDF5Error) in try dataset.read(into: &span) }
        }
    }

    /// A dataset, and where its numbers go.
    struct Request: Codable {
        let path: String
        let place: Int
        let count: Int
    }

    private static func size(_ path: String) -> Int {
        WholeFile.byteCount(of: path) ?? 0
    }
}

// MARK: - HDF5

extension ModelReader {
    static let savingAdvice =
        "In Keras, load or build the model and write it with model.save('model.h5'), "
        + "which keeps architecture and weights"

    /// What an HDF5 file says, be it whole or a member of an archive.
    ///
    /// - Parameter base: Where it begins in the whole file; nil if its bytes are not there as they are.
    static func outline(
        _ file: borrowing HDF5File, byteCount: Int, base: Int? = 0
    ) throws -> ModelOutline {
        let hasModel = try file.root.attributes.contains("model_config")
        var outline = ModelOutline(
            byteCount: byteCount, configuration: hasModel ? try file.root.attributes.string("model_config") : nil,
            kerasVersion: try version(file), form: .layers, groups: [])
        if try file.root.attributes.contains("provenance") {
            outline.provenance = try file.root.attributes.string("provenance")
        }
        outline.classNames = classNames(file.root)
        for name in ["optimizer_weights", "optimizer"] where try file.root.kind(of: name) == .group {
            outline.optimizerByteCount += try storedByteCount(of: file.root.group(name), depth: 0)
        }
        let store = try storeRoot(file)
        if hasModel {
            guard try file.root.kind(of: "model_weights") == .group else {
                throw ModelFileError(.refused, file.path, ["has no group 'model_weights'"], advice: savingAdvice)
            }
            outline.groups = try layers(of: file.root.group("model_weights"), file.path, base)
        } else if let store {
            outline.form = .store
            var walk = Store(base: base, path: file.path)
            try walk.visit(file.root.group(store))
            (outline.groups, outline.layerNames) = (walk.groups, walk.layerNames)
        } else if try hasList("layer_names", file.root) {
            outline.groups = try layers(of: file.root, file.path, base)
        } else {
            throw ModelFileError(
                .refused, file.path, [ModelFileError.otherContent], advice: savingAdvice)
        }
        return outline
    }

    /// They are looked for where people put them: in the attribute `classes`, which this program writes too,
    /// `class_names` or `class_indices`; as a list of strings, or as JSON: a list of names, or an object from names to
    /// indices, as Keras's data generators have it.
    private static func classNames(_ root: borrowing HDF5Group) -> [String]? {
        for name in ["classes", "class_names", "class_indices"] {
            guard let texts = try? root.attributes.strings(name), !texts.isEmpty else { continue }
            guard texts.count == 1, let json = try? JSON(parsing: texts[0]) else { return texts }
            return json.classNames ?? texts
        }
        return nil
    }

    /// The bytes of all datasets in a group; of groups within each other as far as anybody writes them.
    private static func storedByteCount(of group: borrowing HDF5Group, depth: Int) throws -> Int {
        var total = 0
        guard depth < 16 else { return 0 }
        for name in try group.names().prefix(20_000) {
            switch try group.kind(of: name) {
            case .group:
                let child = try group.group(name)
                total += try storedByteCount(of: child, depth: depth + 1)
            case .dataset:
                let dataset = try group.dataset(name)
                total += dataset.storedByteCount
            default: break
            }
        }
        return total
    }

    private static func version(_ file: borrowing HDF5File) throws -> String? {
        if try file.root.attributes.contains("keras_version") {
            return try file.root.attributes.string("keras_version")
        }
        guard try file.root.kind(of: "model_weights") == .group else { return nil }
        let weights = try file.root.group("model_weights")
        return try weights.attributes.contains("keras_version") ? weights.attributes.string("keras_version") : nil
    }

    private static func hasList(_ name: String, _ group: borrowing HDF5Group) throws -> Bool {
        try group.attributes.contains(name) || group.attributes.contains(name + "0")
    }

    /// The weights of each layer, in the order of the attribute `layer_names`.
    private static func layers(
        of weights: borrowing HDF5Group, _ path: String, _ base: Int?
    ) throws -> [ModelOutline.Group] {
        guard try hasList("layer_names", weights) else {
            throw ModelFileError(.refused, path, ["the group 'model_weights' has no attribute 'layer_names'"])
        }
        var groups: [ModelOutline.Group] = []
        for name in try weights.attributes.strings("layer_names") {
            let layer = try weights.group(name)
            guard try hasList("weight_names", layer) else { continue }
            var stored: [ModelOutline.Weight] = []
            for name in try layer.attributes.strings("weight_names") {
                if let weight = try weight(layer.dataset(name).takingOpaqueForBFloat16(), name, base) {
                    stored.append(weight)
                }
            }
            stored = LowRankFactors.fold(stored)
            if !stored.isEmpty { groups.append(ModelOutline.Group(name: name, weights: stored)) }
        }
        return groups
    }

    /// - Returns: nil for a counter, such as how many batches a Normalization has seen: nothing is computed from it.
    fileprivate static func weight(
        _ dataset: borrowing HDF5Dataset, _ name: String, _ base: Int?
    ) throws -> ModelOutline.Weight? {
        if dataset.shape.isEmpty && dataset.type.isInteger { return nil }
        let offset = dataset.floatOffset
        return ModelOutline.Weight(
            name: name, path: dataset.place.path, shape: dataset.shape, type: dataset.type,
            byteCount: dataset.storedByteCount, offset: base.flatMap { base in offset.map { base + $0 } })
    }

    /// The group of all layers in a file as Keras 3 writes it; Keras 2.12 had another name for it.
    private static func storeRoot(_ file: borrowing HDF5File) throws -> String? {
        for name in ["layers", "_layer_checkpoint_dependencies"] where try file.root.kind(of: name) == .group {
            return name
        }
        return nil
    }

    /// Walks through the groups of a store: those of layers, of layers in them, and of their variables.
    private struct Store {
        let base: Int?
        let path: String
        private(set) var groups: [ModelOutline.Group] = []
        private(set) var layerNames: [String: String] = [:]
        private var visits = 0

        private static let depthLimit = 100
        /// Links may lead from anywhere to anywhere.
        private static let visitLimit = 200_000

        init(base: Int?, path: String) {
            self.base = base
            self.path = path
        }

        mutating func visit(_ root: borrowing HDF5Group) throws { try visit(root, "layers", depth: 0) }

        private mutating func visit(_ group: borrowing HDF5Group, _ place: String, depth: Int) throws {
            visits += 1
            guard depth < Self.depthLimit, visits < Self.visitLimit else {
                throw ModelFileError(.refused, path, ["its groups lead into each other without end"])
            }
            for name in try group.names() where try group.kind(of: name) == .group {
                let child = try group.group(name)
                if name == "vars" {
                    let weights = try variables(child)
                    if !weights.isEmpty { groups.append(ModelOutline.Group(name: place, weights: weights)) }
                    if try child.attributes.contains("name") {
                        layerNames[place] = try? child.attributes.string("name")
                    }
                } else {
                    try visit(child, "\(place)/\(name)", depth: depth + 1)
                }
            }
        }

        /// Named by numbers, which the file has in the order of texts.
        private func variables(_ group: borrowing HDF5Group) throws -> [ModelOutline.Weight] {
            var weights: [(number: Int, weight: ModelOutline.Weight)] = []
            for name in try group.names() where try group.kind(of: name) == .dataset {
                guard let number = Int(name) else { continue }
                if let weight = try ModelReader.weight(group.dataset(name).takingOpaqueForBFloat16(), name, base) {
                    weights.append((number, weight))
                }
            }
            return weights.sorted { $0.number < $1.number }.map(\.weight)
        }
    }
}
