public import Tensors

extension LayerGraph {
    /// A layer that takes a row of its table for each number of an input, as the input has them.
    public struct WordTable: Hashable, Sendable {
        /// The input's position.
        public let input: Int
        public let layer: String
        public let rowCount: Int

        /// What is wrong with the first number that has no row, of some examples of the input.
        public func fault(in values: Tensor) -> ValueFault? {
            let size = max(values.shape.elementCount, 1)
            return values.withSpan { numbers in
                for index in numbers.indices {
                    if let row = Int(exactly: numbers[index]), (0..<rowCount).contains(row) { continue }
                    return ValueFault(
                        layer: layer, example: index / size, value: numbers[index], rowCount: rowCount)
                }
                return nil
            }
        }
    }

    /// The tables that inputs are looked up in. What a network computes before it looks it up is found out as it runs.
    public var wordTables: [WordTable] {
        var origins: [Int: Int] = [:]
        for (position, input) in inputs.enumerated() { origins[input.index] = position }
        var tables: [WordTable] = []
        for node in nodes {
            guard let origin = node.inputs.first.flatMap({ origins[$0.index] }), node.inputs.count == 1 else {
                continue
            }
            let entry = entries[node.entry]
            if let table = entry.layer as? Embedding {
                tables.append(WordTable(input: origin, layer: entry.name, rowCount: table.count))
            } else if node.plan.sharing == .always || entry.layer is Permute {
                origins[node.output.index] = origin
            }
        }
        return tables
    }
}
