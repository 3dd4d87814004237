import CZlib
import HDF5
import Testing

@testable import Datasets

/// What is compressed here is unpacked by zlib, which compares the checksum, too.
@Suite struct LabelColumnTests {
    /// Every number of zeros that has a code of its own, and those between and beyond.
    @Test func zlibUnpacksEveryLengthOfRuns() throws {
        var stream = ZeroRunStream(), expected: [UInt8] = []
        for count in Array(0..<800) + [65_535, 65_536, 1_000_000] {
            stream.appendZeros(count / 2)
            stream.appendZeros(count - count / 2)
            stream.appendOne()
            expected += [UInt8](repeating: 0, count: count) + [1]
        }
        try expectUnpacked(stream, expected)
        // So many ones that both sums of the checksum go round.
        for _ in 0..<200_000 { stream.appendOne() }
        try expectUnpacked(stream, expected + [UInt8](repeating: 1, count: 200_000))
        stream.appendZeros(7)
        try expectUnpacked(stream, expected + [UInt8](repeating: 1, count: 200_000) + [UInt8](repeating: 0, count: 7))
        try expectUnpacked(ZeroRunStream(), [])
    }

    private func expectUnpacked(_ stream: ZeroRunStream, _ expected: [UInt8]) throws {
        let packed = stream.finished()
        var count = uLong(expected.count + 1), bytes = [UInt8](repeating: 2, count: expected.count + 1)
        #expect(uncompress(&bytes, &count, packed, uLong(packed.count)) == Z_OK)
        #expect(bytes.prefix(Int(count)) == expected[...])
    }

    @Test(arguments: [(1, 1), (5, 3), (700, 4)])
    func rowsAreReadAsTheyWereWritten(classCount: Int, rowsPerChunk: Int) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "labels.h5").path
            var random = SystemRandomNumberGenerator(), rows: [[UInt8]] = []
            do {
                let file = try HDF5File(creating: path)
                let column = try LabelColumn(
                    "y", in: file.root, classCount: classCount, rowsPerChunk: rowsPerChunk)
                for count in 0..<50 {
                    let labels = (0..<(count % 4)).map { _ in Int.random(in: 0..<classCount, using: &random) }.sorted()
                    try column.append(labels)
                    rows.append((0..<classCount).map { labels.contains($0) ? 1 : 0 })
                }
                try column.write()
                try file.flush()
            }
            let y = try HDF5File(opening: path).root.dataset("y")
            #expect(y.shape == [50, classCount])
            #expect(try y.read(as: UInt8.self) == rows.flatMap { $0 })
        }
    }
}
