/// The known name that a mistyped one was probably meant to be; nil if none is near.
public func nearestName(to name: String, among known: some Collection<String>) -> String? {
    let limit = max(2, name.count / 3)
    let wanted = Array(name.lowercased())
    let ranked = known.map { (distance: editDistance(wanted, Array($0.lowercased())), name: $0) }
    guard let best = ranked.min(by: { ($0.distance, $0.name) < ($1.distance, $1.name) }), best.distance <= limit else {
        return nil
    }
    return best.name
}

/// The least number of insertions, deletions and substitutions that make one word the other (Levenshtein, 1965).
private func editDistance(_ first: [Character], _ second: [Character]) -> Int {
    var row = Array(0...second.count)
    for (index, character) in first.enumerated() {
        var diagonal = row[0]
        row[0] = index + 1
        for (column, other) in second.enumerated() {
            let substitution = diagonal + (character == other ? 0 : 1)
            diagonal = row[column + 1]
            row[column + 1] = min(substitution, row[column] + 1, diagonal + 1)
        }
    }
    return row[second.count]
}

/// The end of an error about a name that was not found.
public func didYouMean(_ name: String, _ known: some Collection<String>) -> String {
    nearestName(to: name, among: known).map { "; did you mean '\($0)'?" } ?? ""
}
