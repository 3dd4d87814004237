import Foundation
import HDF5
import Testing

/// Numbers of a file that are read when they are looked at.
@Suite struct StoredNumbersTests {
    @Test func areThoseThatWereWritten() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "numbers.h5").path
            let file = try HDF5File(creating: path, isMappable: true)
            try file.root.createDataset("odd", [UInt8](repeating: 7, count: 13), shape: [13])
            try file.root.createDataset("halves", (0..<50).map { Float16($0) / 8 }, shape: [10, 5])
            try file.root.createDataset("floats", (0..<3000).map { Float($0) / 8 }, shape: [3000])
            try file.close()
            let read = try HDF5File(opening: path)
            let halves = try #require(try read.root.dataset("halves").stored(as: Float16.self))
            let floats = try #require(try read.root.dataset("floats").stored(as: Float.self))
            // Whoever removes the file takes nothing away.
            try FileManager.default.removeItem(atPath: path)
            #expect((halves.count, floats.count) == (50, 3000))
            #expect(
                halves.withNumbers(5..<10) { span in span.indices.map { span[$0] } } == [0.625, 0.75, 0.875, 1, 1.125])
            #expect(floats.withNumbers(2999..<3000) { $0[0] } == 374.875)
            #expect(floats.withNumbers(7..<7) { $0.count } == 0)
        }
    }

    /// Other types, chunks and what was never written do not lie there as they are wanted.
    @Test func areNoneWhereNumbersLieOtherwise() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "numbers.h5").path
            let file = try HDF5File(creating: path, isMappable: true)
            try file.root.createDataset("doubles", [1.0, 2.0], shape: [2])
            let packed = try file.root.createDataset(
                "packed", .float32, shape: [100], compression: HDF5Compression(rowsPerChunk: 10))
            try packed.write([Float](repeating: 1, count: 100))
            _ = try file.root.createDataset("unwritten", .float32, shape: [4])
            try file.close()
            let read = try HDF5File(opening: path)
            #expect(try read.root.dataset("doubles").stored(as: Float.self) == nil)
            #expect(try read.root.dataset("doubles").stored(as: Double.self) != nil)
            #expect(try read.root.dataset("packed").stored(as: Float.self) == nil)
            #expect(try read.root.dataset("unwritten").stored(as: Float.self) == nil)
        }
    }

    /// Whatever was looked at, nothing of the file stays in memory.
    @Test func areNotKept() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "numbers.h5").path, rows = 40, width = 1 << 19
            let file = try HDF5File(creating: path, isMappable: true)
            let dataset = try file.root.createDataset("floats", .float32, shape: [rows, width])
            for row in 0..<rows {
                let numbers = [Float](repeating: Float(row), count: width)
                try dataset.write(rows: row..<(row + 1), numbers.span)
            }
            try file.close()
            let floats = try #require(try HDF5File(opening: path).root.dataset("floats").stored(as: Float.self))
            for row in (0..<200).map({ $0 * 17 % rows }) {
                floats.withNumbers((row * width)..<((row + 1) * width)) { span in
                    #expect(span[0] == Float(row) && span[width - 1] == Float(row))
                }
            }
            #expect(try !String(contentsOfFile: "/proc/self/maps", encoding: .utf8).contains(path))
        }
    }
}
