import HDF5
import Storage
import Zip

extension PredictionFile {
    /// Predictions that are to be written: one array of float32, a row for each example.
    public struct NewArray: Sendable {
        public let name: String
        public let rows: Int
        public let columns: Int

        /// - Parameter kind: What distinguishes it from others for the same part; nil for nothing.
        public init(_ part: PredictedPart, of kind: String? = nil, rows: Int, columns: Int) {
            name = (kind.map { "\($0)/" } ?? "") + part.rawValue
            (self.rows, self.columns) = (rows, columns)
        }
    }

    /// The suffixes of files that are written, with the formats that they mean.
    public static let writtenSuffixes = [".h5", ".hdf5", ".npz"]

    /// Writes a file of predictions, an archive if its name ends in .npz and else HDF5, which appears when it is complete.
    ///
    /// - Parameters:
    ///   - check: Throws where the predictions may not be kept, such as when an input changed meanwhile.
    ///   - fill: Hands over the rows of an array, by its number: some ascending rows and their values at a time, each row once.
    /// - Returns: The number of bytes.
    @discardableResult
    public static func write(
        _ arrays: [NewArray], classNames: [String]?, facts: [Fact: String], to path: String, check: () throws -> Void,
        fill: (_ array: Int, _ put: (_ rows: [Int], Span<Float>) throws -> Void) throws -> Void
    ) throws -> Int {
        func write(_ file: borrowing HDF5File) throws {
            if let classNames { try file.root.attributes.write(classNames, to: "classes") }
            for (fact, text) in facts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                try file.root.attributes.write(text, to: fact.rawValue)
            }
            for (index, array) in arrays.enumerated() {
                let rows = NewRows(
                    try file.root.createDataset(array.name, .float32, shape: [array.rows, array.columns]))
                try fill(index) { try rows.write($0, $1) }
            }
        }
        guard path.lowercased().hasSuffix(".npz") else {
            return try HDF5File.writeWhole(to: path) {
                try write($0)
            } check: { _, _ in
                try check()
            }
        }
        return try WholeFile.write(to: path) { partial in
            try WholeFile.withScratch(for: path) { scratch in
                try HDF5File.writeContent(of: path, at: scratch) { try write($0) }
            } read: { scratch in
                try pack(scratch, arrays, classNames, facts, to: partial, as: path)
            }
        } check: { _, _ in
            try check()
        }
    }

    /// Makes an archive of what is in an HDF5 file.
    private static func pack(
        _ scratch: String, _ arrays: [NewArray], _ classNames: [String]?, _ facts: [Fact: String], to partial: String,
        as path: String
    ) throws {
        let file = try HDF5File(opening: scratch, isOurs: true)
        var archive = try ZipWriter(creating: partial, as: path)
        for array in arrays {
            // Another scratch file beside that of all arrays.
            try WholeFile.withScratch(for: "\(path).array") { part in
                let writer = try FileWriter(creating: part, as: path), dataset = try file.root.dataset(array.name)
                try writer.write(NPYHeader.bytes("<f4", [array.rows, array.columns]))
                let step = max(1, (1 << 18) / array.columns)
                for start in stride(from: 0, to: array.rows, by: step) {
                    let rows = start..<min(start + step, array.rows)
                    var values = [Float](repeating: 0, count: rows.count * array.columns), span = values.mutableSpan
                    try dataset.read(rows: rows, into: &span)
                    try writer.write(values.flatMap { NPYHeader.bytes(of: $0.bitPattern) })
                }
                try writer.close()
            } read: { part in
                try archive.add("\(array.name).npy", contentsOf: part)
            }
        }
        if let classNames { try archive.add("classes.npy", NPYHeader.textArray(classNames, [classNames.count])) }
        for (fact, text) in facts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            try archive.add("\(fact.rawValue).npy", NPYHeader.textArray([text], []))
        }
        try archive.finish()
    }
}

/// A dataset whose rows are written in any order.
private final class NewRows {
    private let dataset: HDF5Dataset

    init(_ dataset: consuming HDF5Dataset) { self.dataset = dataset }

    /// Writes ascending rows, those that lie together at once.
    func write(_ rows: [Int], _ values: Span<Float>) throws {
        let width = dataset.elementsPerRow
        var start = 0
        while start < rows.count {
            var end = start + 1
            while end < rows.count, rows[end] == rows[end - 1] + 1 { end += 1 }
            try dataset.write(
                rows: rows[start]..<(rows[end - 1] + 1), values.extracting((start * width)..<(end * width)))
            start = end
        }
    }
}

extension NPYHeader {
    /// What stands before the elements of an array in C order.
    ///
    /// - Parameter type: numpy's words for it, such as `<f4`.
    static func bytes(_ type: String, _ shape: [Int]) -> [UInt8] {
        let axes = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
        let text = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(axes)), }"
        // Elements begin at a multiple of 64.
        let length = (10 + text.utf8.count + 1 + 63) / 64 * 64 - 10
        let padding = String(repeating: " ", count: length - text.utf8.count - 1) + "\n"
        return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 255), UInt8(length >> 8)]
            + Array((text + padding).utf8)
    }

    /// The bytes of a number, the lowest first.
    static func bytes(of bits: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) } }

    /// A whole array of texts.
    static func textArray(_ texts: [String], _ shape: [Int]) -> [UInt8] {
        let characters = texts.map { Array($0.unicodeScalars) }, longest = max(1, characters.map(\.count).max() ?? 0)
        return bytes("<U\(longest)", shape)
            + characters.flatMap { text in
                text.flatMap { bytes(of: $0.value) } + [UInt8](repeating: 0, count: 4 * (longest - text.count))
            }
    }
}
