/// Which rows of undivided examples are for training, validation and test.
///
/// Each class gives the same share of its rows, as nearly as whole rows allow, and keeps at least one for training. The
/// choice is a function of the seed and the classes alone.
struct StratifiedSplit {
    enum Part: UInt8, CaseIterable {
        case train, validation, test

        var name: String { "\(self)" }
    }

    /// The part of each row.
    private(set) var parts: [Part]

    /// - Parameters:
    ///   - classes: The class of each row; the same for all where rows have several labels.
    ///   - validation: Which share of all rows is for validation; 0 for none.
    ///   - test: Which share of all rows is for test; 0 for none.
    init(_ classes: [Int32], validation: Double, test: Double, seed: UInt64) {
        parts = [Part](repeating: .train, count: classes.count)
        take(test, for: .test, of: classes, seed)
        take(validation, for: .validation, of: classes, seed)
    }

    func count(of part: Part) -> Int { parts.count { $0 == part } }

    /// The rows of a part, ascending.
    func rows(of part: Part) -> [Int] { parts.indices.filter { parts[$0] == part } }

    private mutating func take(_ share: Double, for part: Part, of classes: [Int32], _ seed: UInt64) {
        guard share > 0 else { return }
        var left: [Int: Int] = [:], all: [Int: Int] = [:]
        for row in classes.indices {
            all[Int(classes[row]), default: 0] += 1
            if parts[row] == .train { left[Int(classes[row]), default: 0] += 1 }
        }
        var wanted = Self.quotas(share, all, left)
        // Of each class every set of this size is equally likely (Knuth, algorithm S).
        var random: [Int: KeyedRandom] = [:]
        for row in classes.indices where parts[row] == .train {
            let label = Int(classes[row]), rest = left[label] ?? 0, want = wanted[label] ?? 0
            let isTaken = random[label, default: KeyedRandom(seed, Int(part.rawValue), label)].below(rest) < want
            left[label] = rest - 1
            if isTaken {
                parts[row] = part
                wanted[label] = want - 1
            }
        }
    }

    /// How many rows each class gives: its share rounded down, and one more where that loses most, until all are together
    /// the share of all rows.
    private static func quotas(_ share: Double, _ all: [Int: Int], _ left: [Int: Int]) -> [Int: Int] {
        let labels = all.keys.sorted()
        let exact = labels.map { share * Double(all[$0] ?? 0) }
        let most = labels.map { max(0, (left[$0] ?? 0) - 1) }
        var quotas = zip(exact, most).map { min(Int($0), $1) }
        let total = all.values.reduce(0, +)
        var missing = max(1, Int((share * Double(total)).rounded())) - quotas.reduce(0, +)
        let order = labels.indices.sorted {
            let first = exact[$0] - Double(quotas[$0]), second = exact[$1] - Double(quotas[$1])
            return first == second ? $0 < $1 : first > second
        }
        for index in order where missing > 0 && quotas[index] < most[index] {
            quotas[index] += 1
            missing -= 1
        }
        return Dictionary(uniqueKeysWithValues: zip(labels, quotas))
    }
}

/// Where the examples of a split come from.
public enum SplitOrigin: Hashable, Sendable {
    /// A share of the examples that are not of another split, between 0 and 1.
    case share(Double)
    /// A file or folder of its own.
    case path(String)

    /// 0 where examples come from elsewhere.
    var share: Double { if case .share(let share) = self { share } else { 0 } }

    var path: String? { if case .path(let path) = self { path } else { nil } }
}
