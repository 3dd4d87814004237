import Kernels
public import Networks
public import Tensors

/// An architecture whose every layer was found, checked and wired.
public struct BuiltArchitecture: Sendable {
    public let architecture: Architecture
    public let graph: LayerGraph
    /// What each layer of the architecture became, in its order.
    let layers: [Layer]

    struct Layer: Sendable {
        /// The graph's names of its parts, in the order of their weights.
        var parts: [Part] = []
        /// The part whose output is the layer's first result.
        var output: Part?
        /// The options that build it again, in the words of both versions of Keras.
        var written: JSON.Object = [:]
        /// The class that these options are for.
        var className = ""
        /// What its calls pass by name, and what their inputs are called, if they have names.
        var arguments: JSON.Object = [:]
        var inputNames: [String] = []
        /// A layer that may stand for an operation where no mask comes in.
        var offered: (className: String, options: JSON.Object)?
        var readsMask = false
    }

    /// Everything that a layer may read.
    let values: [Architecture.Source: LayerGraph.Value]

    /// What a layer of the architecture gives, at its first call; nil where there is no such layer.
    public func value(of layer: String) -> LayerGraph.Value? { values[Architecture.Source(layer)] }

    /// The names of the architecture's layers, in its order.
    public var layerNames: [String] { architecture.layers.map(\.name) }

    /// The class as which a layer is written: of an operation that of the layer that may stand for it.
    func writtenClass(_ position: Int) -> String {
        let layer = layers[position]
        guard let offered = layer.offered, KerasOperation.named(layer.className) == nil || !layer.readsMask else {
            return layer.className
        }
        return offered.className
    }

    struct Part: Sendable {
        let name: String
        let suffix: String
        let id: LayerGraph.LayerID
    }
}

extension Architecture {
    /// Builds the graph, or says everything that stands in the way.
    ///
    /// - Parameter inputs: The shapes of the inputs, where the architecture leaves lengths open.
    public func graph(inputs: [Shape]? = nil) throws(ModelFileError) -> BuiltArchitecture {
        var builder = GraphBuilder(self)
        let built = try builder.build(inputs: inputs)
        try built.refuseUnknownMasks()
        return built
    }
}

private struct GraphBuilder {
    private let architecture: Architecture
    private var graph = LayerGraph()
    private var problems: [String] = []
    private var recipes: [(parts: [LayerPart], magnitude: Double)] = []
    private var layers: [BuiltArchitecture.Layer] = []
    private var values: [Architecture.Source: LayerGraph.Value] = [:]
    /// What the part that computed each result read, to find the logits.
    private var reads: [Architecture.Source: LayerGraph.Value] = [:]

    /// Numbers in one example of a value, at most: a gibibyte.
    private static let valueLimit = 1 << 28
    /// No product of sizes may come near what an Int holds.
    private static let magnitudeLimit = 0x1p50

    init(_ architecture: Architecture) { self.architecture = architecture }

    mutating func build(inputs: [Shape]?) throws(ModelFileError) -> BuiltArchitecture {
        findParts()
        try refuseProblems()
        try addInputs(inputs)
        defineLayers()
        callLayers()
        try refuseProblems()
        finish()
        return BuiltArchitecture(architecture: architecture, graph: graph, layers: layers, values: values)
    }

    private func refuseProblems() throws(ModelFileError) {
        if !problems.isEmpty { throw ModelFileError(.refused, architecture.origin, problems) }
    }

    /// Finds the parts of every layer, and everything that is wrong with its options.
    private mutating func findParts() {
        let ends = Set(architecture.ends.map(\.layer))
        var results: [String: Int] = [:], refused: [LayerProblem] = []
        for source in architecture.layers.flatMap({ $0.calls.joined() }) + architecture.outputs {
            results[source.layer] = max(results[source.layer] ?? 1, source.tensor + 1)
        }
        for layer in architecture.layers {
            var settings = LayerSettings(
                layer.options, version: architecture.rules, isStrict: architecture.isStrict,
                endsNetwork: ends.contains(layer.name),
                call: LayerSettings.Call(
                    inputCount: (layer.calls.first?.count ?? 0) - (layer.hasExplicitMask ? 1 : 0),
                    resultCount: results[layer.name] ?? 1,
                    keywords: layer.hasExplicitMask ? layer.keywords.dropLast() : layer.keywords,
                    arguments: layer.arguments))
            let parts = LayerCatalog.parts(layer.className, &settings)
            var found = settings.problems
            if layer.hasExplicitMask && settings.call.inputCount != 1 {
                found.append("is called with 'mask' and \(settings.call.inputCount) inputs, which is not supported")
            }
            if LayerCatalog.entries[layer.className] != nil {
                found += settings.unreadArguments.map { "is called with '\($0)', which is not supported" }
            }
            if architecture.isStrict && LayerCatalog.entries[layer.className] != nil {
                found += settings.unknown.map { option in
                    "there is no option '\(option)'\(didYouMean(option, settings.known))"
                }
            }
            if layer.line == nil {
                refused += found.map { LayerProblem(name: layer.name, className: layer.className, text: $0) }
            } else {
                problems += found.map { "\(layer.place): \($0)" }
            }
            recipes.append((parts, settings.magnitude))
            layers.append(
                BuiltArchitecture.Layer(
                    written: settings.written, className: settings.writtenClass ?? layer.className,
                    arguments: settings.passed,
                    inputNames: layer.hasExplicitMask
                        ? ["inputs", KerasConfiguration.maskKeyword] : settings.inputNames,
                    offered: settings.offered))
        }
        problems += LayerProblem.grouped(refused)
    }

    private mutating func addInputs(_ given: [Shape]?) throws(ModelFileError) {
        if let given, given.count != architecture.inputs.count {
            throw ModelFileError(
                .refused, architecture.origin, ["takes \(architecture.inputs.count) inputs, found \(given.count)"])
        }
        for (position, input) in architecture.inputs.enumerated() {
            let axes: [Int]
            if let given {
                axes = given[position].axes
                guard axes.count == input.axes.count, zip(axes, input.axes).allSatisfy({ $1 == nil || $0 == $1 }) else {
                    problems.append("input '\(input.name)': expected shape \(shape(input)), found \(given[position])")
                    continue
                }
            } else {
                axes = input.axes.compactMap(\.self)
                guard axes.count == input.axes.count else {
                    problems.append("input '\(input.name)' leaves a length open: \(shape(input))")
                    continue
                }
            }
            guard axes.reduce(1.0, { $0 * Double($1) }) <= Double(Self.valueLimit), axes.allSatisfy({ $0 > 0 }) else {
                problems.append("input '\(input.name)' has the shape \(shape(input)), more than a gibibyte an example")
                continue
            }
            values[Architecture.Source(input.name)] = graph.addInput(Shape(axes))
        }
        try refuseProblems()
    }

    private func shape(_ input: Architecture.Input) -> String {
        "(\(input.axes.map { $0.map(String.init) ?? "?" }.joined(separator: ", ")))"
    }

    private mutating func defineLayers() {
        var names = Set(architecture.layers.map(\.name))
        for (index, layer) in architecture.layers.enumerated() {
            for part in recipes[index].parts {
                var name = layer.name
                if !part.suffix.isEmpty {
                    name += "/" + part.suffix
                    while !names.insert(name).inserted { name += "_" }
                }
                let id = graph.define(name, part.layer)
                layers[index].parts.append(
                    BuiltArchitecture.Part(name: name, suffix: part.suffix, id: id))
            }
            layers[index].output = recipes[index].parts.results.first.map { layers[index].parts[$0] }
        }
    }

    // MARK: Calls

    private struct Call {
        let layer: Int
        let number: Int
    }

    /// Makes every call whose inputs can be computed, in such an order.
    private mutating func callLayers() {
        var readers: [Architecture.Source: [Call]] = [:], waiting: [[Int]] = []
        var ready: [Call] = []
        let produced = Dictionary(
            zip(architecture.layers, recipes).flatMap { layer, hyperparameters in
                layer.calls.indices.map {
                    (Architecture.Source(layer.name, call: $0), hyperparameters.parts.results.count)
                }
            }, uniquingKeysWith: { first, _ in first })
        for (index, layer) in architecture.layers.enumerated() {
            waiting.append([])
            for (number, sources) in layer.calls.enumerated() {
                var seen: Set<Architecture.Source> = []
                let missing = sources.filter { values[$0] == nil && seen.insert($0).inserted }
                waiting[index].append(missing.count)
                for source in missing {
                    readers[source, default: []].append(Call(layer: index, number: number))
                    if let problem = problem(source, produced) { problems.append("\(layer.place): reads \(problem)") }
                }
                if missing.isEmpty { ready.append(Call(layer: index, number: number)) }
            }
        }
        if architecture.isStrict { refuseUnread() }
        guard problems.isEmpty else { return }
        if recipes.contains(where: { $0.parts.contains { ($0.layer as? MultiHeadAttention)?.takesMasks ?? false } }) {
            return callAsKeras(produced)
        }
        var next = 0
        while next < ready.count {
            let call = ready[next]
            next += 1
            for source in perform(call) {
                for reader in readers[source] ?? [] {
                    waiting[reader.layer][reader.number] -= 1
                    if waiting[reader.layer][reader.number] == 0 { ready.append(reader) }
                }
            }
        }
        refuseUncomputed(produced)
    }

    /// Makes the calls in Keras's order, for layers that change what others find.
    private mutating func callAsKeras(_ produced: [Architecture.Source: Int]) {
        let positions = Dictionary(
            architecture.layers.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        let order = kerasExecution(outputs: architecture.outputs.map { LayerCall(layer: $0.layer, number: $0.call) }) {
            [architecture] call in
            guard let position = positions[call.layer],
                architecture.layers[position].calls.indices.contains(call.number)
            else { return [] }
            return architecture.layers[position].calls[call.number].map { LayerCall(layer: $0.layer, number: $0.call) }
        }
        let called = Set(order)
        let others = architecture.layers.flatMap { layer in
            layer.calls.indices.map { LayerCall(layer: layer.name, number: $0) }.filter { !called.contains($0) }
        }
        var waiting = order + others, isStuck = false
        while !waiting.isEmpty && !isStuck {
            let left = waiting.filter { call in
                guard let position = positions[call.layer] else { return false }
                let sources = architecture.layers[position].calls[call.number]
                guard sources.allSatisfy({ values[$0] != nil }) else { return true }
                _ = perform(Call(layer: position, number: call.number))
                return false
            }
            isStuck = left.count == waiting.count
            waiting = left
        }
        refuseUncomputed(produced)
    }

    /// What is wrong with a source that is no input, if anything is.
    ///
    /// - Parameter produced: How many results each call has.
    private func problem(_ source: Architecture.Source, _ produced: [Architecture.Source: Int]) -> String? {
        guard let count = produced[Architecture.Source(source.layer, call: source.call)] else {
            return "'\(source.layer)', and there is no such layer"
        }
        guard !(0..<count).contains(source.tensor) else { return nil }
        let counted = count == 1 ? "one" : "\(count)"
        return "result \(source.tensor) of '\(source.layer)', which has \(counted), counted from 0"
    }

    /// A layer that leads nowhere is a mistake in a file written by hand.
    private mutating func refuseUnread() {
        let read = Set(
            architecture.layers.flatMap { $0.calls.joined().map(\.layer) } + architecture.outputs.map(\.layer))
        for layer in architecture.layers where !read.contains(layer.name) {
            problems.append("\(layer.place): nothing reads it")
        }
    }

    /// Without other problems, what cannot be computed reads itself, directly or by others.
    private mutating func refuseUncomputed(_ produced: [Architecture.Source: Int]) {
        guard problems.isEmpty else { return }
        for layer in architecture.layers
        where layer.calls.indices.contains(where: { values[Architecture.Source(layer.name, call: $0)] == nil }) {
            problems.append("\(layer.place): cannot be computed, its inputs go round in a circle")
        }
        for output in architecture.outputs where problems.isEmpty && values[output] == nil {
            problems.append("an output is \(problem(output, produced) ?? "'\(output.layer)', which is not computed")")
        }
    }

    /// Makes one call, and notes its results.
    ///
    /// - Returns: The results; none after a problem.
    private mutating func perform(_ call: Call) -> [Architecture.Source] {
        let layer = architecture.layers[call.layer], hyperparameters = recipes[call.layer]
        var inputs = layer.calls[call.number].compactMap { values[$0] }
        guard !inputs.isEmpty else {
            problems.append("\(layer.place): reads nothing")
            return []
        }
        if let problem = unlikeMembers(layer) {
            problems.append(problem)
            return []
        }
        if layer.hasExplicitMask, let mask = inputs.popLast(), let first = inputs.first {
            do throws(ShapeError) {
                let name = graph.freeName("\(layer.name)/mask")
                inputs[0] = try graph.add(name, MaskAttachment(), to: [first, mask])
            } catch {
                problems.append("\(layer.place): is called with 'mask': \(error)")
                return []
            }
        }
        if inputs.contains(where: graph.isMasked) { layers[call.layer].readsMask = true }
        let elementCount = inputs.reduce(1.0) { max($0, Double(graph.shape(of: $1).elementCount)) }
        guard elementCount * hyperparameters.magnitude <= Self.magnitudeLimit else {
            problems.append("\(layer.place): its sizes are beyond what any computer holds")
            return []
        }
        if inputs.contains(where: graph.isMasked), let problem = maskProblem(layer, inputs, hyperparameters.parts) {
            problems.append("\(layer.place): \(problem)")
            return []
        }
        let used = hyperparameters.parts.map { $0.readCount(of: inputs.count) }.max() ?? 0
        guard used == inputs.count else {
            problems.append("\(layer.place): reads \(inputs.count) values, of which it uses \(used)")
            return []
        }
        var results: [LayerGraph.Value] = [], reads: [LayerGraph.Value?] = []
        for (position, part) in hyperparameters.parts.enumerated() {
            let read = part.reads(inputs, results)
            do throws(ShapeError) {
                let id = layers[call.layer].parts[position].id
                let ends =
                    layer.hasExplicitMask && !architecture.rules.givenMasksGoOn
                    && hyperparameters.parts.results.contains(position)
                let passing = part.keepsMask ? LayerGraph.MaskPassing.of(inputs[0]) : part.masks
                let result = try graph.call(
                    id, read, stepAxes: part.stepAxes, masks: ends ? .dropped : passing)
                guard graph.shape(of: result).elementCount <= Self.valueLimit else {
                    problems.append("\(layer.place): its output \(graph.shape(of: result)) is more than a gibibyte")
                    return []
                }
                results.append(result)
                reads.append(read.first)
            } catch {
                problems.append("\(layer.place): \(error)")
                return []
            }
        }
        return hyperparameters.parts.results.enumerated().map { tensor, part in
            let source = Architecture.Source(layer.name, call: call.number, tensor: tensor)
            values[source] = results[part]
            self.reads[source] = reads[part]
            return source
        }
    }

    /// Why the members' predictions have no mean, if this layer is to take it: Keras's own layers would repeat the
    /// smaller ones.
    private func unlikeMembers(_ layer: Architecture.Layer) -> String? {
        guard !architecture.members.isEmpty, layer.name == architecture.outputs[0].layer else { return nil }
        let outputs = architecture.members.map { member in (member.name, values[member.output].map(graph.shape)) }
        guard Set(outputs.map(\.1)).count > 1 else { return nil }
        let list = outputs.map { "'\($0)' with \($1.map(\.description) ?? "nothing")" }.joined(separator: ", ")
        return "the members have outputs of different shapes: \(list)"
    }

    /// Why a layer cannot read a sequence with a mask.
    private func maskProblem(
        _ layer: Architecture.Layer, _ inputs: [LayerGraph.Value], _ parts: [LayerPart]
    ) -> String? {
        switch layer.className {
        case "Multiply", "Maximum", "Minimum":
            // Keras repeats a mask along the last axis alone, for each input that has as many axes as the result.
            let rank = inputs.map { graph.shape(of: $0).rank }.max() ?? 0
            let isLeftOut = parts.contains { ($0.layer as? Merge)?.leavesOutPadding == true }
            let isMasked = inputs.contains { graph.shape(of: $0).rank == rank && graph.isMasked($0) }
            return isLeftOut && isMasked && rank != 2
                ? "reads values of \(rank) axes with a mask, and masks are left out of sequences (time, features) alone"
                : nil
        case _ where !graph.isMasked(inputs[0]): return nil
        case "Softmax":
            return
                "reads a sequence with a mask, of which Keras itself cannot compute it; use Activation with 'softmax', "
                + "which leaves masks alone"
        case "BatchNormalization" where parts.count > 1 && architecture.isStrict:
            // Its training would count padding; at inference it makes no difference.
            return "normalises another axis than the last of a sequence with a mask, and is not trained so here; "
                + "put it before the mask, or normalise the last axis"
        default: return nil
        }
    }

    // MARK: Outputs

    private mutating func finish() {
        let outputs = architecture.outputs.compactMap { values[$0] }
        if let (logits, head) = mixture() { return graph.finish(outputs: outputs, logits: logits, head: head) }
        let answer = architecture.outputs[0]
        let source = architecture.outputs.count == 1 ? sourceOfSame(answer) : answer
        let head = architecture.outputs.count == 1 ? head(of: source) : .none
        let logits = head == .none ? outputs[0] : reads[source] ?? outputs[0]
        graph.finish(outputs: outputs, logits: logits, head: head)
    }

    /// The logits of an output that is a weighted mean of softmaxes, or of sigmoids: a value of its own.
    private mutating func mixture() -> (LayerGraph.Value, LayerGraph.Head)? {
        guard let mean = architecture.weightedMean else { return nil }
        let heads = mean.map { head(of: $0.source) }, logits = mean.compactMap { reads[$0.source] }
        guard let kind = heads.first, kind != .none, Set(heads).count == 1, logits.count == mean.count,
            Set(logits.map { graph.shape(of: $0) }).count == 1
        else { return nil }
        var name = architecture.outputs[0].layer + "/logits"
        while layers.contains(where: { $0.parts.contains { $0.name == name } }) { name += "_" }
        let layer = MixtureLogits(kind, shares: mean.map { Float($0.share) })
        return (try? graph.add(name, layer, to: logits)).map { ($0, kind) }
    }

    /// Where numbers come from that layers at the end leave as they are: casts of mixed precision.
    private func sourceOfSame(_ source: Architecture.Source) -> Architecture.Source {
        var source = source
        for _ in architecture.layers {
            guard let index = architecture.layers.firstIndex(where: { $0.name == source.layer }),
                recipes[index].parts.count == 1, recipes[index].parts[0].layer is Identity,
                KerasOperation.named(architecture.layers[index].className) != nil,
                architecture.layers[index].calls.count == 1,
                let next = architecture.layers[index].calls[0].first
            else { return source }
            source = next
        }
        return source
    }

    private func head(of source: Architecture.Source) -> LayerGraph.Head {
        guard let index = architecture.layers.firstIndex(where: { $0.name == source.layer }),
            architecture.layers[index].calls.count == 1
        else { return .none }
        let parts = recipes[index].parts, last = parts[parts.results[source.tensor]]
        if last.layer is Softmax { return .softmax }
        if let activation = last.layer as? ElementwiseActivation, activation.activation.kind == .sigmoid {
            return .sigmoid
        }
        return .none
    }
}
