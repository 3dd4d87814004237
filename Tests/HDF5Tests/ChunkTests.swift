import HDF5
import Testing

/// Chunks of another size than the library believes, which would make it read beyond its memory.
@Suite struct ChunkTests {
    private static let advice = "; fetch or write the file again"

    private func error(_ name: String, rows: Range<Int> = 0..<16) throws -> HDF5Error? {
        let file = try HDF5File(opening: fixture("chunks.h5"))
        return failure { () throws(HDF5Error) in
            let dataset = try file.root.dataset(name)
            var values = [Int32](repeating: 0, count: rows.count * 64)
            var span = values.mutableSpan
            try dataset.read(rows: rows, into: &span)
        }
    }

    @Test(arguments: [
        ("plain short", "its 2 chunks of 2048 bytes take 2148 bytes"),
        ("plain short and long", "its chunk 0 holds 100 bytes, not 2048"),
        ("shuffle short", "its chunk of rows 0 to 7 holds 100 bytes, not 2048"),
        ("shuffle skipped, short", "its chunk of rows 0 to 7 holds 100 bytes, not 2048"),
        ("gzip short", "its chunk of rows 0 to 7 holds 2044 bytes, not 2048"),
        ("gzip long", "its chunk of rows 0 to 7 holds 2052 bytes, not 2048"),
        ("gzip cut", "its chunk of rows 0 to 7 does not unpack to 2048 bytes"),
        ("gzip skipped, short", "its chunk of rows 0 to 7 holds 100 bytes, not 2048"),
        ("checksum skipped, short", "its chunk of rows 0 to 7 holds 100 bytes, not 2048"),
        ("checksum tiny", "its chunk of rows 0 to 7 does not unpack to 2048 bytes"),
        ("lzf skipped, short", "its chunk of rows 0 to 7 holds 100 bytes, not 2048"),
    ])
    func refusesChunksOfAnotherSize(name: String, reason: String) throws {
        let error = try error(name)
        #expect(error?.reason == reason + Self.advice)
        #expect(error?.kind == .damaged)
    }

    @Test func refusesLZFThatMakesLessThanAChunk() throws {
        #expect(try error("lzf short")?.kind == .damaged)
    }

    @Test func readsTheChunksBesideADamagedOne() throws {
        #expect(try error("gzip short", rows: 8..<16) == nil)
        #expect(try error("gzip short", rows: 7..<9) != nil)
    }

    @Test(arguments: ["plain right", "gzip skipped, right", "lzf skipped, right", "cut rows"])
    func readsChunksOfTheRightSize(name: String) throws {
        let dataset = try HDF5File(opening: fixture("chunks.h5")).root.dataset(name)
        #expect(try dataset.read(as: Int.self) == Array(0..<(16 * 64)))
    }

    @Test func readsChunksThatStickOut() throws {
        let dataset = try HDF5File(opening: fixture("chunks.h5")).root.dataset("edges")
        #expect(try dataset.read(as: Int.self) == (0..<(13 * 50)).map { $0 / 50 * 64 + $0 % 50 })
    }

    @Test func readsChunksThatWereNeverWrittenAsZeros() throws {
        let dataset = try HDF5File(opening: fixture("chunks.h5")).root.dataset("unwritten gzip")
        #expect(try dataset.read(as: Int.self).allSatisfy { $0 == 0 })
    }

    /// More than are looked at one by one: these are read straight from the file.
    @Test func readsManySmallChunks() throws {
        let dataset = try HDF5File(opening: fixture("chunks.h5")).root.dataset("many")
        #expect(try dataset.read(as: Int.self) == (0..<1100).map { $0 % 251 })
        var some = [UInt8](repeating: 0, count: 7)
        var span = some.mutableSpan
        try dataset.read(rows: 1000..<1007, into: &span)
        #expect(some == (1000..<1007).map { UInt8($0 % 251) })
    }

    @Test(arguments: [
        ("blosc", "Blosc (HDF5 filter 32001)", true), ("zstd", "Zstandard (HDF5 filter 32015)", true),
        ("unknown", "the HDF5 filter 40000", true), ("scale-offset", "scale-offset (HDF5 filter 6)", false),
    ])
    func namesTheFilterThatIsNotRead(name: String, filter: String, isPlugin: Bool) throws {
        let plugin =
            isPlugin ? ", with that filter's plugin installed (Python's hdf5plugin has it, for h5py, too)" : ""
        let error = try error(name)
        #expect(
            error?.reason
                == "it is compressed by \(filter); only gzip, LZF, shuffle and Fletcher-32 are read, and N-bit for floats of "
                + "4 to 16 bits. Rewrite the file: h5repack -f GZIP=4 in.h5 out.h5\(plugin)")
        #expect(error?.kind == .unsupported)
    }
}
