import Foundation
import HDF5

/// How the columns of a table became those of `x`: what a data file keeps in its dataset `columns`, as JSON.
struct TableForm: Hashable, Codable {
    struct Column: Hashable, Codable {
        enum Kind: String, Codable {
            case number
            case oneHot = "one-hot"
            case integer
        }

        let name: String
        let kind: Kind
        /// Its first column of `x`.
        let first: Int
        /// How many columns of `x` it has.
        let count: Int
        /// Its categories, in the order of their columns or numbers.
        var categories: [String]?
        /// What stands for values that are missing; nil where none is.
        var missing: Float?
    }

    /// The columns that became `x`, in order.
    var columns: [Column]
    /// The columns that became `y`.
    let label: [String]
    let ignored: [String]

    static let dataset = "columns"

    func write(to root: borrowing HDF5Group) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json = Array(try encoder.encode(self))
        var dataset = try root.createGrowingStrings(Self.dataset, byteCount: json.count, rowsPerChunk: 1)
        try dataset.append(paddedStrings: json.span)
    }
}
