import Datasets
import Kernels
import Tensors

/// Squared error of the logits ("Do deep nets really need to be deep?", Ba and Caruana, 2014).
///
///     ½ Σ_c (z_c − v_c)²   gradient  z − v
///
/// Where an example has one class, both are less their means over the classes: softmax does not see what is added to
/// all logits, and no teacher means anything by it.
struct LogitLoss: ResponseLoss {
    func add(_ responses: Responses, scale: Float, to gradient: Tensor, kernels: KernelContext) -> Double {
        kernels.withPoints(responses) { z, v in
            subtract(z, v, into: z)
            addScaled(z, by: scale, to: gradient)
            return sumOfSquares(z) / 2
        }
    }

    func formula(_ labelKind: LabelKind, temperature: String) -> String {
        "½ Σ (logits(student) − logits(ensemble))²\(atTemperature(temperature))"
    }
}

extension Loss {
    public static let mse = Loss(
        "mse", compares: "logits", paper: "Ba and Caruana, 2014",
        { _ in LogitLoss() })
}

extension LossTerm.Measure {
    public static let mse = Self(.mse)
}
