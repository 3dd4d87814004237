/// A call of a layer in a functional model.
struct LayerCall: Hashable {
    let layer: String
    let number: Int
}

extension LayerCall {
    /// The call that gives a value.
    init(_ source: Architecture.Source) { self.init(layer: source.layer, number: source.call) }
}

/// The layers of a functional model in the order in which Keras lists them, and with them their weights, however the
/// file has them: the furthest from the outputs first, and among equals the first that a walk from the outputs meets.
///
/// Layers that no output comes from are left out, as Keras does. This is `map_graph` of Keras 3 and
/// `_map_graph_network` of Keras 2.
///
/// - Parameter reads: The calls whose results a call uses.
func kerasOrder(outputs: [LayerCall], reads: (LayerCall) -> [LayerCall]) -> [String] {
    var traversal: [String: Int] = [:]
    let finished = callsInOrder(outputs, reads) { layer in
        if traversal[layer] == nil { traversal[layer] = traversal.count }
    }
    var depths: [LayerCall: Int] = [:], layerDepths: [String: Int] = [:]
    for call in finished.reversed() {
        let depth = max(depths[call] ?? 0, layerDepths[call.layer] ?? 0)
        layerDepths[call.layer] = depth
        for read in reads(call) { depths[read] = max(depths[read] ?? 0, depth + 1) }
    }
    return traversal.keys.sorted { first, second in
        (layerDepths[second] ?? 0, traversal[first] ?? 0) < (layerDepths[first] ?? 0, traversal[second] ?? 0)
    }
}

/// The calls in the order in which Keras runs them: the deepest first, and among equals as `map_graph` of Keras 3 meets
/// them.
///
/// It matters where running a layer changes what another finds, see `MaskReading`.
func kerasExecution(outputs: [LayerCall], reads: (LayerCall) -> [LayerCall]) -> [LayerCall] {
    var depths: [LayerCall: Int] = [:], layerDepths: [String: Int] = [:], met: [LayerCall: Int] = [:]
    func meet(_ call: LayerCall) {
        if met[call] == nil { met[call] = met.count }
    }
    for call in callsInOrder(outputs, reads, enter: { _ in }).reversed() {
        meet(call)
        let depth = max(depths[call] ?? 0, layerDepths[call.layer] ?? 0)
        layerDepths[call.layer] = depth
        depths[call] = depth
        for read in reads(call) {
            meet(read)
            depths[read] = max(depths[read] ?? 0, depth + 1)
        }
    }
    return depths.keys.sorted { first, second in
        (depths[second] ?? 0, met[first] ?? 0) < (depths[first] ?? 0, met[second] ?? 0)
    }
}

/// All calls that lead to the outputs, each after those it reads.
///
/// A circle is cut where it closes.
func callsInOrder(
    _ outputs: [LayerCall], _ reads: (LayerCall) -> [LayerCall], enter: (String) -> Void
) -> [LayerCall] {
    var seen: Set<LayerCall> = [], finished: [LayerCall] = []
    for output in outputs where seen.insert(output).inserted {
        enter(output.layer)
        var open = [(call: output, rest: reads(output)[...])]
        while var current = open.popLast() {
            guard let next = current.rest.popFirst() else {
                finished.append(current.call)
                continue
            }
            open.append(current)
            if seen.insert(next).inserted {
                enter(next.layer)
                open.append((next, reads(next)[...]))
            }
        }
    }
    return finished
}

extension Architecture {
    /// The positions of the layers in the order in which Keras lists them.
    var kerasOrder: [Int] {
        guard !isChain else { return Array(layers.indices) }
        let positions = Dictionary(
            layers.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        let names = ModelFiles.kerasOrder(outputs: outputs.map { LayerCall($0) }) { reads($0, positions) }
        return names.compactMap { positions[$0] }
    }

    /// The calls whose results a call reads.
    ///
    /// - Parameter positions: Of the layers, by name.
    func reads(_ call: LayerCall, _ positions: [String: Int]) -> [LayerCall] {
        guard let position = positions[call.layer], layers[position].calls.indices.contains(call.number) else {
            return []
        }
        return layers[position].flattened(call: call.number).map { LayerCall($0) }
    }
}

extension Architecture.Layer {
    /// What a call reads, in the order in which Keras flattens the call as it is written: attention's query by position, and
    /// the others by name, sorted.
    fileprivate func flattened(call: Int) -> [Architecture.Source] {
        let sources = calls[call], positional = sources.count - keywords.count
        guard let names = LayerCatalog.entries[className]?.inputNames, (0...names.count).contains(positional) else {
            return sources
        }
        let named = zip(names.prefix(positional) + keywords, sources)
        return named.filter { $0.0 == names[0] }.map(\.1)
            + named.filter { $0.0 != names[0] }.sorted { $0.0 < $1.0 }.map(\.1)
    }
}
