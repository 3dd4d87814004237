public import Tensors

/// Where each parameter lives in one run of floats: trainable ones first, then statistics.
public struct ParameterLayout: Sendable {
    public struct Entry: Sendable {
        /// The name of the graph's layer that owns it.
        public let layer: String
        public let spec: ParameterSpec
        /// The first element in the run.
        public let offset: Int
    }

    public let entries: [Entry]
    /// The trainable parameters are the elements before this one; the statistics come after.
    public let trainableExtent: Int
    /// The length of the run. Parameters begin at multiples of 16, so it is a little more than their number.
    public let extent: Int

    init(_ layers: [(name: String, specs: [ParameterSpec])]) {
        var entries: [Entry] = []
        var offset = 0, trainable = 0
        for wantsTrainable in [true, false] {
            for (name, specs) in layers {
                for spec in specs where (spec.role == .trainable) == wantsTrainable {
                    entries.append(Entry(layer: name, spec: spec, offset: offset))
                    offset += (spec.shape.elementCount + 15) / 16 * 16
                }
            }
            if wantsTrainable { trainable = offset }
        }
        self.entries = entries
        trainableExtent = trainable
        extent = offset
    }

    /// The number of parameters, statistics included.
    public var parameterCount: Int { entries.reduce(0) { $0 + $1.spec.shape.elementCount } }

    /// The number of those that training changes.
    public var trainableParameterCount: Int {
        entries.reduce(0) { $0 + ($1.spec.role == .trainable ? $1.spec.shape.elementCount : 0) }
    }

    /// Where parameter `name` of `layer` is.
    public func entry(_ layer: String, _ name: String) -> Entry? {
        entries.first { $0.layer == layer && $0.spec.name == name }
    }
}

/// A value for every parameter of a network: weights, a gradient, an average, a moment.
public struct ParameterVector: ~Copyable, Sendable {
    public let layout: ParameterLayout
    private let buffer: Buffer

    /// - Parameter inPieces: Whether pieces of it will be used alone, and what lies between them must take no memory.
    public init(zeros layout: ParameterLayout, inPieces: Bool = false) {
        self.layout = layout
        buffer = Buffer(zeros: layout.extent, inPieces: inPieces)
    }

    /// Zeros in memory that another process sees too.
    ///
    /// - Parameter file: The descriptor of a file of `layout.extent` floats.
    public init(zeros layout: ParameterLayout, sharing file: Int32) {
        self.layout = layout
        buffer = Buffer(sharing: file, count: layout.extent)
    }

    /// First values, a function of `key` alone.
    public init(initializing layout: ParameterLayout, key: RandomKey) {
        self.init(zeros: layout)
        for (index, entry) in layout.entries.enumerated() {
            entry.spec.initializer.fill(self[entry], shape: entry.spec.shape, key: key[index])
        }
    }

    /// The whole run.
    public var tensor: Tensor { buffer.tensor }

    /// One parameter.
    public subscript(entry: ParameterLayout.Entry) -> Tensor {
        buffer.tensor(at: entry.offset, shape: entry.spec.shape)
    }

    public func copy(from other: borrowing ParameterVector) { tensor.copy(from: other.tensor) }
}
