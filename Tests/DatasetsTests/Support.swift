import Foundation
import HDF5
import Zip

@testable import Datasets

/// Lends a folder that is removed afterwards.
func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
}

/// A data file with a few examples, of which a test changes what it is about.
struct Hyperparameters {
    var train = 20
    var test = 5
    var validation: Int?
    var width = 3
    var type = HDF5Type.uint8
    var classes: [String]?
    var compression: HDF5Compression?
    /// Writes something else than usual; true replaces the usual dataset of that path.
    var replace: (String, NewFile) throws -> Bool = { _, _ in false }

    /// The value of an element: different in every row.
    static func value(_ row: Int, _ element: Int) -> Float {
        Float((row * 7 + element) % 251)
    }

    func write(to path: String) throws {
        let new = try NewFile(path)
        if let classes {
            try new.file.root.attributes.write(classes, to: "classes")
        }
        for (name, count) in [("train", train), ("test", test), ("validation", validation ?? 0)] where count > 0 {
            try write(name, count, into: new)
        }
        try new.file.flush()
    }

    private func write(_ name: String, _ count: Int, into new: NewFile) throws {
        let hasInputs = try replace("\(name)/x", new)
        if !hasInputs {
            try writeInputs("\(name)/x", count, into: new.file.root)
        }
        let hasLabels = try replace("\(name)/y", new)
        if !hasLabels {
            try writeLabels("\(name)/y", count, into: new.file.root)
        }
        _ = try replace("\(name)/length", new)
    }

    private func writeInputs(_ path: String, _ count: Int, into root: borrowing HDF5Group) throws {
        let values = (0..<count).flatMap { row in (0..<width).map { Self.value(row, $0) } }
        let x = try root.createDataset(path, type, shape: [count, width], compression: compression)
        try fill(x, values)
    }

    private func writeLabels(_ path: String, _ count: Int, into root: borrowing HDF5Group) throws {
        try root.createDataset(path, (0..<count).map { $0 % 4 }, shape: [count], type: .int64)
    }

    private func fill(_ x: borrowing HDF5Dataset, _ values: [Float]) throws {
        if type == .uint8 {
            let bytes = values.map { UInt8($0) }
            try x.write(bytes.span)
        } else {
            try x.write(values.span)
        }
    }
}

/// A file that closures may be given: the compiler (6.3) fails on closures that borrow what cannot be copied.
final class NewFile {
    let file: HDF5File

    init(_ path: String) throws {
        self.file = try HDF5File(creating: path)
    }
}

/// The inputs of all examples of a split.
func inputs(_ split: ExampleSplit) throws -> [[Float]] {
    let width = split.exampleShape.reduce(1, *)
    let batch = try ExampleReader(split, batchSize: split.count, order: .sequential).batch(epoch: 0, step: 0)
    var values = [Float](repeating: 0, count: split.count * width)
    var span = values.mutableSpan
    batch.readInputs(0..<split.count, into: &span)
    return (0..<split.count).map { Array(values[($0 * width)..<(($0 + 1) * width)]) }
}

/// An array as numpy writes it.
func array(_ type: String, _ shape: String, _ elements: [UInt8], isFortran: Bool = false) -> [UInt8] {
    let order = isFortran ? "True" : "False"
    let header = Array("{'descr': '\(type)', 'fortran_order': \(order), 'shape': \(shape), }\n".utf8)
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.count), 0] + header + elements
}

/// Lends an archive of arrays that is removed afterwards.
func withArchive(_ arrays: [String: [UInt8]], _ body: (String) throws -> Void) throws {
    try withTemporaryFolder { folder in
        let path = folder.appending(path: "x.npz").path
        var writer = try ZipWriter(creating: path)
        for (name, bytes) in arrays.sorted(by: { $0.key < $1.key }) { try writer.add("\(name).npy", bytes) }
        try writer.finish()
        try body(path)
    }
}
