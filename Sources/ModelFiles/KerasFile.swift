import Foundation
import HDF5
import Kernels
public import Networks
public import Tensors

/// A Keras model in a file: HDF5, a `.keras` archive or safetensors, or weights whose architecture is in another file.
///
/// Opening it reads the architecture and the sizes of the weights, not the weights.
public struct KerasFile: Sendable {
    public let path: String
    public private(set) var architecture: Architecture
    let outline: ModelOutline
    /// The same with its layers in the order of the file, where that is another one, see `KerasConfiguration.asListed`.
    private var listed: Architecture?

    /// As the file says, such as `2.15.0`.
    public var kerasVersion: String? { outline.kerasVersion }
    /// The size of the file.
    public var byteCount: Int { outline.byteCount }
    /// The names of the classes in the order of the outputs, where the file has them; Keras itself keeps none.
    public var classNames: [String]? { outline.classNames }
    /// Where the model comes from, in the words of the `compress` that made it.
    public var provenance: String? { outline.provenance }

    /// Opens a file, and refuses what is no model with what to do about it.
    ///
    /// - Parameter source: Where the architecture is of weights without one.
    /// - Throws: `HDF5Error` or `ModelFileError`.
    public init(opening path: String, architecture source: ArchitectureSource? = nil) throws {
        let outline = try ReadingService.outline(of: path)
        let isUnneeded = outline.configuration != nil && source?.isForAll == true
        let architecturePath = isUnneeded ? nil : source?.path
        self.path = path
        self.outline = outline
        switch (outline.configuration, architecturePath) {
        case (let configuration?, nil):
            (architecture, listed) = try Architecture.read(configuration, origin: path, version: outline.kerasVersion)
        case (nil, let architecturePath?):
            (architecture, listed) = try Self.architecture(in: architecturePath, for: outline)
        case (_?, let architecturePath?):
            throw ModelFileError(
                .refused, path, ["has its own architecture, and '\(architecturePath)' is another one"],
                advice: "Leave --architecture out")
        case (nil, nil):
            throw ModelFileError(
                .refused, path, ["holds weights only, without the architecture"],
                advice:
                    "Pass the architecture (--architecture, the JSON of model.to_json() or .yaml), or save the whole "
                    + "model: \(ModelReader.savingAdvice.prefix(1).lowercased() + ModelReader.savingAdvice.dropFirst())"
            )
        }
    }

    /// A file with an architecture: `.yaml`, or the JSON of `model.to_json()`.
    public struct ArchitectureSource: Hashable, Sendable {
        public let path: String
        /// Whether it is for all files of weights, rather than for this one.
        public let isForAll: Bool

        public init(_ path: String, isForAll: Bool = false) {
            self.path = path
            self.isForAll = isForAll
        }
    }

    /// The architecture that stands in a file of its own.
    private static func architecture(
        in path: String, for outline: ModelOutline
    ) throws(ModelFileError) -> (Architecture, listed: Architecture?) {
        guard ArchitectureFile.isNamed(path) else {
            return try Architecture.read(ArchitectureFile.text(of: path), origin: path)
        }
        let file = try ArchitectureFile(reading: path)
        return (try file.architecture(classes: outline.classCount(of: file)), nil)
    }
}

extension Architecture {
    /// Reads a model as Keras writes it into a file, or as `model.to_json()` returns it.
    ///
    /// - Parameters:
    ///   - origin: What errors call it.
    ///   - version: The version of Keras that wrote it, where the text does not say.
    public init(kerasConfiguration text: String, origin: String, version: String? = nil) throws(ModelFileError) {
        (self, _) = try Self.read(text, origin: origin, version: version)
    }

    /// Reads a model, its layers in the order in which Keras has them, and in the file's if that is another one.
    static func read(
        _ text: String, origin: String, version: String? = nil
    ) throws(ModelFileError) -> (Architecture, listed: Architecture?) {
        do {
            let json = try JSON(parsing: text)
            let version = version ?? json["keras_version"]?.string
            try Self.refuseKeras1(version, text, origin)
            let dialect = Self.dialect(version, text)
            let model = try KerasConfiguration(json["model_config"] ?? json)
            let passed = model.passedMasks
            if dialect == .keras3, !passed.isEmpty,
                version.flatMap({ KerasVersion($0) }) ?? .newest(dialect) >= KerasVersion(3, 10)
            {
                throw ConfigurationError(LayerProblem.grouped(passed))
            }
            var architecture = try NestedModels.flatten(model, origin: origin, dialect: dialect)
            var listed = try NestedModels.flatten(model.asListed, origin: origin, dialect: dialect)
            architecture.version = version.flatMap { KerasVersion($0) }
            listed.version = architecture.version
            return (architecture, listed == architecture ? nil : listed)
        } catch let error as ModelFileError {
            throw error
        } catch let error as ConfigurationError {
            throw ModelFileError(.refused, origin, error.problems)
        } catch {
            throw ModelFileError(.refused, origin, ["its architecture is not JSON: \(error)"])
        }
    }

    /// Keras 1 has other names for most options; only its last versions say that a file is theirs.
    private static func refuseKeras1(_ version: String?, _ text: String, _ origin: String) throws(ModelFileError) {
        let words = ["\"border_mode\":", "\"output_dim\":", "\"nb_filter\":", "\"inner_init\":"]
        let isOld = version?.hasPrefix("1.") == true || version?.hasPrefix("0.") == true
        // An Embedding has the option 'output_dim' to this day, beside 'input_dim'.
        let speaksSo =
            words.contains { text.contains($0) } && !text.contains("\"use_bias\"")
            && text.contains("\"init\":")
        guard isOld || (version == nil && speaksSo) else { return }
        throw ModelFileError(
            .refused, origin, ["was saved by Keras \(version ?? "1"), whose files are not read"],
            advice: "Load it in Keras 2.0 to 2.3, which still read them, and save it again with model.save('model.h5')")
    }

    /// A file without a version is Keras 3's if it speaks as only Keras 3 does.
    private static func dialect(_ version: String?, _ configuration: String) -> Architecture.Dialect {
        guard let version, let major = version.split(separator: ".").first.flatMap({ Int($0) }) else {
            return configuration.contains("\"batch_shape\"") ? .keras3 : .keras2
        }
        return major >= 3 ? .keras3 : .keras2
    }
}

// MARK: - Building and reading

extension KerasFile {
    /// Has the network follow the rules of the newest version of Keras, as one that is trained from now on.
    public mutating func renew() {
        architecture.renew()
        listed?.renew()
    }

    /// Builds the graph and checks that the file's weights fit it.
    ///
    /// - Parameter inputs: The shapes of the inputs, where the model leaves lengths open.
    public func graph(inputs: [Shape]? = nil) throws(ModelFileError) -> BuiltArchitecture {
        let built = try architecture.graph(inputs: inputs)
        let match = WeightMatch(built, outline)
        if match.problems.isEmpty { return built }
        for architecture in [architecture, listed].compactMap(\.self) {
            if let other = try matching(architecture, inputs) { return other }
        }
        throw ModelFileError(.refused, path, match.problems)
    }

    /// The graph of an architecture, if the file's weights fit it.
    private func matching(_ architecture: Architecture, _ inputs: [Shape]?) throws(ModelFileError) -> BuiltArchitecture?
    {
        let built = try architecture.graph(inputs: inputs)
        let match = WeightMatch(built, outline)
        if match.problems.isEmpty { return built }
        // A GRU that does not say so has its reset gate where the rank of its bias says.
        guard let other = architecture.withResetBefore(in: match.flatBiasLayers) else { return nil }
        let rebuilt = try other.graph(inputs: inputs)
        return WeightMatch(rebuilt, outline).problems.isEmpty ? rebuilt : nil
    }

    /// Reads the whole model.
    public func network(inputs: [Shape]? = nil) throws -> (built: BuiltArchitecture, network: Network) {
        let built = try graph(inputs: inputs)
        return (built, try network(built))
    }

    /// Reads the weights of a graph that `graph(inputs:)` has built.
    public func network(_ built: BuiltArchitecture) throws -> Network {
        Network(built.graph, weights: try read(built))
    }

    /// Reads the weights straight into the place where the network uses them.
    ///
    /// Runs of float32 are read from where they lie; whatever has to be converted or decompressed, a process of its own
    /// writes into the same memory.
    private func read(_ built: BuiltArchitecture) throws -> ParameterVector {
        let pairs = WeightMatch(built, outline).pairs
        let requests = pairs.filter { $0.stored.offset == nil && $0.layout == nil }.map { slot, stored, _ in
            ModelReader.Request(
                path: stored.path, place: slot.entry.offset, count: slot.entry.spec.shape.elementCount)
        }
        let weights =
            requests.isEmpty
            ? ParameterVector(zeros: built.graph.layout)
            : try ReadingService.weights(built.graph.layout, requests, of: path)
        let file = try FloatRuns(opening: path)
        var problems: [String] = []
        for (slot, stored, layout) in pairs {
            let tensor = weights[slot.entry]
            var notFinite = 0
            if let layout {
                layout.convert(try numbers(stored, file), into: tensor)
                notFinite = countNotFinite(tensor)
            } else {
                for start in stride(from: 0, to: tensor.elementCount, by: Self.blockCount) {
                    // What has just been read is checked while the processor still has it at hand.
                    let block = tensor.slice(at: start, count: min(Self.blockCount, tensor.elementCount - start))
                    if let offset = stored.offset {
                        let place = offset + start * MemoryLayout<Float>.size
                        try block.withMutableSpan { span throws(HDF5Error) in try file.read(at: place, into: &span) }
                    }
                    notFinite += countNotFinite(block)
                }
            }
            if let factors = stored.lowRank { try factors.add(to: tensor, scale: slot.layer.lowRankScale, from: path) }
            if let problem = slot.problem(with: tensor, notFinite: notFinite) { problems.append("\(slot): \(problem)") }
        }
        guard problems.isEmpty else {
            throw ModelFileError(
                .refused, path, problems,
                advice: "Such a model predicts nothing; it was probably saved after its training had diverged")
        }
        return weights
    }

    /// The numbers of a dataset by themselves.
    private func numbers(_ stored: ModelOutline.Weight, _ file: borrowing FloatRuns) throws -> [Float] {
        let count = stored.shape.reduce(1, *)
        guard let offset = stored.offset else {
            return try ReadingService.numbers(
                [ModelReader.Request(path: stored.path, place: 0, count: count)], of: path)
        }
        var numbers = [Float](repeating: 0, count: count), span = numbers.mutableSpan
        try file.read(at: offset, into: &span)
        return numbers
    }

    /// Numbers read at a time: what fits into a processor's cache.
    private static let blockCount = 1 << 18
}

extension WeightSlot {
    /// What is wrong with the numbers of a parameter.
    fileprivate func problem(with tensor: Tensor, notFinite: Int) -> String? {
        if notFinite > 0 {
            return "\(grouped(notFinite)) of \(grouped(tensor.elementCount)) numbers are NaN or infinite"
        }
        guard entry.spec.name == "moving_variance" else { return nil }
        let negative = tensor.values.count { $0 < 0 }
        if negative > 0 {
            return "\(grouped(negative)) of \(grouped(tensor.elementCount)) variances are negative"
        }
        return nil
    }
}
