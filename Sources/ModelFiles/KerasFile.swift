import Foundation
import HDF5
public import Networks
public import Tensors

/// A whole Keras model in an HDF5 file.
///
/// Opening it reads the architecture and the sizes of the weights, not the weights.
public struct KerasFile: ~Copyable {
    public let path: String
    public let architecture: Architecture
    /// As the file says, such as `2.15.0`.
    public let kerasVersion: String?
    /// The size of the file.
    public let byteCount: Int
    /// The stored weights of each Keras layer that has any, in the file's order.
    let groups: [StoredGroup]

    private let file: HDF5File

    struct StoredGroup {
        let layer: String
        let weights: [StoredWeight]
    }

    struct StoredWeight {
        let name: String
        /// The place of the dataset in the file.
        let path: String
        let shape: [Int]
        let type: HDF5Type
        let byteCount: Int
    }

    /// Opens a file, and refuses what is no whole model with what to do about it.
    public init(opening path: String) throws {
        let file = try Self.open(path)
        guard try file.root.attributes.contains("model_config") else { throw try Self.refusal(of: file) }
        let version = try Self.kerasVersion(file)
        let architecture = try Self.architecture(file, version: version)
        let groups = try Self.groups(file)
        self.architecture = architecture
        self.groups = groups
        byteCount = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
        kerasVersion = version
        self.path = path
        self.file = file
    }

    private static let savingAdvice =
        "In Keras, load or build the model and write it with model.save('model.h5'), "
        + "which keeps architecture and weights"

    private static func open(_ path: String) throws -> HDF5File {
        do {
            return try HDF5File(opening: path)
        } catch let error {
            let start = FileHandle(forReadingAtPath: path).flatMap { try? $0.read(upToCount: 4) }
            guard error.kind == .damaged, start == Data([0x50, 0x4B, 0x03, 0x04]) else { throw error }
            throw ModelFileError(.refused, path, ["is a .keras archive, not HDF5"], advice: savingAdvice)
        }
    }

    /// Why a file without a model in it is refused.
    private static func refusal(of file: borrowing HDF5File) throws -> ModelFileError {
        let isKeras3 = try file.root.contains("layers") || file.root.contains("_layer_checkpoint_dependencies")
        let isKeras2 = try file.root.attributes.contains("layer_names") || file.root.attributes.contains("layer_names0")
        let problem =
            isKeras2 || isKeras3
            ? "holds weights only, without the architecture (no attribute 'model_config')"
            : "is an HDF5 file, but no Keras model (no attribute 'model_config')"
        return ModelFileError(.refused, file.path, [problem], advice: savingAdvice)
    }

    private static func kerasVersion(_ file: borrowing HDF5File) throws -> String? {
        if try file.root.attributes.contains("keras_version") {
            return try file.root.attributes.string("keras_version")
        }
        guard try file.root.kind(of: "model_weights") == .group else { return nil }
        let weights = try file.root.group("model_weights")
        return try weights.attributes.contains("keras_version") ? weights.attributes.string("keras_version") : nil
    }

    private static func architecture(_ file: borrowing HDF5File, version: String?) throws -> Architecture {
        let text = try file.root.attributes.string("model_config")
        do {
            let json = try JSON(parsing: text)
            return try NestedModels.flatten(
                KerasConfiguration(json), origin: file.path, dialect: dialect(version, text))
        } catch let error as JSONError {
            throw ModelFileError(.refused, file.path, ["the attribute 'model_config' is not JSON: \(error)"])
        } catch let error as ConfigurationError {
            throw ModelFileError(.refused, file.path, error.problems)
        }
    }

    /// A file without a version is Keras 3's if it speaks as only Keras 3 does.
    private static func dialect(_ version: String?, _ configuration: String) -> Architecture.Dialect {
        guard let version, let major = version.split(separator: ".").first.flatMap({ Int($0) }) else {
            return configuration.contains("\"batch_shape\"") ? .keras3 : .keras2
        }
        return major >= 3 ? .keras3 : .keras2
    }

    // MARK: Stored weights

    private static func groups(_ file: borrowing HDF5File) throws -> [StoredGroup] {
        guard try file.root.kind(of: "model_weights") == .group else {
            throw ModelFileError(.refused, file.path, ["has no group 'model_weights'"], advice: savingAdvice)
        }
        let weights = try file.root.group("model_weights")
        guard try weights.attributes.contains("layer_names") || weights.attributes.contains("layer_names0") else {
            throw ModelFileError(.refused, file.path, ["the group 'model_weights' has no attribute 'layer_names'"])
        }
        var groups: [StoredGroup] = []
        for name in try weights.attributes.strings("layer_names") {
            let layer = try weights.group(name)
            let stored = try stored(in: layer)
            if !stored.isEmpty { groups.append(StoredGroup(layer: name, weights: stored)) }
        }
        return groups
    }

    private static func stored(in group: borrowing HDF5Group) throws -> [StoredWeight] {
        let hasNames = try group.attributes.contains("weight_names") || group.attributes.contains("weight_names0")
        guard hasNames else { return [] }
        var weights: [StoredWeight] = []
        for name in try group.attributes.strings("weight_names") {
            let dataset = try group.dataset(name).takingOpaqueForBFloat16()
            // How many batches a Normalization has seen; nothing is computed from it.
            let isCount = dataset.shape.isEmpty && dataset.type.isInteger
            if isCount { continue }
            weights.append(
                StoredWeight(
                    name: name, path: dataset.place.path, shape: dataset.shape, type: dataset.type,
                    byteCount: dataset.byteCount))
        }
        return weights
    }
}

// MARK: - Building and reading

extension KerasFile {
    /// Builds the graph and checks that the file's weights fit it.
    ///
    /// - Parameter inputs: The shapes of the inputs, where the model leaves lengths open.
    public func graph(inputs: [Shape]? = nil) throws(ModelFileError) -> BuiltArchitecture {
        let built = try architecture.graph(inputs: inputs)
        let match = WeightMatch(built, groups)
        if match.problems.isEmpty { return built }
        // A GRU that does not say so has its reset gate where the rank of its bias says.
        if let other = architecture.withResetBefore(in: match.flatBiasLayers) {
            let rebuilt = try other.graph(inputs: inputs)
            let rematch = WeightMatch(rebuilt, groups)
            if rematch.problems.isEmpty { return rebuilt }
        }
        throw ModelFileError(.refused, path, match.problems)
    }

    /// Reads the whole model.
    public func network(inputs: [Shape]? = nil) throws -> (built: BuiltArchitecture, network: Network) {
        let built = try graph(inputs: inputs)
        let weights = try read(built)
        return (built, Network(built.graph, weights: weights))
    }

    /// Reads the weights straight into the place where the network uses them.
    private func read(_ built: BuiltArchitecture) throws -> ParameterVector {
        let weights = ParameterVector(zeros: built.graph.layout)
        var problems: [String] = []
        for (slot, stored) in WeightMatch(built, groups).pairs {
            let dataset = try file.root.dataset(stored.path).takingOpaqueForBFloat16()
            let tensor = weights[slot.entry]
            try tensor.withMutableSpan { span throws(HDF5Error) in try dataset.read(into: &span) }
            if let problem = slot.problem(with: tensor) { problems.append("\(slot): \(problem)") }
        }
        guard problems.isEmpty else {
            throw ModelFileError(
                .refused, path, problems,
                advice: "Such a model predicts nothing; it was probably saved after its training had diverged")
        }
        return weights
    }
}

extension WeightSlot {
    /// What is wrong with the numbers of a parameter.
    fileprivate func problem(with tensor: Tensor) -> String? {
        let (notFinite, negative) = tensor.withSpan { span in
            var notFinite = 0, negative = 0
            for index in span.indices {
                notFinite += span[index].isFinite ? 0 : 1
                negative += span[index] < 0 ? 1 : 0
            }
            return (notFinite, negative)
        }
        if notFinite > 0 {
            return "\(grouped(notFinite)) of \(grouped(tensor.elementCount)) numbers are NaN or infinite"
        }
        if entry.spec.name == "moving_variance" && negative > 0 {
            return "\(grouped(negative)) of \(grouped(tensor.elementCount)) variances are negative"
        }
        return nil
    }
}
