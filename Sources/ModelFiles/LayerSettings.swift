import Kernels
import Networks
import Tensors

/// The options of one layer, read by Keras's names.
///
/// It notes what is wrong, which options the layer knows, and what has to be written down to build the same layer
/// again: the options that are not as Keras has them by itself.
struct LayerSettings {
    let options: JSON.Object
    /// The version of Keras whose rules count.
    let version: KerasVersion
    /// Whether the network's predictions are this layer's output, so that a sigmoid must be a step of its own.
    let endsNetwork: Bool
    /// Whether people wrote the options, and may have mistyped a name.
    let isStrict: Bool
    let call: Call
    private(set) var problems: [String] = []
    private(set) var known: Set<String> = ["name"]
    private(set) var written: JSON.Object = [:]
    /// The product of all whole numbers: no size that comes of them is larger than it is times the input.
    private(set) var magnitude = 1.0

    /// No option of a network that anybody trained is larger.
    static let largestInteger = 1 << 24

    init(
        _ options: JSON.Object, version: KerasVersion, isStrict: Bool = false, endsNetwork: Bool = false,
        call: Call = Call()
    ) {
        self.options = options
        self.call = call
        self.version = version
        self.isStrict = isStrict
        self.endsNetwork = endsNetwork
    }

    var dialect: Architecture.Dialect { version.dialect }

    /// The end of an error about a name that is not known.
    func suggestion(for name: String, among known: some Collection<String>) -> String {
        isStrict ? didYouMean(name, known) : ""
    }

    mutating func fail(_ problem: String) { problems.append(problem) }

    /// Writes an option down although nobody reads it.
    mutating func write(_ value: JSON, to name: String) { written[name] = value }

    /// Leaves out an option that was to be written down.
    mutating func remove(_ name: String) { written[name] = nil }

    /// Writes an option down, its default too, by another name.
    mutating func rename(_ name: String, to other: String, default fallback: Double) {
        written[other] = written[name] ?? .number(fallback)
        written[name] = nil
    }

    /// Refuses a layer whose weights were rounded to a few levels.
    mutating func refuseQuantized() {
        guard let config = find(["quantization_config"]) else { return }
        let kind = config["class_name"]?.string ?? "\(config)"
        fail("is quantized (\(kind)), and only floating-point weights are read. Save the model before model.quantize")
    }

    /// Names options that are read elsewhere.
    mutating func know(_ names: [String]) { known.formUnion(names) }

    /// Takes over what was found out about a layer inside this one.
    ///
    /// - Parameter other: A layer that was taken over before and reads the same: the larger sizes of both count.
    mutating func absorb(_ inner: LayerSettings, _ place: String, beside other: LayerSettings? = nil) {
        problems += inner.problems.map { "\(place): \($0)" }
        magnitude *= other.map { max(inner.magnitude / $0.magnitude, 1) } ?? inner.magnitude
        unknownInside += inner.unknown
    }

    private var unknownInside: [String] = []

    /// The options that were given and that nothing reads.
    var unknown: [String] { options.keys.filter { !known.contains($0) } + unknownInside }

    /// The class that builds it again, if that is another one.
    private(set) var writtenClass: String?

    mutating func write(asClass className: String) { writtenClass = className }

    /// The layer that does what an operation does, but for masks.
    private(set) var offered: (className: String, options: JSON.Object)?

    mutating func offer(_ className: String, _ options: JSON.Object) { offered = (className, options) }

    // MARK: How it is called

    /// How every call of a layer passes what it passes.
    struct Call {
        var inputCount = 1
        /// How many results others read, at least.
        var resultCount = 1
        /// Names of the last inputs.
        var keywords: [String] = []
        var arguments: JSON.Object = [:]
    }

    /// The arguments that make the same call again.
    private(set) var passed: JSON.Object = [:]
    /// What each input is called, where calls name them.
    private(set) var inputNames: [String] = []
    private var knownArguments: Set<String> = []

    /// The arguments of its calls that nothing reads, and that change something.
    var unreadArguments: [String] {
        (call.arguments.members.filter { !$0.value.isNull && $0.value != false }.map(\.key) + call.keywords)
            .filter { !knownArguments.contains($0) }
    }

    mutating func pass(_ name: String, _ value: JSON) { passed[name] = value }

    /// Reads an argument of the call that is false by default.
    mutating func argument(_ name: String) -> Bool {
        knownArguments.insert(name)
        guard let value = call.arguments[name], !value.isNull, value != false else { return false }
        guard value == true else {
            fail("argument '\(name)': expected true or false, found \(value.quoted)")
            return false
        }
        pass(name, true)
        return true
    }

    /// Finds out which input is what.
    ///
    /// - Parameters:
    ///   - names: What the inputs are called in the order of the call; the first two must be there.
    ///   - others: Names of inputs that a call passes by name alone.
    /// - Returns: The positions of the inputs; nil after a problem.
    mutating func namedInputs(_ names: [String], byKeyword others: [String]) -> [String: Int]? {
        knownArguments.formUnion(names + others)
        let positional = call.inputCount - call.keywords.count
        inputNames = Array(names.prefix(positional)) + call.keywords
        let isComplete = positional <= names.count && names.prefix(2).allSatisfy(inputNames.contains)
        guard isComplete, Set(inputNames).count == inputNames.count else {
            fail("is called with \(positional) inputs and \(call.keywords), expected \(names.joined(separator: ", "))")
            return nil
        }
        return Dictionary(uniqueKeysWithValues: zip(inputNames, inputNames.indices))
    }

    // MARK: One option

    /// The value of an option, or nil if it is missing or null.
    private mutating func find(_ names: [String]) -> JSON? {
        known.formUnion(names)
        return names.lazy.compactMap { [options] in options[$0] }.first { !$0.isNull }
    }

    /// Reads an option; `fallback` nil means that it must be there.
    private mutating func read<Value: Equatable>(
        _ name: String, alias: String? = nil, _ fallback: Value?, _ expected: String, placeholder: Value,
        parse: (JSON) -> Value?, write: (Value) -> JSON
    ) -> Value {
        guard let json = find([name] + (alias.map { [$0] } ?? [])) else {
            guard let fallback else {
                fail("has no '\(name)'")
                return placeholder
            }
            return fallback
        }
        guard let value = parse(json) else {
            fail("option '\(name)': expected \(expected), found \(json.quoted)")
            return placeholder
        }
        if value != fallback { written[name] = write(value) }
        return value
    }

    /// - Parameter power: How often sizes have it as a factor.
    mutating func integer(
        _ name: String, default fallback: Int? = nil, in range: ClosedRange<Int>? = nil, power: Int = 1
    ) -> Int {
        let range = range ?? 1...Self.largestInteger
        let value = read(
            name, fallback, "a whole number from \(range.lowerBound) to \(range.upperBound)",
            placeholder: range.lowerBound,
            parse: { $0.integer.flatMap { range.contains($0) ? $0 : nil } }, write: { .integer($0) })
        for _ in 0..<power { magnitude *= Double(max(abs(value), 1)) }
        return value
    }

    /// A number for each of `count` axes, or one for all of them.
    mutating func axes(
        _ name: String, count: Int, default fallback: [Int]? = nil, in range: ClosedRange<Int>? = nil
    ) -> [Int] {
        let range = range ?? 1...Self.largestInteger
        let expected = count == 1 ? "a whole number" : "a whole number, or a list of \(count)"
        let value = read(
            name, fallback, "\(expected), from \(range.lowerBound) to \(range.upperBound)",
            placeholder: Array(repeating: range.lowerBound, count: count),
            parse: { json in
                let list = json.array?.compactMap(\.integer) ?? json.integer.map { Array(repeating: $0, count: count) }
                return list.flatMap { $0.count == count && $0.allSatisfy(range.contains) ? $0 : nil }
            },
            write: { Set($0).count == 1 ? .integer($0[0]) : .array($0.map { .integer($0) }) })
        for axis in value { magnitude *= Double(max(abs(axis), 1)) }
        return value
    }

    /// Says that sizes grow by a number that is read elsewhere.
    mutating func enlarge(by factor: Int) { magnitude *= Double(max(factor, 1)) }

    /// A list of whole numbers of any length, or one.
    ///
    /// - Parameter most: The longest list.
    mutating func integers(_ name: String, default fallback: [Int]? = nil, most: Int = 16) -> [Int] {
        let limit = Self.largestInteger
        let value = read(
            name, fallback, "a list of whole numbers", placeholder: [],
            parse: { json in
                let list = json.array?.compactMap(\.integer) ?? json.integer.map { [$0] }
                return list.flatMap { list in
                    list.count == json.array?.count ?? 1 && list.count <= most
                        && list.allSatisfy { (-limit...limit).contains($0) } ? list : nil
                }
            },
            write: { .array($0.map { .integer($0) }) })
        for axis in value { magnitude *= Double(max(abs(axis), 1)) }
        return value
    }

    mutating func number(_ name: String, alias: String? = nil, default fallback: Double? = nil) -> Float {
        Float(
            read(
                name, alias: alias, fallback, "a number", placeholder: 0,
                parse: { $0.number.flatMap { $0.isFinite ? $0 : nil } }, write: { .number($0) }))
    }

    /// One number, or a list of them, perhaps in further lists.
    mutating func numbers(_ name: String, default fallback: [Double]? = nil) -> [Float] {
        read(
            name, fallback, "a number or a list of numbers", placeholder: [0],
            parse: { Self.numbers($0) }, write: { $0.count == 1 ? .number($0[0]) : .array($0.map { .number($0) }) }
        ).map { Float($0) }
    }

    private static func numbers(_ json: JSON) -> [Double]? {
        if let number = json.number { return number.isFinite ? [number] : nil }
        guard let list = json.array, !list.isEmpty else { return nil }
        let parts = list.compactMap(numbers)
        // Lists around lists are axes of size 1, as in [[[1, 2, 3]]].
        guard parts.count == list.count, list.count == 1 || parts.allSatisfy({ $0.count == 1 }) else { return nil }
        return Array(parts.joined())
    }

    mutating func bool(_ name: String, default fallback: Bool) -> Bool {
        read(
            name, fallback, "true or false", placeholder: fallback,
            parse: { json in json.bool ?? json.integer.flatMap { $0 == 0 ? false : $0 == 1 ? true : nil } },
            write: { .bool($0) })
    }

    mutating func word(_ name: String, default fallback: String, of words: [String]) -> String {
        read(
            name, fallback, words.map { "'\($0)'" }.joined(separator: " or "), placeholder: fallback,
            parse: { $0.string.flatMap { words.contains($0) ? $0 : nil } }, write: { .string($0) })
    }

    /// Any text; missing or null it is the default.
    mutating func text(_ name: String, default fallback: String? = nil) -> String {
        read(name, fallback, "a text", placeholder: "", parse: { $0.string }, write: { .string($0) })
    }

    /// The extents of some axes, nil for those that the input decides.
    mutating func openShape(_ name: String) -> [Int?] {
        let limit = Self.largestInteger
        let value = read(
            name, nil, "a whole number, or a list of them and null", placeholder: [],
            parse: { json -> [Int?]? in
                let axes = json.array ?? [json]
                let isValid = axes.allSatisfy { $0.isNull || (1...limit).contains($0.integer ?? 0) }
                return isValid && axes.count <= 16 ? axes.map(\.integer) : nil
            },
            write: { .array($0.map { $0.map { .integer($0) } ?? .null }) })
        for axis in value { magnitude *= Double(axis ?? 1) }
        return value
    }

    mutating func padding(allowsCausal: Bool = false) -> Padding {
        let words = ["valid", "same"] + (allowsCausal ? ["causal"] : [])
        return Padding(rawValue: word("padding", default: "valid", of: words)) ?? .valid
    }

    /// Cells before and after each of `count` axes: one number, one for each axis, or a pair for each axis.
    mutating func margins(_ name: String, count: Int, default fallback: Int) -> [[Int]] {
        let value = read(
            name, Array(repeating: [fallback, fallback], count: count),
            "a whole number, or \(count == 1 ? "two" : "two numbers or two pairs")",
            placeholder: Array(repeating: [0, 0], count: count),
            parse: { Self.margins($0, count: count) },
            write: { pairs in
                let lists = pairs.map { JSON.array($0.map { .integer($0) }) }
                return count == 1 ? lists[0] : .array(lists)
            })
        for number in value.joined() { magnitude *= Double(max(number, 1)) }
        return value
    }

    private static func margins(_ json: JSON, count: Int) -> [[Int]]? {
        func valid(_ number: Int?) -> Int? { number.flatMap { (0...largestInteger).contains($0) ? $0 : nil } }
        if let number = valid(json.integer) { return Array(repeating: [number, number], count: count) }
        guard let list = json.array, list.count == 2 else { return nil }
        let numbers = list.compactMap { valid($0.integer) }
        if numbers.count == 2 { return count == 1 ? [numbers] : numbers.map { [$0, $0] } }
        let pairs = list.map { ($0.array ?? []).compactMap { valid($0.integer) } }
        return count == 2 && pairs.allSatisfy { $0.count == 2 } ? pairs : nil
    }

    /// Refuses an option that is set to anything but `value`.
    mutating func require(_ name: String, _ value: JSON, or others: JSON...) {
        guard let found = find([name]), found != value, !others.contains(found) else { return }
        fail("option '\(name)': only \(value.quoted) is supported, found \(found.quoted)")
    }

    /// Whether the channels of the layer's data are their first axis.
    mutating func channelsFirst() -> Bool {
        word("data_format", default: "channels_last", of: ["channels_last", "channels_first"]) == "channels_first"
    }

    /// A number, or lists of numbers in lists, all of the same lengths; and these lengths, without leading ones.
    mutating func array(_ name: String) -> (shape: [Int], values: [Float]) {
        guard let json = find([name]) else {
            fail("has no '\(name)'")
            return ([], [0])
        }
        guard let (shape, values) = Self.array(json, depth: 0) else {
            fail("option '\(name)': expected a number, or lists of numbers of the same lengths, found \(json.quoted)")
            return ([], [0])
        }
        written[name] = json
        return (Array(shape.drop { $0 == 1 }), values.map { Float($0) })
    }

    private static func array(_ json: JSON, depth: Int) -> (shape: [Int], values: [Double])? {
        if let number = json.number { return number.isFinite ? ([], [number]) : nil }
        guard let list = json.array, !list.isEmpty, depth < 16 else { return nil }
        let parts = list.compactMap { array($0, depth: depth + 1) }
        guard parts.count == list.count, parts.allSatisfy({ $0.shape == parts[0].shape }) else { return nil }
        return ([list.count] + parts[0].shape, parts.flatMap(\.values))
    }
}

// MARK: - Activations and first values

extension LayerSettings {
    /// An activation of one number at a time, or steps of their own.
    enum NamedActivation: Sendable {
        case elementwise(Activation)
        /// A function of all channels, or a layer of Keras that stands in an activation's place.
        case layers([LayerPart])
    }

    mutating func activation(_ name: String = "activation", default fallback: String = "linear") -> NamedActivation {
        if let layers = activationLayer(name) { return .layers(layers) }
        let word = read(
            name, fallback, "the name of an activation function", placeholder: fallback,
            parse: { json in
                // Keras 3 may write the object of a function, whose configuration is its name.
                let name = json.string ?? (json["class_name"] == "function" ? json["config"]?.string : nil)
                // As TensorFlow calls its own functions: softmax_v2.
                return name.map { $0.hasSuffix("_v2") ? String($0.dropLast(3)) : $0 }
            }, write: { .string($0) })
        switch word {
        case "softmax": return .layers([LayerPart(Softmax())])
        case "log_softmax": return .layers([LayerPart(LogSoftmax())])
        case "sparsemax": return .layers([LayerPart(Sparsemax())])
        case "glu": return .layers([LayerPart(GatedLinearUnit())])
        default:
            guard let activation = Activation(keras: word, isKeras2: dialect == .keras2) else {
                let names =
                    Activation.Kind.allCases.map(\.rawValue).filter { !$0.contains(" ") }
                    + ["softmax", "log_softmax", "sparsemax", "glu", "swish"]
                fail("the activation '\(word)' is not supported\(suggestion(for: word, among: names))")
                return .elementwise(Activation(.linear))
            }
            return .elementwise(activation)
        }
    }

    /// The parts of an activation that is written as a layer, such as `{"class_name": "LeakyReLU", "config": {…}}`.
    private mutating func activationLayer(_ name: String) -> [LayerPart]? {
        guard let json = options[name], let className = json["class_name"]?.string, className != "function",
            let config = json["config"]?.object
        else { return nil }
        known.insert(name)
        guard LayerCatalog.entries[className]?.isActivation == true else {
            fail("option '\(name)': the layer '\(className)' is not supported as an activation")
            return []
        }
        var inner = LayerSettings(config, version: version, isStrict: isStrict, endsNetwork: endsNetwork)
        let parts = LayerCatalog.parts(className, &inner)
        absorb(inner, "\(className) inside")
        var named: JSON.Object = config["name"].map { ["name": $0] } ?? [:]
        for member in inner.written.members { named[member.key] = member.value }
        written[name] = [
            "module": "keras.layers", "class_name": .string(className), "config": .object(named),
            "registered_name": nil,
        ]
        return parts
    }

    /// An activation inside a recurrent layer.
    mutating func cellFunction(_ name: String, default fallback: String) -> CellFunction {
        switch activation(name, default: fallback) {
        case .elementwise(let activation): return .elementwise(activation)
        case .layers(let parts):
            if parts.count == 1, parts[0].layer is Softmax { return .softmax }
            if parts.count == 1, parts[0].layer is LogSoftmax { return .logSoftmax }
            if !parts.isEmpty {
                fail("option '\(name)': \(options[name] ?? .null) is not supported inside a recurrent layer")
            }
            return .elementwise(Activation(.linear))
        }
    }

    /// How the kernel begins; Keras's names and class names.
    ///
    /// It matters to training alone, so nothing is refused that a file of Keras says.
    mutating func kernelInitializer(_ name: String = "kernel_initializer") -> Initializer {
        known.insert(name)
        let word = options[name]?.string ?? options[name]?["class_name"]?.string
        switch word {
        case "he_normal", "HeNormal": return .heNormal
        case "orthogonal", "Orthogonal": return .orthogonal
        case "zeros", "Zeros": return .zeros
        case "ones", "Ones": return .ones
        case "glorot_uniform", "GlorotUniform", nil: return .glorotUniform
        default:
            if options[name]?.string != nil {
                fail(
                    "option '\(name)': expected glorot_uniform, he_normal, orthogonal, zeros or ones, found \(word ?? "")"
                )
            }
            return .glorotUniform
        }
    }
}
