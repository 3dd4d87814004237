import Kernels
import Networks

// Recurrent layers, cells, stacks of cells, and both directions at once.

extension LayerCatalog {
    static let recurrent: [LayerEntry] = [
        LayerEntry(name: "SimpleRNN", takesStates: true, storeGroups: { _ in ["cell"] }) { layer("SimpleRNN", &$0) },
        LayerEntry(name: "LSTM", takesStates: true, storeGroups: { _ in ["cell"] }) { layer("LSTM", &$0) },
        LayerEntry(name: "GRU", takesStates: true, storeGroups: { _ in ["cell"] }) { layer("GRU", &$0) },
        LayerEntry(
            name: "RNN", remark: "over SimpleRNNCell, LSTMCell, GRUCell and StackedRNNCells", takesStates: true,
            storeGroups: { StoreNames.inner("cell", $0) }
        ) { layer("RNN", &$0) },
        LayerEntry(
            name: "CuDNNLSTM", versions: [2], hdf5: .loaded(by: [2, 3]), remark: "written as LSTM", takesStates: true,
            storeGroups: { _ in ["cell"] }
        ) { layer("CuDNNLSTM", &$0) },
        LayerEntry(
            name: "CuDNNGRU", versions: [2], hdf5: .loaded(by: [2, 3]), remark: "written as GRU", takesStates: true,
            storeGroups: { _ in ["cell"] }
        ) { layer("CuDNNGRU", &$0) },
        LayerEntry(
            name: "Bidirectional", remark: "around recurrent layers", takesStates: true,
            storeGroups: StoreNames.bothDirections
        ) { bidirectional(&$0) },
    ]

    /// Layers whose inputs behind the first are the states they begin with.
    static func takesStates(_ className: String) -> Bool { entries[className]?.takesStates == true }

    private static func layer(_ className: String, _ settings: inout LayerSettings) -> [LayerPart] {
        guard let walk = Walk(className, &settings) else { return [] }
        var direction = walk.parts("", at: 0, statesAt: 1)
        guard walk.time.returnState else { return direction.parts }
        direction.parts[direction.output].isResult = true
        return direction.parts + direction.states
    }

    // MARK: Both directions

    private static func bidirectional(_ settings: inout LayerSettings) -> [LayerPart] {
        settings.know(["layer", "backward_layer", "merge_mode"])
        let isMerged = settings.options["merge_mode"]?.isNull != true
        let mode = settings.word("merge_mode", default: "concat", of: ["concat", "sum", "mul", "ave"])
        if !isMerged { settings.write(nil, to: "merge_mode") }
        guard var forward = WrappedLayer("layer", of: &settings) else { return [] }
        guard takesStates(forward.className), forward.className != "Bidirectional" else {
            let known = recurrent.map(\.name).filter { $0 != "Bidirectional" }
            let suggestion = settings.suggestion(for: forward.className, among: known)
            settings.fail(
                "'\(forward.className)' inside Bidirectional is not supported, only recurrent layers are\(suggestion)")
            return []
        }
        let returnsSequences = forward.options["return_sequences"]?.bool ?? false
        var backward = forward
        backward.options["go_backwards"] = .bool(!(forward.options["go_backwards"]?.bool ?? false))
        if settings.options["backward_layer"]?.isNull == false {
            guard let given = WrappedLayer("backward_layer", of: &settings) else { return [] }
            backward = given
        }
        // Inside Bidirectional, padding gives zeros exactly when sequences are returned.
        forward.options["zero_output_for_mask"] = .bool(returnsSequences)
        backward.options["zero_output_for_mask"] = .bool(returnsSequences)
        var first = forward.settings(in: settings), second = backward.settings(in: settings)
        let walks = (Walk(forward.className, &first), Walk(backward.className, &second))
        settings.absorb(first, "\(forward.className) inside")
        settings.absorb(second, "\(backward.className) inside", beside: first)
        guard let ahead = walks.0, let back = walks.1 else { return [] }
        guard ahead.time.returnState == back.time.returnState,
            ahead.time.returnSequences == back.time.returnSequences
        else {
            settings.fail("'layer' and 'backward_layer' differ in 'return_sequences' or 'return_state'")
            return []
        }
        write(forward, first, backward, second, to: &settings)
        return joined(
            ahead, back, isMerged ? mergeLayer(mode, mask: settings.dialect == .keras2 ? .all : .any) : nil)
    }

    private static func mergeLayer(_ mode: String, mask: MaskRule) -> any Layer {
        switch mode {
        case "sum": Merge(.add, mask: mask)
        case "mul": Merge(.multiply, mask: mask)
        case "ave": Merge(.average, mask: mask)
        default: Concatenate(mask: mask)
        }
    }

    /// Both directions and, if there is one, the layer where they meet; then the states of both.
    private static func joined(_ ahead: Walk, _ back: Walk, _ merge: (any Layer)?) -> [LayerPart] {
        var forward = ahead.parts("forward", at: 0, statesAt: 1)
        // What runs backwards is turned around, to lie beside the other.
        var backward = back.parts(
            "backward", at: forward.parts.count, statesAt: 1 + ahead.stateCount,
            reversesOutput: back.time.returnSequences)
        let states = ahead.time.returnState ? forward.states + backward.states : []
        guard let merge else {
            forward.parts[forward.output].isResult = true
            backward.parts[backward.output - forward.parts.count].isResult = true
            return forward.parts + backward.parts + states
        }
        var meeting = LayerPart("merge", merge, inputs: [.part(forward.output), .part(backward.output)])
        meeting.isResult = true
        return forward.parts + backward.parts + [meeting] + states
    }

    /// The backward layer is written only if it is not the forward one turned around, which for Keras 3 goes backwards
    /// whichever way the forward one goes.
    private static func write(
        _ forward: WrappedLayer, _ first: LayerSettings, _ backward: WrappedLayer, _ second: LayerSettings,
        to settings: inout LayerSettings
    ) {
        var ahead = first.written, back = second.written
        ahead["zero_output_for_mask"] = nil
        back["zero_output_for_mask"] = nil
        settings.write(forward.json(ahead, asClass: first.writtenClass), to: "layer")
        var mirrored = ahead, other = back
        mirrored["go_backwards"] = nil
        other["go_backwards"] = nil
        let isMirror = ahead["go_backwards"] == nil && back["go_backwards"] != nil
        if forward.className != backward.className || !isMirror || !sameMembers(mirrored, other) {
            settings.write(backward.json(back, asClass: second.writtenClass), to: "backward_layer")
        }
    }

    private static func sameMembers(_ first: JSON.Object, _ second: JSON.Object) -> Bool {
        first.members.count == second.members.count && first.members.allSatisfy { second[$0.key] == $0.value }
    }
}

// MARK: - One direction

/// One recurrent layer in one direction: a cell, or a stack of them, walked over time.
///
/// A stack is a chain of recurrent layers, since padding stops all its cells at once.
private struct Walk {
    let cells: [Cell]
    let time: RecurrentOptions

    var stateCount: Int { cells.reduce(0) { $0 + $1.stateCount } }

    /// Parts, the one whose output is the layer's, and those that take out the last states.
    struct Parts {
        var parts: [LayerPart] = []
        var output = 0
        var states: [LayerPart] = []
    }

    init?(_ className: String, _ settings: inout LayerSettings) {
        time = Self.time(&settings)
        if className == "RNN" {
            cells = Cell.all(of: &settings)
        } else {
            cells = [Cell(className, &settings)].compactMap(\.self)
        }
        if cells.isEmpty { return nil }
    }

    private static func time(_ settings: inout LayerSettings) -> RecurrentOptions {
        // How it is computed, not what.
        settings.know(["unroll", "use_cudnn"])
        if settings.options["time_major"]?.bool == true {
            settings.fail(
                "option 'time_major': true makes time the axis of the examples, so that no example stands by itself; "
                    + "make the layer again with false, its weights are the same")
        }
        // Without a batch before it, a stateful layer begins at zero, as any other: so does every example here.
        if settings.isStrict { settings.require("stateful", false) } else { settings.know(["stateful", "time_major"]) }
        return RecurrentOptions(
            returnSequences: settings.bool("return_sequences", default: false),
            returnState: settings.bool("return_state", default: false),
            goBackwards: settings.bool("go_backwards", default: false),
            zeroOutputForMask: settings.bool("zero_output_for_mask", default: false),
            forgetsMaskWithStates: settings.dialect == .keras3)
    }

    /// - Parameters:
    ///   - start: How many parts of the Keras layer come before.
    ///   - position: Where the initial states are among what it reads.
    func parts(_ prefix: String, at start: Int, statesAt position: Int, reversesOutput: Bool = false) -> Parts {
        var result = Parts(), position = position, input = LayerPart.Input.positions(0..<1)
        for (index, cell) in cells.enumerated() {
            let isLast = index == cells.count - 1
            let words = [prefix] + (cells.count == 1 ? [] : ["cell_\(index)"])
            func suffix(_ word: String = "") -> String {
                (words + [word]).filter { !$0.isEmpty }.joined(separator: "_")
            }
            let layer = cell.layer(options(isLast: isLast, reversesOutput: reversesOutput))
            let states = LayerPart.Input.positions(position..<position + cell.stateCount)
            result.parts.append(LayerPart(suffix(), layer, inputs: [input, states]))
            position += cell.stateCount
            result.output = start + result.parts.count - 1
            if time.returnState {
                let whole = LayerPart.Input.part(result.output), isSequence = layer.options.returnSequences
                let output = Piece(
                    before: cell.stateCount * cell.units, columns: isSequence ? cell.units : nil, keepsMask: isSequence)
                result.parts.append(LayerPart(suffix("output"), output, inputs: [whole]))
                result.output += 1
                for state in 0..<cell.stateCount {
                    let piece = Piece(before: (cell.stateCount - 1 - state) * cell.units, count: cell.units)
                    var part = LayerPart(suffix(["state_h", "state_c"][state]), piece, inputs: [whole])
                    part.isResult = true
                    result.states.append(part)
                }
            }
            input = .part(result.output)
        }
        return result
    }

    /// Between the cells of a stack, sequences are in the order of the input, as their mask is.
    private func options(isLast: Bool, reversesOutput: Bool) -> RecurrentOptions {
        var options = time
        options.returnSequences = time.returnSequences || !isLast
        options.zeroOutputForMask = time.zeroOutputForMask && isLast
        options.reversesOutput = isLast ? reversesOutput : time.goBackwards
        return options
    }
}

/// One cell whose options have been read.
private struct Cell {
    let units, stateCount: Int
    private let dropout, recurrentDropout: Float
    private let dropsEachGate: Bool
    private let make: @Sendable (RecurrentOptions) -> Recurrent

    /// - Parameter className: A cell, or the layer of one.
    init?(_ className: String, _ settings: inout LayerSettings) {
        let isCuDNN = className.hasPrefix("CuDNN"), isLayer = !className.hasSuffix("Cell")
        let units = settings.integer("units", power: 2)
        self.units = units
        let activation = isCuDNN ? CellFunction(.tanh) : settings.cellFunction("activation", default: "tanh")
        let kind = className.replacing("CuDNN", with: "").replacing("Cell", with: "")
        let gates =
            kind == "SimpleRNN" || isCuDNN
            ? CellFunction(.sigmoid) : settings.cellFunction("recurrent_activation", default: "sigmoid")
        let useBias = isCuDNN || settings.bool("use_bias", default: true)
        var isFused = activation == CellFunction(.tanh) && gates == CellFunction(.sigmoid) && useBias
        switch kind {
        case "SimpleRNN":
            stateCount = 1
            make = { SimpleRNN(units: units, activation: activation, useBias: useBias, $0) }
        case "LSTM":
            stateCount = 2
            let unitForgetBias = settings.bool("unit_forget_bias", default: true)
            make = {
                LSTM(
                    units: units, activation: activation, recurrentActivation: gates, useBias: useBias,
                    unitForgetBias: unitForgetBias, $0)
            }
        case "GRU":
            stateCount = 1
            let resetAfter = isCuDNN || settings.bool("reset_after", default: true)
            isFused = isFused && resetAfter
            make = {
                GRU(
                    units: units, activation: activation, recurrentActivation: gates, useBias: useBias,
                    resetAfter: resetAfter, $0)
            }
        default:
            let known = ["SimpleRNNCell", "LSTMCell", "GRUCell", "StackedRNNCells"]
            settings.fail(
                "the cell '\(className)' is not supported; \(known.joined(separator: ", ")) are"
                    + settings.suggestion(for: className, among: known))
            return nil
        }
        if isCuDNN { settings.write(asClass: kind) }
        dropout = Self.rate("dropout", &settings)
        recurrentDropout = Self.rate("recurrent_dropout", &settings)
        // With recurrent dropout Keras always takes implementation 1; without it, Keras 2's LSTM and GRU of plain
        // options never do.
        settings.know(["implementation"])
        let asksForOne = settings.options["implementation"]?.integer == 1
        let runsFused = settings.dialect == .keras2 && isLayer && isFused && settings.options["unroll"]?.bool != true
        let dropsEachGate = kind != "SimpleRNN" && (recurrentDropout > 0 || (asksForOne && !runsFused))
        if asksForOne && dropsEachGate && dropout > 0 { settings.write(1, to: "implementation") }
        self.dropsEachGate = dropsEachGate
    }

    private static func rate(_ name: String, _ settings: inout LayerSettings) -> Float {
        let rate = settings.number(name, default: 0)
        guard rate >= 0, rate < 1 else {
            settings.fail("option '\(name)': expected a number from 0 up to, not including, 1, found \(rate)")
            return 0
        }
        return rate
    }

    func layer(_ options: RecurrentOptions) -> Recurrent {
        var options = options
        options.dropout = dropout
        options.recurrentDropout = recurrentDropout
        options.dropsEachGate = dropsEachGate
        return make(options)
    }

    /// The cells of a layer `RNN`: one, a list, or a stack, which may hold stacks.
    static func all(of settings: inout LayerSettings) -> [Cell] {
        settings.know(["cell"])
        guard let json = settings.options["cell"], let (cells, written) = all(json, &settings, depth: 0) else {
            settings.fail("has no 'cell'")
            return []
        }
        settings.write(written, to: "cell")
        return cells
    }

    /// The cells, and how they are written; nil if there are none.
    private static func all(
        _ json: JSON, _ settings: inout LayerSettings, depth: Int
    ) -> (cells: [Cell], written: JSON)? {
        let stack = json.array ?? (json["class_name"] == "StackedRNNCells" ? json["config"]?["cells"]?.array : nil)
        if let stack, !stack.isEmpty, depth < 16 {
            if json["config"]?["reverse_state_order"]?.bool == true {
                settings.fail("StackedRNNCells with 'reverse_state_order' are not supported")
            }
            let found = stack.compactMap { all($0, &settings, depth: depth + 1) }
            let wrapped = LayerCatalog.WrappedLayer("StackedRNNCells", json["config"]?.object ?? [:])
            guard found.count == stack.count else { return nil }
            return (found.flatMap(\.cells), wrapped.json(["cells": .array(found.map(\.written))]))
        }
        guard let wrapped = LayerCatalog.WrappedLayer(json) else { return nil }
        var inner = wrapped.settings(in: settings)
        let isCell = wrapped.className.hasSuffix("Cell")
        let cell = isCell ? Cell(wrapped.className, &inner) : nil
        if !isCell { inner.fail("is no cell; LSTMCell is, for example") }
        settings.absorb(inner, "\(wrapped.className) inside")
        return (cell.map { [$0] } ?? [], wrapped.json(inner.written))
    }
}
