import HDF5
import Testing

/// Floats of 4 to 16 bits that h5py wrote, beside what the library makes of each code.
@Suite struct SmallFloatTests {
    private static let groups = [
        "1-2-1, bias 1", "1-2-1, bias 10", "1-2-2, bias 3", "1-2-3, bias 1", "1-2-4, bias 10", "1-2-5, bias 3",
        "1-3-4, bias 12", "1-4-3, bias 7", "1-5-2, bias 24", "1-3-6, bias 3", "1-3-8, bias 12",
    ]

    private func bits(_ numbers: [Float]) -> [UInt32] {
        numbers.map { $0.isNaN ? Float.nan.bitPattern : $0.bitPattern }
    }

    @Test(arguments: groups)
    func readsEveryCode(name: String) throws {
        let file = try HDF5File(opening: fixture("small-floats.h5")), group = try file.root.group(name)
        let expected: [Float] = try group.dataset("expected").read()
        for form in try group.names() where form != "expected" {
            let dataset = try group.dataset(form)
            #expect(dataset.type.isFloat)
            let found: [Float] = try dataset.read()
            #expect(bits(found) == bits(expected), "\(form)")
        }
    }

    /// By hand: of 1-2-2 with a bias of 3 the smallest number is 2⁻⁴, and exponents of 3 are lost.
    @Test func readsWhatTheDefinitionSays() throws {
        let file = try HDF5File(opening: fixture("small-floats.h5"))
        let numbers: [Float] = try file.root.dataset("1-2-2, bias 3/packed").read()
        let positive: [Float] = [
            0, 0x1p-4, 0x2p-4, 0x3p-4, 0x4p-4, 0x5p-4, 0x6p-4, 0x7p-4, 0x8p-4, 0xAp-4, 0xCp-4, 0xEp-4, .infinity,
        ]
        #expect(bits(Array(numbers[..<13])) == bits(positive))
        #expect(numbers[13...15].allSatisfy { $0.isNaN })
        #expect(bits(Array(numbers[16..<29])) == bits(positive.map { -$0 }))
    }

    @Test(arguments: [
        "several chunks", "gzip", "two bytes", "big endian", "four bytes, big endian", "sixteen bits",
    ])
    func readsEveryFormOfStorage(name: String) throws {
        let file = try HDF5File(opening: fixture("small-floats.h5")), dataset = try file.root.dataset("forms/\(name)")
        let expected: [Float] = try file.root.dataset("forms/expected \(name)").read()
        let found: [Float] = try dataset.read()
        #expect(bits(found) == bits(expected))
        var some = [Float](repeating: 0, count: 3 * dataset.elementsPerRow), span = some.mutableSpan
        try dataset.read(rows: 4..<7, into: &span)
        #expect(bits(some) == bits(Array(expected[(4 * dataset.elementsPerRow)..<(7 * dataset.elementsPerRow)])))
    }

    @Test func saysWhatTheyAreAndTake() throws {
        let file = try HDF5File(opening: fixture("small-floats.h5"))
        let packed = try file.root.dataset("1-2-2, bias 3/packed"), wide = try file.root.dataset("forms/sixteen bits")
        #expect("\(packed.type)" == "float5 (1-2-2)")
        #expect(packed.storedByteCount == 32 * 5 / 8 + 1)
        #expect("\(wide.type)" == "float16 (1-6-9)")
        #expect(wide.storedByteCount == wide.elementCount * 2)
    }

    @Test(arguments: [
        ("shifted", "float of 5 bits (1-2-2, bias 3), which is not read"),
        ("three bits", "float of 3 bits (1-1-1, bias 1), which is not read"),
        ("no mantissa", "float of 5 bits (1-4-0, bias 7), which is not read"),
        ("24 bits", "float of 24 bits (1-7-16, bias 63), which is not read"),
    ])
    func refusesForeignFloatsByName(name: String, words: String) throws {
        let file = try HDF5File(opening: fixture("small-floats.h5"))
        let error = failure { () throws(HDF5Error) in
            let dataset = try file.root.dataset("foreign/\(name)")
            _ = try dataset.read(as: Float.self)
        }
        #expect(error?.kind == .unsupported)
        #expect(error?.reason == "expected numbers, found \(words)")
    }

    /// What the library would read beyond its memory for, or with another number of bits than the type has.
    @Test func refusesPackingThatCannotBe() throws {
        let file = try HDF5File(opening: fixture("small-floats.h5"))
        func failure(_ name: String) -> HDF5Error? {
            HDF5Tests.failure { () throws(HDF5Error) in
                let dataset = try file.root.dataset("damaged/\(name)")
                _ = try dataset.read(as: Float.self)
            }
        }
        let short = failure("short"), other = failure("other bits")
        #expect(short?.kind == .damaged)
        #expect(short?.reason.hasPrefix("its chunk of rows 0 to 31 does not unpack to 32 bytes") == true)
        #expect(other?.kind == .unsupported)
        #expect(other?.reason.hasPrefix("it is compressed by n-bit (HDF5 filter 5)") == true)
        #expect(failure("long enough") == nil)
    }

    @Test func readsThemAsFloat32Alone() throws {
        let file = try HDF5File(opening: fixture("small-floats.h5"))
        let error = failure { () throws(HDF5Error) in
            let dataset = try file.root.dataset("1-2-5, bias 3/plain")
            _ = try dataset.read(as: Double.self)
        }
        #expect(error?.reason == "float8 (1-2-5) can be read as float32 only, not as float64")
    }
}
