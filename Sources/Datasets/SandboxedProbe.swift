import Foundation
public import HDF5
public import Isolation
import Storage

/// Opens a file from elsewhere in a process of its own before it is opened in ours.
///
/// Examples are read in long runs by this process. What can break HDF5 are the structures around them, so a child goes
/// through all of these once: groups, attributes, the headers and the index of each dataset, its first and last row.
public enum SandboxedProbe {
    /// What to start `Isolation` with, so that no data file can crash or hang the program.
    public static let services: [String: Isolation.Service] = [
        name: { request, _ in
            // What is wrong but harmless, our own process will find and report.
            try? visit(String(decoding: request, as: UTF8.self))
            return []
        }
    ]

    private static let name = "examples"
    private static let depthLimit = 20
    private static let visitLimit = 100_000

    /// - Throws: `HDF5Error` if the child did not live through it.
    public static func run(_ path: String) throws(HDF5Error) {
        guard Isolation.isStarted else { return }
        let byteCount = WholeFile.byteCount(of: path) ?? 0
        let limits = Isolation.Limits(seconds: 5 + byteCount / 1_000_000_000, memory: 1 << 30)
        do throws(IsolationError) {
            _ = try Isolation.run(name, Array(path.utf8), limits: limits) { _, _ in [] }
        } catch {
            if case .unavailable = error { throw HDF5Error(system: "\(error)", opening: path) }
            throw HDF5Error(breakingDown: path, "\(error); the file is damaged, or made to do harm")
        }
    }

    private static func visit(_ path: String) throws {
        let file = try HDF5File(opening: path)
        Isolation.closeDoors()
        _ = try? file.root.attributes.strings("classes")
        var visits = 0
        try visit(file.root, depth: 0, &visits)
    }

    private static func visit(_ group: borrowing HDF5Group, depth: Int, _ visits: inout Int) throws {
        visits += 1
        guard depth < depthLimit, visits < visitLimit else { return }
        for name in (try? group.names()) ?? [] {
            switch try? group.kind(of: name) {
            case .group: try? visit(group.group(name), depth: depth + 1, &visits)
            case .dataset: try? visit(group.dataset(name))
            default: break
            }
        }
    }

    private static func visit(_ dataset: borrowing HDF5Dataset) throws {
        for name in ["scale", "offset"] where try dataset.attributes.contains(name) {
            _ = try? dataset.attributes.doubles(name)
        }
        guard let rows = dataset.shape.first, rows > 0, dataset.type.byteCount != nil else { return }
        for row in Set([0, rows - 1]) {
            var values = [Float](repeating: 0, count: dataset.elementsPerRow)
            var span = values.mutableSpan
            try? dataset.read(rows: row..<(row + 1), into: &span)
        }
    }
}
