/// A prefix code with limited lengths that codes a histogram of symbols in as few bits as can be.
///
/// Lengths are found by package-merge (Larmore and Hirschberg, 1990), codes are assigned as in RFC 1951, 3.2.2.
struct PrefixCode {
    /// The bits of each symbol's code; 0 for a symbol that does not occur.
    private(set) var lengths: [UInt8]

    /// - Parameters:
    ///   - histogram: How often each symbol occurs.
    ///   - limit: The most bits that a code may have; 2^limit is at least the number of symbols.
    init(histogram: [Int], limit: Int) {
        let occurring = histogram.indices.filter { histogram[$0] > 0 }
            .sorted { (histogram[$0], $0) < (histogram[$1], $1) }
        lengths = [UInt8](repeating: 0, count: histogram.count)
        guard occurring.count > 1 else {
            for symbol in occurring { lengths[symbol] = 1 }
            return
        }
        let weights = occurring.map { histogram[$0] }
        // In each round the packages of two of the round before are merged with the symbols themselves. Of which of the two
        // kinds a row's items are is all that has to be kept: a package stands for the first two items of the row below that
        // no earlier one stands for.
        var rows: [[Bool]] = []
        var packages: [Int] = []
        for _ in 0..<limit {
            var merged: [Int] = [], isSymbol: [Bool] = []
            merged.reserveCapacity(weights.count + packages.count)
            var (symbol, package) = (0, 0)
            while symbol < weights.count || package < packages.count {
                let takesSymbol =
                    package == packages.count || symbol < weights.count && weights[symbol] <= packages[package]
                merged.append(takesSymbol ? weights[symbol] : packages[package])
                isSymbol.append(takesSymbol)
                if takesSymbol { symbol += 1 } else { package += 1 }
            }
            rows.append(isSymbol)
            packages = stride(from: 0, to: merged.count - 1, by: 2).map { merged[$0] + merged[$0 + 1] }
        }
        var count = 2 * (weights.count - 1)
        for row in rows.reversed() {
            let symbols = row[..<count].count { $0 }
            for index in 0..<symbols { lengths[occurring[index]] += 1 }
            count = 2 * (count - symbols)
        }
    }

    /// The code of each symbol, its first bit lowest, as DEFLATE writes it.
    var codes: [UInt16] {
        // The first code of each length: twice what ends the codes of the length before.
        var (first, code) = ([UInt16](repeating: 0, count: 17), UInt16(0))
        for length in 1...16 {
            first[length] = code
            code = (code &+ UInt16(lengths.count { Int($0) == length })) << 1
        }
        return lengths.map { length in
            guard length > 0 else { return 0 }
            defer { first[Int(length)] += 1 }
            return reversed(first[Int(length)], Int(length))
        }
    }

    /// The bits that a text of these symbols takes.
    func bitCount(_ histogram: [Int]) -> Int {
        zip(histogram, lengths).reduce(0) { $0 + $1.0 * Int($1.1) }
    }
}

/// Codes are the only numbers of DEFLATE that begin with their highest bit.
private func reversed(_ code: UInt16, _ length: Int) -> UInt16 {
    (0..<length).reduce(0) { $0 << 1 | code >> UInt16($1) & 1 }
}
