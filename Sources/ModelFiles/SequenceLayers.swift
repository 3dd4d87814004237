import Kernels
import Networks

// Layers over time, and layers around layers.

extension LayerCatalog {
    static let sequences: [String: Recipe] = [
        "Masking": { [LayerPart(Masking(maskValue: $0.number("mask_value", default: 0)))] },
        "SimpleRNN": { settings in
            let units = settings.integer("units", power: 2),
                activation = settings.innerActivation("activation", default: "tanh")
            let useBias = settings.bool("use_bias", default: true), time = Time(&settings)
            return [
                LayerPart(
                    SimpleRNN(
                        units: units, activation: activation, useBias: useBias, returnSequences: time.returnsSequences,
                        goBackwards: time.goesBackwards, zeroOutputForMask: time.zeroesPadding))
            ]
        },
        "LSTM": { settings in
            let units = settings.integer("units", power: 2),
                activation = settings.innerActivation("activation", default: "tanh")
            let gates = settings.innerActivation("recurrent_activation", default: "sigmoid")
            let useBias = settings.bool("use_bias", default: true), time = Time(&settings)
            return [
                LayerPart(
                    LSTM(
                        units: units, activation: activation, recurrentActivation: gates, useBias: useBias,
                        unitForgetBias: settings.bool("unit_forget_bias", default: true),
                        returnSequences: time.returnsSequences, goBackwards: time.goesBackwards,
                        zeroOutputForMask: time.zeroesPadding))
            ]
        },
        "GRU": { settings in
            let units = settings.integer("units", power: 2),
                activation = settings.innerActivation("activation", default: "tanh")
            let gates = settings.innerActivation("recurrent_activation", default: "sigmoid")
            let useBias = settings.bool("use_bias", default: true), time = Time(&settings)
            return [
                LayerPart(
                    GRU(
                        units: units, activation: activation, recurrentActivation: gates, useBias: useBias,
                        resetAfter: settings.bool("reset_after", default: true),
                        returnSequences: time.returnsSequences, goBackwards: time.goesBackwards,
                        zeroOutputForMask: time.zeroesPadding))
            ]
        },
        "Bidirectional": { bidirectional(&$0) },
        "TimeDistributed": { timeDistributed(&$0) },
    ]

    private struct Time {
        let returnsSequences, goesBackwards, zeroesPadding: Bool

        init(_ settings: inout LayerSettings) {
            returnsSequences = settings.bool("return_sequences", default: false)
            goesBackwards = settings.bool("go_backwards", default: false)
            zeroesPadding = settings.bool("zero_output_for_mask", default: false)
            settings.require("return_state", false)
            settings.require("stateful", false)
            settings.require("time_major", false)
        }
    }

    /// The layer that another one wraps.
    struct WrappedLayer {
        let className: String
        var options: JSON.Object

        init?(_ option: String, of settings: inout LayerSettings) {
            guard let json = settings.options[option], let className = json["class_name"]?.string,
                let options = json["config"]?.object
            else {
                settings.fail("has no '\(option)'")
                return nil
            }
            self.className = className
            self.options = options
        }

        /// As both versions of Keras read it: Keras 3 asks for the module.
        func json(_ written: JSON.Object) -> JSON {
            var config: JSON.Object = options["name"].map { ["name": $0] } ?? [:]
            for member in written.members { config[member.key] = member.value }
            return [
                "module": "keras.layers", "class_name": .string(className), "config": .object(config),
                "registered_name": nil,
            ]
        }
    }

    /// Builds a wrapped layer; its problems become those of the layer around it.
    private static func parts(
        of wrapped: WrappedLayer, in settings: inout LayerSettings
    ) -> (parts: [LayerPart], written: JSON.Object) {
        var inner = LayerSettings(
            wrapped.options, dialect: settings.dialect, isStrict: settings.isStrict, endsNetwork: settings.endsNetwork)
        let parts = parts(wrapped.className, &inner)
        settings.absorb(inner, "\(wrapped.className) inside")
        return (parts, inner.written)
    }

    private static func bidirectional(_ settings: inout LayerSettings) -> [LayerPart] {
        settings.know(["layer", "backward_layer"])
        let mode = settings.word("merge_mode", default: "concat", of: ["concat", "sum", "mul", "ave"])
        guard settings.options["merge_mode"]?.isNull != true || settings.options["merge_mode"] == nil else {
            settings.fail("option 'merge_mode': null, two results, is not supported")
            return []
        }
        guard var forward = WrappedLayer("layer", of: &settings) else { return [] }
        let recurrent = ["SimpleRNN", "LSTM", "GRU"]
        guard recurrent.contains(forward.className) else {
            let suggestion = settings.suggestion(for: forward.className, among: recurrent)
            settings.fail("'\(forward.className)' inside Bidirectional is not supported\(suggestion)")
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
        let (first, firstWritten) = parts(of: forward, in: &settings)
        let (second, secondWritten) = parts(of: backward, in: &settings)
        guard first.count == 1, second.count == 1 else { return [] }

        write(forward, firstWritten, backward, secondWritten, to: &settings)
        var result = [LayerPart("forward", first[0].layer), LayerPart("backward", second[0].layer)]
        if returnsSequences { result.append(LayerPart("reverse", ReverseTime(), inputs: [.part(1)])) }
        let keras2Masks = settings.dialect == .keras2
        let merge: any Layer =
            switch mode {
            case "sum": Merge(.add, keras2Masks: keras2Masks)
            case "mul": Merge(.multiply, keras2Masks: keras2Masks)
            case "ave": Merge(.average, keras2Masks: keras2Masks)
            default: Concatenate(keras2Masks: keras2Masks)
            }
        result.append(LayerPart("merge", merge, inputs: [.part(0), .part(result.count - 1)]))
        return result
    }

    /// The backward layer is written only if it is not the forward one turned around.
    private static func write(
        _ forward: WrappedLayer, _ first: JSON.Object, _ backward: WrappedLayer, _ second: JSON.Object,
        to settings: inout LayerSettings
    ) {
        var first = first, second = second
        first["zero_output_for_mask"] = nil
        second["zero_output_for_mask"] = nil
        settings.write(forward.json(first), to: "layer")
        var mirrored = first, other = second
        mirrored["go_backwards"] = nil
        other["go_backwards"] = nil
        let isMirror = (first["go_backwards"] == nil) != (second["go_backwards"] == nil)
        if forward.className != backward.className || !isMirror || !sameMembers(mirrored, other) {
            settings.write(backward.json(second), to: "backward_layer")
        }
    }

    private static func sameMembers(_ first: JSON.Object, _ second: JSON.Object) -> Bool {
        first.members.count == second.members.count && first.members.allSatisfy { second[$0.key] == $0.value }
    }

    private static func timeDistributed(_ settings: inout LayerSettings) -> [LayerPart] {
        settings.know(["layer"])
        guard let wrapped = WrappedLayer("layer", of: &settings) else { return [] }
        guard wrapped.className != "TimeDistributed", KerasOperation.named(wrapped.className) == nil else {
            settings.fail("\(wrapped.className) inside TimeDistributed is not supported")
            return []
        }
        let (inner, written) = parts(of: wrapped, in: &settings)
        settings.write(wrapped.json(written), to: "layer")
        return inner.map { part in
            var part = part
            part.overSteps = part.inputs.count == 1
            return part
        }
    }
}
