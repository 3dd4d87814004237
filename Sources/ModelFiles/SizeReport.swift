import HDF5
import Networks
public import Tensors

/// How many bytes each layer of a model takes in its file.
public struct SizeReport: Hashable, Sendable {
    public struct Row: Hashable, Sendable {
        /// Keras's name of the layer, after those of the models it is in.
        public let name: String
        public let className: String
        /// The shape of one example of its output; nil where that is not known.
        public let outputShape: Shape?
        /// The numbers in the file, moving statistics included.
        public let parameters: Int
        public let size: ByteCount
        /// The types of the numbers in the file: `float32`, or `float16, float32`; empty for a layer without any.
        public let type: String
        /// Multiplications with additions for one example; nil where that is not known.
        public let multiplyAdds: Int?
        /// Its parameters, one by one.
        public let weights: [Weight]
    }

    /// A parameter of a layer, as the file has it.
    public struct Weight: Hashable, Sendable {
        /// As the layer calls it: `kernel`.
        public let name: String
        public let shape: Shape
        /// How each of its numbers is stored: `float16`, `float8 (1-3-4)`.
        public let type: String
        public let size: ByteCount

        public var bitsPerWeight: Double { Double(8 * size.bytes) / Double(max(shape.elementCount, 1)) }
    }

    /// A network among others in the file.
    public struct Member: Hashable, Sendable {
        public let name: String
        /// Its part of the mean that is the output.
        public let share: Double
        /// Its layers, and what they take.
        public let layerCount: Int
        public let parameters: Int
        public let size: ByteCount
        public let multiplyAdds: Int?
    }

    /// The file, or the architecture the report is of.
    public let path: String
    /// The layers, in the order of the model.
    public let rows: [Row]
    /// The whole file.
    public let file: ByteCount
    /// The networks side by side, of an architecture file that names such.
    public var members: [Member] = []

    /// The numbers in the file, moving statistics included.
    public var parameters: Int { rows.reduce(0) { $0 + $1.parameters } }

    /// The bytes of all numbers.
    public var weights: ByteCount { ByteCount(rows.reduce(0) { $0 + $1.size.bytes }) }

    /// What all numbers take once they are loaded: Keras and this program compute with float32.
    public var loaded: ByteCount { ByteCount(parameters * MemoryLayout<Float>.size) }

    /// What a number takes in the file, on average.
    public var bitsPerWeight: Double { Double(8 * weights.bytes) / Double(max(parameters, 1)) }

    /// Whether every number is stored as it is computed with. What layers share is in the file once.
    public var isPlain: Bool {
        rows.allSatisfy {
            $0.weights.allSatisfy {
                $0.type == "float32" && ($0.size.bytes == 0 || $0.size.bytes == 4 * $0.shape.elementCount)
            }
        }
    }

    /// What the state of an optimizer takes, which a model that only predicts does not need.
    public var optimizer = ByteCount(0)

    /// What the file takes beside the numbers: names, shapes, the architecture.
    public var overhead: ByteCount { ByteCount(file.bytes - weights.bytes - optimizer.bytes) }

    public var multiplyAdds: Int? { Self.multiplyAdds(rows[...]) }

    private static func multiplyAdds(_ rows: ArraySlice<Row>) -> Int? {
        rows.reduce(Int?(0)) { sum, row in sum.flatMap { sum in row.multiplyAdds.map { sum + $0 } } }
    }

    /// The same with what each member takes, whose layers are rows.
    fileprivate func dividing(among members: [Architecture.Member]) -> SizeReport {
        var report = self
        report.members = members.map { member in
            let rows = rows[member.layers]
            return Member(
                name: member.name, share: member.share, layerCount: rows.count,
                parameters: rows.reduce(0) { $0 + $1.parameters },
                size: ByteCount(rows.reduce(0) { $0 + $1.size.bytes }), multiplyAdds: Self.multiplyAdds(rows))
        }
        return report
    }

    /// The part of the file that a layer takes, from 0 to 1.
    public func share(of row: Row) -> Double { file.bytes == 0 ? 0 : Double(row.size.bytes) / Double(file.bytes) }

    /// The layers that take most, largest first.
    public func largest(_ count: Int) -> [Row] {
        Array(rows.filter { $0.size.bytes > 0 }.sorted { $0.size > $1.size }.prefix(count))
    }

    /// The layers in the words of an error: `hidden (1,024 bytes), logits (40 bytes)`.
    public func largestInWords(_ count: Int = 3) -> String {
        largest(count).map { "\($0.name) (\($0.size))" }.joined(separator: ", ")
    }

    /// The keys and values of `inspect --json`.
    public var json: JSON {
        var object: JSON.Object = [
            "path": .string(path), "parameters": .integer(parameters), "bytes": .integer(file.bytes),
            "weights_bytes": .integer(weights.bytes), "bits_per_weight": .number(bitsPerWeight),
            "loaded_bytes": .integer(loaded.bytes),
            "layers": .array(rows.map(\.json)),
        ]
        if optimizer.bytes > 0 { object["optimizer_bytes"] = .integer(optimizer.bytes) }
        if !members.isEmpty { object["members"] = .array(members.map(\.json)) }
        return .object(object)
    }
}

extension SizeReport.Member {
    fileprivate var json: JSON {
        [
            "name": .string(name), "share": .number(share), "layers": .integer(layerCount),
            "parameters": .integer(parameters), "bytes": .integer(size.bytes),
            "multiply_adds": multiplyAdds.map { .integer($0) } ?? nil,
        ]
    }
}

extension SizeReport.Row {
    fileprivate var json: JSON {
        [
            "name": .string(name), "class": .string(className),
            "output_shape": outputShape.map { .array($0.axes.map { .integer($0) }) } ?? nil,
            "parameters": .integer(parameters), "bytes": .integer(size.bytes),
            "dtype": type.isEmpty ? nil : .string(type), "multiply_adds": multiplyAdds.map { .integer($0) } ?? nil,
            "weights": .array(weights.map(\.json)),
        ]
    }
}

extension SizeReport.Weight {
    fileprivate var json: JSON {
        [
            "name": .string(name), "shape": .array(shape.axes.map { .integer($0) }), "dtype": .string(type),
            "bytes": .integer(size.bytes), "bits_per_weight": .number(bitsPerWeight),
        ]
    }
}

// MARK: - Making reports

extension BuiltArchitecture {
    /// The report of a file with the given datasets.
    func report(path: String, file: Int, stored: [(slot: WeightSlot, byteCount: Int, type: String)]) -> SizeReport {
        let multiplyAdds = graph.multiplyAdds, shapes = graph.outputShapes
        let byLayer = Dictionary(grouping: stored, by: \.slot.layerIndex)
        let rows = architecture.layers.indices.map { index in
            let layer = architecture.layers[index], parts = layers[index].parts, weights = byLayer[index] ?? []
            let types = Set(weights.map(\.type)).sorted().joined(separator: ", ")
            return SizeReport.Row(
                name: layer.name, className: layer.className,
                outputShape: layers[index].output.flatMap { shapes[$0.name] },
                parameters: weights.reduce(0) { $0 + $1.slot.entry.spec.shape.elementCount },
                size: ByteCount(weights.reduce(0) { $0 + $1.byteCount }), type: types,
                multiplyAdds: parts.reduce(0) { $0 + (multiplyAdds[$1.name] ?? 0) },
                weights: weights.map {
                    SizeReport.Weight(
                        name: $0.slot.name, shape: Shape($0.slot.shape), type: $0.type, size: ByteCount($0.byteCount))
                })
        }
        return SizeReport(path: path, rows: rows, file: ByteCount(file)).dividing(among: architecture.members)
    }
}

extension KerasFile {
    /// What each layer takes in this file.
    ///
    /// A model that cannot be run is reported as far as it is understood.
    public func sizeReport(inputs: [Shape]? = nil) -> SizeReport {
        guard let built = try? graph(inputs: inputs ?? sampleInputs) else { return roughReport }
        // What layers share is in the file once.
        var seen: Set<String> = []
        let stored = WeightMatch(built, outline).pairs.map { slot, stored, _ in
            (slot, seen.insert(stored.path).inserted ? stored.byteCount : 0, stored.type.description)
        }
        var report = built.report(path: path, file: byteCount, stored: stored)
        report.optimizer = ByteCount(outline.optimizerByteCount)
        return report
    }

    /// Shapes of inputs, with a length for those that the model leaves open: enough for a few strides and windows.
    public var sampleInputs: [Shape] {
        architecture.inputs.map { Shape($0.axes.map { $0 ?? 64 }) }
    }

    /// The layers as the groups of the file have them.
    private var roughReport: SizeReport {
        let rows = outline.groups.map { group in
            SizeReport.Row(
                name: group.name,
                className: architecture.layers.first { $0.owner == group.name || $0.store == group.name }?.className
                    ?? "",
                outputShape: nil,
                parameters: group.weights.reduce(0) { $0 + $1.shape.reduce(1, *) },
                size: ByteCount(group.weights.reduce(0) { $0 + $1.byteCount }),
                type: group.weights.first?.type.description ?? "", multiplyAdds: nil,
                weights: group.weights.map {
                    SizeReport.Weight(
                        name: $0.name, shape: Shape($0.shape), type: $0.type.description, size: ByteCount($0.byteCount))
                })
        }
        return SizeReport(
            path: path, rows: rows, file: ByteCount(byteCount), optimizer: ByteCount(outline.optimizerByteCount))
    }
}
