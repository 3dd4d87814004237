import Kernels
import Networks

// Activations as layers of their own.

extension LayerCatalog {
    static let activations: [LayerEntry] = [
        LayerEntry(name: "Activation", isActivation: true) { settings in
            switch settings.activation("activation", default: "linear") {
            case .layers(let parts): parts
            case .elementwise(let function): [LayerPart(ElementwiseActivation(function))]
            }
        },
        LayerEntry(name: "Softmax", remark: "not behind a mask, where Keras itself fails", isActivation: true) {
            settings in
            let axes = workingAxes(&settings)
            settings.know(["robust_masking"])
            return along(axes, Softmax(axisCount: axes.count))
        },
        LayerEntry(name: "ReLU", isActivation: true) { settings in
            settings.know(["max_value"])
            let hasMaximum = settings.options["max_value"]?.isNull == false
            return [
                LayerPart(
                    Rectify(
                        Rectifier(
                            maximum: hasMaximum ? settings.number("max_value") : .infinity,
                            negativeSlope: settings.number("negative_slope", default: 0),
                            threshold: settings.number("threshold", default: 0))))
            ]
        },
        // Keras 3 has it no more, and says the same with ReLU.
        LayerEntry(
            name: "ThresholdedReLU", versions: [2], hdf5: .loaded(by: [2, 3]), remark: "written as ReLU",
            isActivation: true
        ) { settings in
            let threshold = settings.number("theta", default: 1)
            settings.rename("theta", to: "threshold", default: 1)
            settings.write(asClass: "ReLU")
            return [LayerPart(Rectify(Rectifier(threshold: threshold)))]
        },
        LayerEntry(name: "LeakyReLU", isActivation: true) { settings in
            // Keras 3 calls it negative_slope, and still reads alpha, the only name that Keras 2 knows.
            let slope = settings.number("alpha", alias: "negative_slope", default: 0.3)
            return [LayerPart(Rectify(Rectifier(negativeSlope: slope)))]
        },
        LayerEntry(name: "ELU", isActivation: true) {
            [LayerPart(ElementwiseActivation(Activation(.elu, slope: $0.number("alpha", default: 1))))]
        },
        LayerEntry(name: "PReLU", isActivation: true) {
            [LayerPart(PReLU(sharedAxes: $0.integers("shared_axes", default: [])))]
        },
    ]
}
