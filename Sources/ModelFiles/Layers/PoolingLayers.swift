import Kernels
import Networks

// Layers that keep one number of many.

extension LayerCatalog {
    static let pooling: [LayerEntry] = [
        LayerEntry(name: "MaxPooling2D") { pool(.max, &$0, axes: 2) },
        LayerEntry(name: "AveragePooling2D") { pool(.average, &$0, axes: 2) },
        LayerEntry(name: "MaxPooling1D") { pool(.max, &$0, axes: 1) },
        LayerEntry(name: "AveragePooling1D") { pool(.average, &$0, axes: 1) },
        LayerEntry(name: "GlobalMaxPooling1D") { globalPool(.max, &$0) },
        LayerEntry(name: "GlobalMaxPooling2D") { globalPool(.max, &$0) },
        LayerEntry(name: "GlobalAveragePooling1D") { globalPool(.average, &$0) },
        LayerEntry(name: "GlobalAveragePooling2D") { globalPool(.average, &$0) },
        LayerEntry(name: "AdaptiveMaxPooling1D", versions: [3]) { adaptivePool(.max, &$0, axes: 1) },
        LayerEntry(name: "AdaptiveMaxPooling2D", versions: [3]) { adaptivePool(.max, &$0, axes: 2) },
        LayerEntry(name: "AdaptiveAveragePooling1D", versions: [3]) { adaptivePool(.average, &$0, axes: 1) },
        LayerEntry(name: "AdaptiveAveragePooling2D", versions: [3]) { adaptivePool(.average, &$0, axes: 2) },
    ]

    private static func pool(_ kind: PoolingKind, _ settings: inout LayerSettings, axes: Int) -> [LayerPart] {
        let size = settings.axes("pool_size", count: axes, default: Array(repeating: 2, count: axes))
        // Keras 3 insists on the size of average pools, though it has a default.
        settings.write(
            size.allSatisfy { $0 == size[0] } ? .integer(size[0]) : .array(size.map { .integer($0) }), to: "pool_size")
        let strides = settings.axes("strides", count: axes, default: size), padding = settings.padding()
        let layer: any Layer =
            axes == 1
            ? Pooling1D(kind, poolSize: size[0], strides: strides[0], padding: padding)
            : Pooling2D(kind, poolSize: (size[0], size[1]), strides: (strides[0], strides[1]), padding: padding)
        return channelsLast([LayerPart(layer)], if: settings.channelsFirst())
    }

    private static func globalPool(_ kind: PoolingKind, _ settings: inout LayerSettings) -> [LayerPart] {
        let keepsDimensions = settings.bool("keepdims", default: false)
        let parts = [LayerPart(GlobalPooling(kind, keepDimensions: keepsDimensions))]
        let areFirst = settings.channelsFirst()
        guard areFirst, !keepsDimensions else { return channelsLast(parts, if: areFirst) }
        return LayerPart.chain([LayerPart("channels_last", AxesLast([1]))] + parts)
    }

    private static func adaptivePool(_ kind: PoolingKind, _ settings: inout LayerSettings, axes: Int) -> [LayerPart] {
        let size = settings.axes("output_size", count: axes)
        let (height, width) = axes == 1 ? (1, size[0]) : (size[0], size[1])
        let layer: any Layer =
            kind == .max
            ? AdaptiveMaxPooling2D(height: height, width: width)
            : Resampling2D(.adaptiveAverage(height: height, width: width))
        return channelsLast([LayerPart(axes == 1 ? OneRow(layer) : layer)], if: settings.channelsFirst())
    }
}
