/// Keras 3's spelling in its archives: everything names its module.
struct Keras3Spelling: KerasSpelling {
    let batchShapeKey = "batch_shape"

    func speaksKeras2(_ dialect: Architecture.Dialect) -> Bool { false }

    func model(_ className: String, _ config: JSON.Object) -> JSON {
        // Functional is no public name; this is how Keras itself writes it.
        let module: JSON = className == "Functional" ? "keras.src.models.functional" : "keras"
        return [
            "module": module, "class_name": .string(className), "config": .object(config),
            "registered_name": .string(className),
        ]
    }

    func entry(_ className: String, _ config: JSON.Object) -> JSON {
        guard !LayerCatalog.isOfPackage(className) else {
            return [
                "module": .string(LayerCatalog.packageModule), "class_name": .string(className),
                "config": .object(config), "registered_name": .string("\(LayerCatalog.package)>\(className)"),
            ]
        }
        return [
            "module": .string(LayerCatalog.entries[className]?.module ?? "keras.layers"),
            "class_name": .string(className),
            "config": .object(config),
            "registered_name": nil,
        ]
    }

    func carried(_ option: JSON) -> JSON { option }
}
