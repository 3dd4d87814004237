/// The one spelling that both Keras 2 and Keras 3 load.
struct CommonSpelling: KerasSpelling {
    let batchShapeKey = "batch_input_shape"

    func speaksKeras2(_ dialect: Architecture.Dialect) -> Bool { dialect == .keras2 }

    func model(_ className: String, _ config: JSON.Object) -> JSON {
        ["class_name": .string(className), "config": .object(config)]
    }

    func entry(_ className: String, _ config: JSON.Object) -> JSON {
        let package = !LayerCatalog.isOfPackage(className) ? nil : "\(LayerCatalog.package)>\(className)"
        return ["class_name": .string(package ?? className), "config": .object(config)]
    }

    /// Keras 3 writes arguments of initializers that Keras 2 does not know; null is what they are by themselves.
    func carried(_ option: JSON) -> JSON {
        guard var object = option.object, let config = object["config"]?.object else { return option }
        object["config"] = .object(JSON.Object(config.members.filter { !$0.value.isNull }))
        return .object(object)
    }
}
