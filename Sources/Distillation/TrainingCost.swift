import Foundation
import Networks
import Tensors

/// The arithmetic of a network's whole training, the same on every machine.
struct TrainingCost: CustomStringConvertible {
    let multiplyAdds: Double

    /// - Parameter examples: Those of an epoch.
    init(examples: Int, epochs: Int, graph: LayerGraph) {
        // Backward there are two products for each one forward: by the inputs, and by the weights.
        multiplyAdds = Double(examples) * Double(epochs) * 3 * Double(graph.multiplyAddsPerExample)
    }

    /// Whether it takes ten minutes or so on two cores, or less: what the program may do twice without being asked. Small
    /// convolutions take longer.
    var isShort: Bool { multiplyAdds < 1e14 }

    /// Whether `--precision auto` takes fewer bits, and so more weights, at this price.
    var isShortForBits: Bool { multiplyAdds < 1e13 }

    /// `3.2 · 10^12 multiply-adds`
    var description: String {
        guard multiplyAdds >= 1 else { return "0 multiply-adds" }
        let exponent = floor(log10(multiplyAdds))
        return "\(fixed(multiplyAdds / pow(10, exponent), digits: 1)) · 10^\(Int(exponent)) multiply-adds"
    }
}
