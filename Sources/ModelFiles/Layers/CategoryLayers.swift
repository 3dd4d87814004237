import Kernels
import Networks

// Layers whose inputs or outputs are categories.

extension LayerCatalog {
    static let categories: [LayerEntry] = [
        LayerEntry(name: "Discretization", training: .stops, remark: "with its boundaries") { settings in
            settings.know(["num_bins", "epsilon", "sparse"])
            guard settings.options["bin_boundaries"]?.isNull == false else {
                settings.fail(
                    "has no 'bin_boundaries'; make the layer with the boundaries that it was adapted to, and save again"
                )
                return []
            }
            let boundaries = settings.numbers("bin_boundaries")
            if zip(boundaries, boundaries.dropFirst()).contains(where: { $0 > $1 }) {
                settings.fail("option 'bin_boundaries': expected ascending numbers")
            }
            let bins = LayerPart("bins", Discretization(boundaries: boundaries))
            let modes = ["int"] + CategoryEncoding.Mode.allCases.map(\.rawValue)
            let word = settings.word("output_mode", default: "int", of: modes)
            guard let mode = CategoryEncoding.Mode(rawValue: word) else { return [bins] }
            return LayerPart.chain([bins, LayerPart(CategoryEncoding(count: boundaries.count + 1, mode: mode))])
        },
        LayerEntry(name: "CategoryEncoding", training: .stops, remark: "its inputs are numbers of categories") {
            settings in
            settings.know(["sparse"])
            let word = settings.word(
                "output_mode", default: "multi_hot", of: CategoryEncoding.Mode.allCases.map(\.rawValue))
            let mode = CategoryEncoding.Mode(rawValue: word) ?? .multiHot
            return [
                LayerPart(
                    CategoryEncoding(
                        count: settings.integer("num_tokens"), mode: mode, isStrict: settings.dialect == .keras2))
            ]
        },
    ]
}
