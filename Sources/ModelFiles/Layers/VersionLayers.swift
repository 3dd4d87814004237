import Kernels
import Networks

// Layers of one version of Keras alone, and those that its applications bring along.

extension LayerCatalog {
    static let locallyConnected: [LayerEntry] = [
        LayerEntry(
            name: "LocallyConnected1D", versions: [2],
            unsaidInKeras3: { _ in ["Keras 3 has no layers of this class"] }
        ) {
            locallyConnected(&$0, axes: 1)
        },
        LayerEntry(
            name: "LocallyConnected2D", versions: [2],
            unsaidInKeras3: { _ in ["Keras 3 has no layers of this class"] }
        ) {
            locallyConnected(&$0, axes: 2)
        },
    ]

    private static func locallyConnected(_ settings: inout LayerSettings, axes: Int) -> [LayerPart] {
        let filters = settings.integer("filters"), size = settings.axes("kernel_size", count: axes)
        let strides = settings.axes("strides", count: axes, default: Array(repeating: 1, count: axes))
        let useBias = settings.bool("use_bias", default: true), initializer = settings.kernelInitializer()
        settings.require("padding", "valid")
        settings.require("data_format", "channels_last")
        // The weights have another form in each: see `LocallyConnectedWeights`. What is written has the first.
        _ = settings.integer("implementation", default: 1, in: 1...3)
        settings.remove("implementation")
        func pair(_ list: [Int]) -> (Int, Int) { axes == 1 ? (1, list[0]) : (list[0], list[1]) }
        return activated(settings.activation(), settings) {
            LocallyConnected(
                filters: filters, kernelSize: pair(size), strides: pair(strides), isRow: axes == 1, useBias: useBias,
                activation: $0, kernelInitializer: initializer)
        }
    }

    /// Of `keras.applications`: ConvNeXt and InceptionResNetV2.
    static let applications: [LayerEntry] = [
        LayerEntry(
            name: "LayerScale", hdf5: .asRead, remark: "of keras.applications' ConvNeXt",
            module: "keras.src.applications.convnext"
        ) { settings in
            settings.know(["projection_dim"])
            if let width = settings.options["projection_dim"] { settings.write(width, to: "projection_dim") }
            return [LayerPart(LayerScale(initialValue: settings.number("init_values", default: 1e-6)))]
        },
        LayerEntry(
            name: "CustomScaleLayer", hdf5: .asRead, remark: "of keras.applications' InceptionResNetV2",
            module: "keras.src.applications.inception_resnet_v2"
        ) { settings in
            let scale = settings.number("scale")
            return [
                LayerPart("scaled", Rescaling(scale: scale, offset: 0), inputs: [.positions(1..<2)]),
                LayerPart("", Unmasked(Merge(.add)), inputs: [.positions(0..<1), .part(0)]),
            ]
        },
    ]
}
