import Networks

// Layers that mark padding, and layers around layers.

extension LayerCatalog {
    static let sequences: [LayerEntry] = [
        LayerEntry(name: "Masking") { [LayerPart(Masking(maskValue: $0.number("mask_value", default: 0)))] },
        LayerEntry(
            name: "TimeDistributed", remark: "around any layer or model with one result",
            storeGroups: { StoreNames.inner("layer", $0) }
        ) { timeDistributed(&$0) },
    ]

    /// The layer that another one wraps.
    struct WrappedLayer {
        let className: String
        var options: JSON.Object

        init(_ className: String, _ options: JSON.Object) {
            self.className = className
            self.options = options
        }

        init?(_ json: JSON) {
            guard let className = json["class_name"]?.string, let options = json["config"]?.object else { return nil }
            self.init(LayerCatalog.aliases[className] ?? className, options)
        }

        init?(_ option: String, of settings: inout LayerSettings) {
            guard let layer = settings.options[option].flatMap(Self.init) else {
                settings.fail("has no '\(option)'")
                return nil
            }
            guard !isOfPackage(layer.className), !layer.className.hasPrefix("\(package)>") else {
                settings.fail("\(layer.className) inside another layer is not supported")
                return nil
            }
            self = layer
        }

        /// As both versions of Keras read it: Keras 3 asks for the module.
        func json(_ written: JSON.Object, asClass writtenClass: String? = nil) -> JSON {
            var config: JSON.Object = options["name"].map { ["name": $0] } ?? [:]
            for member in written.members { config[member.key] = member.value }
            return [
                "module": "keras.layers", "class_name": .string(writtenClass ?? className), "config": .object(config),
                "registered_name": nil,
            ]
        }

        /// Options to read it by, as the layer around it reads its own.
        func settings(in outer: LayerSettings) -> LayerSettings {
            LayerSettings(
                options, version: outer.version, isStrict: outer.isStrict, endsNetwork: outer.endsNetwork)
        }
    }

    /// Any layer on each step of the first axis, which may itself be distributed over the next.
    private static func timeDistributed(_ settings: inout LayerSettings) -> [LayerPart] {
        settings.know(["layer"])
        guard let wrapped = WrappedLayer("layer", of: &settings) else { return [] }
        guard KerasOperation.named(wrapped.className) == nil else {
            settings.fail("\(wrapped.className) inside TimeDistributed is not supported")
            return []
        }
        var inner = wrapped.settings(in: settings)
        let parts = parts(wrapped.className, &inner)
        settings.absorb(inner, "\(wrapped.className) inside")
        guard parts.results.count <= 1 else {
            settings.fail(
                "TimeDistributed has one result, and '\(wrapped.className)' inside has \(parts.results.count); "
                    + "leave out its 'return_state' or 'merge_mode: null'")
            return []
        }
        settings.write(wrapped.json(inner.written, asClass: inner.writtenClass), to: "layer")
        let masks = settings.dialect == .keras2 ? LayerGraph.MaskPassing.byLayer : .kept
        return parts.map { part in
            var part = part
            part.stepAxes += 1
            part.masks = masks
            // The layer inside is called with one value: no states come along.
            part.inputs = part.inputs.filter { if case .positions(let range) = $0 { range.contains(0) } else { true } }
            return part
        }
    }
}
