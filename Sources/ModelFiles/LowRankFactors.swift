import Foundation
import Networks
import Tensors

/// What LoRA (Hu et al., 2021) has learned beside a weight that stays: the weight in force is W + alpha / rank · A · B.
///
/// Keras merges them by itself when it writes `.keras`, and not in `.h5`.
struct LowRankFactors: Hashable, Codable {
    struct Factor: Hashable, Codable {
        /// The place of the dataset in its HDF5 file.
        let path: String
        let shape: [Int]
        var count: Int { shape.reduce(1, *) }
    }

    let a, b: Factor

    /// Takes factors out of the weights of a layer, and gives them to the weights that they change, which then come first of
    /// those beside them, as in a layer without factors.
    static func fold(_ weights: [ModelOutline.Weight]) -> [ModelOutline.Weight] {
        var left = weights
        for a in weights where a.name.hasSuffix("_a") || a.name.hasSuffix("_a:0") {
            guard let cut = a.name.range(of: "lora_", options: .backwards) else { continue }
            let prefix = String(a.name[..<cut.lowerBound]), word = a.name[cut.upperBound...].split(separator: "_")[0]
            guard let b = left.first(where: { $0.name.hasPrefix("\(prefix)lora_\(word)_b") }),
                let index = left.firstIndex(where: { $0.name == "\(prefix)\(word)" || $0.name == "\(prefix)\(word):0" }
                ),
                a.shape.count >= 2, b.shape.count == 2, a.shape.last == b.shape.first,
                left[index].shape == Array(a.shape.dropLast()) + [b.shape[1]]
            else { continue }
            var whole = left.remove(at: index)
            whole.lowRank = LowRankFactors(
                a: Factor(path: a.path, shape: a.shape), b: Factor(path: b.path, shape: b.shape))
            left.removeAll { $0.path == a.path || $0.path == b.path }
            let first = left.firstIndex { $0.name.hasPrefix(prefix) } ?? min(index, left.count)
            left.insert(whole, at: first)
        }
        return left
    }

    /// Adds the product to a weight.
    func add(to weight: Tensor, scale: Float, from path: String) throws {
        let numbers = try ReadingService.numbers(
            [
                ModelReader.Request(path: a.path, place: 0, count: a.count),
                ModelReader.Request(path: b.path, place: a.count, count: b.count),
            ], of: path)
        let rank = b.shape[0], columns = b.shape[1]
        for row in 0..<(a.count / max(rank, 1)) {
            for column in 0..<columns {
                var sum: Float = 0
                for place in 0..<rank {
                    sum += numbers[row * rank + place] * numbers[a.count + place * columns + column]
                }
                weight[row * columns + column] += scale * sum
            }
        }
    }
}

extension Architecture.Layer {
    /// What a product of factors is multiplied with: alpha / rank, or 1 where the file does not say.
    var lowRankScale: Float {
        let own = options["lora_rank"] == nil ? options["layer"]?["config"]?.object ?? options : options
        guard let rank = own["lora_rank"]?.number, rank > 0 else { return 1 }
        return Float((own["lora_alpha"]?.number ?? rank) / rank)
    }
}
