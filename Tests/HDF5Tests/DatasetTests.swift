import Foundation
import HDF5
import Testing

@Suite struct DatasetTests {
    static let signed: [(String, HDF5Type)] = [
        ("int8", .int8), ("int16", .int16), ("int32", .int32), ("int64", .int64),
        ("float16", .float16), ("float32", .float32), ("float64", .float64),
    ]
    static let unsigned: [(String, HDF5Type)] = [
        ("uint8", .uint8), ("uint16", .uint16), ("uint32", .uint32), ("uint64", .uint64),
    ]

    @Test(arguments: ["little", "big"], signed + unsigned)
    func readsEveryTypeInBothByteOrders(order: String, named: (String, HDF5Type)) throws {
        let (name, type) = named
        let file = try HDF5File(opening: fixture("types.h5"))
        let dataset = try file.root.dataset("\(order)/\(name)")
        #expect(dataset.type == type)
        #expect(dataset.shape == [2, 3])
        #expect(dataset.byteCount == 6 * (type.byteCount ?? 0))
        #expect(dataset.storedByteCount == dataset.byteCount)
        if type.byteCount != 1 {
            #expect(dataset.byteOrder == (order == "big" ? .bigEndian : .littleEndian))
        }
        let first = name.hasPrefix("u") ? 0 : -7
        let expected = (0..<6).map { Float(first + 3 * $0) }
        #expect(try dataset.read(as: Float.self) == expected)
        #expect(try dataset.read(as: Double.self) == expected.map(Double.init))
        if type.isInteger {
            #expect(try dataset.read(as: Int.self) == expected.map { Int($0) })
        }
        if type == .uint8 {
            #expect(try dataset.read(as: UInt8.self) == [0, 3, 6, 9, 12, 15])
        }
        if type == .float16 {
            #expect(try dataset.read(as: Float16.self) == expected.map { Float16($0) })
        }
    }

    @Test func widensHalvesExactly() throws {
        let file = try HDF5File(opening: fixture("types.h5"))
        let halves = try file.root.dataset("half extremes").read(as: Float.self)
        #expect(halves[0] == 65504)
        #expect(halves[1] == Float(Float16(6e-8)))
        #expect(halves[2].sign == .minus && halves[2] == 0)
        #expect(halves[3] == .infinity)
        #expect(halves[4].isNaN)
        #expect(halves[5] == Float(Float16(1) / 3))
    }

    @Test func readsBrainFloatsAsKerasStoresThem() throws {
        let file = try HDF5File(opening: fixture("types.h5"))
        let dataset = try file.root.dataset("bfloat16")
        #expect(dataset.type == .bfloat16)
        let expected: [Float] = [1.5, -2, 0, 3.0e38, .infinity, 1e-40].map {
            Float(bitPattern: Float($0).bitPattern & 0xFFFF_0000)
        }
        #expect(try dataset.read(as: Float.self) == expected)
    }

    @Test func readsBooleansAndSingleNumbersAndNothing() throws {
        let file = try HDF5File(opening: fixture("types.h5"))
        #expect(try file.root.dataset("bool").read(as: UInt8.self) == [1, 0, 1])
        #expect(try file.root.dataset("scalar").read(as: Float.self) == [3.25])
        #expect(try file.root.dataset("scalar").shape == [])
        #expect(try file.root.dataset("nothing").read(as: Float.self) == [])
        #expect(try file.root.dataset("nothing").shape == [0, 4])
        #expect(try file.root.dataset("null").read(as: Float.self) == [])
    }

    @Test(arguments: [
        ("opaque", "opaque of 2 bytes"), ("compound", "compound"), ("text", "string"),
    ])
    func refusesWhatIsNotNumbers(name: String, found: String) throws {
        let file = try HDF5File(bytes: fixtureBytes("types.h5"), name: "t.h5")
        let dataset = try file.root.dataset(name)
        let error = failure { () throws(HDF5Error) in _ = try dataset.read(as: Float.self) }
        #expect(error?.description == "could not read '/\(name)' in 't.h5': expected numbers, found \(found)")
        #expect(error?.kind == .unsupported)
    }

    @Test func refusesToCutOffFractions() throws {
        let file = try HDF5File(bytes: fixtureBytes("types.h5"), name: "t.h5")
        let dataset = try file.root.dataset("little/float32")
        let error = failure { () throws(HDF5Error) in _ = try dataset.read(as: Int.self) }
        #expect(
            error?.description == "could not read '/little/float32' in 't.h5': expected whole numbers, found float32")
    }

    @Test(arguments: ["filters.h5", "filters-latest.h5"])
    func readsWhatEveryFilterOfH5pyMade(name: String) throws {
        let file = try HDF5File(opening: fixture(name))
        let expected = [
            "rough": try file.root.dataset("rough").read(as: Float.self),
            "smooth": try file.root.dataset("smooth").read(as: Float.self),
        ]
        let names = try file.root.names().filter { $0.contains(", ") }
        #expect(names.count == 19)
        for name in names {
            let numbers = try file.root.dataset(name).read(as: Float.self)
            #expect(numbers == expected[String(name.prefix { $0 != "," })], "\(name)")
        }
    }

    @Test func refusesDamagedLZF() throws {
        let file = try HDF5File(bytes: fixtureBytes("filters.h5"), name: "f.h5")
        let dataset = try file.root.dataset("damaged")
        let error = failure { () throws(HDF5Error) in _ = try dataset.read(as: Float.self) }
        #expect(error?.kind == .damaged)
        #expect(error?.description.hasPrefix("could not read '/damaged' in 'f.h5'") == true)
    }

    @Test func takesOpaqueNumbersForBrainFloatsWhereAsked() throws {
        let file = try HDF5File(opening: fixture("types.h5"))
        let dataset = try file.root.dataset("opaque").takingOpaqueForBFloat16()
        #expect(dataset.type == .bfloat16)
        // "ab" and "cd", the upper halves of float32.
        #expect(
            try dataset.read(as: Float.self)
                == [Float(bitPattern: 0x6261_0000), Float(bitPattern: 0x6463_0000)])
        #expect(try file.root.dataset("little/float32").takingOpaqueForBFloat16().type == .float32)
    }

    @Test(arguments: ["layouts.h5", "latest.h5", "userblock.h5"])
    func readsEveryLayoutWholeAndByRows(name: String) throws {
        let file = try HDF5File(opening: fixture(name))
        let all = (0..<60).map { Float($0) }
        let layouts: [(String, HDF5Dataset.Layout)] = [
            ("contiguous", .contiguous), ("chunked", .chunked), ("compressed", .chunked), ("growing", .chunked),
            ("compact", .compact),
        ]
        for (name, layout) in layouts {
            let dataset = try file.root.dataset(name)
            #expect(dataset.layout == layout, "\(name)")
            #expect(dataset.shape == [10, 3, 2], "\(name)")
            #expect(dataset.elementsPerRow == 6)
            #expect(try dataset.read() == all, "\(name)")
            for rows in [0..<10, 3..<7, 9..<10, 5..<5] {
                var part = [Double](repeating: -1, count: rows.count * 6)
                var span = part.mutableSpan
                try dataset.read(rows: rows, into: &span)
                #expect(part == (rows.lowerBound * 6..<rows.upperBound * 6).map { Double($0) }, "\(name) \(rows)")
            }
        }
        #expect(try file.root.dataset("unwritten").read() == [Float](repeating: 0, count: 60))
        #expect(try file.root.dataset("unwritten").storedByteCount == 0)
    }

    @Test func readsRowsOfHalves() throws {
        let file = try HDF5File(opening: fixture("types.h5"))
        var row = [Float](repeating: 0, count: 3)
        var span = row.mutableSpan
        try file.root.dataset("big/float16").read(rows: 1..<2, into: &span)
        #expect(row == [2, 5, 8])
    }

    @Test func writesEveryTypeItReads() throws {
        let floats = (0..<24).map { Float($0) / 4 }
        let bytes = try writtenBytes { root in
            try root.createDataset("float32", floats, shape: [2, 3, 4])
            try root.createDataset("float64", floats, shape: [24], type: .float64)
            try root.createDataset("float16", floats, shape: [24], type: .float16)
            try root.createDataset("halves", floats.map { Float16($0) }, shape: [24])
            try root.createDataset("int8", [Int8.min, 0, .max], shape: [3])
            try root.createDataset("uint8", [1, 2, 255], shape: [3], type: .uint8)
            try root.createDataset("int64", [Int.min, 0, .max], shape: [3])
            try root.createDataset("scalar", [Float(2)], shape: [])
            try root.createDataset("empty", [Float](), shape: [0, 3])
        }
        let copy = try HDF5File(bytes: bytes, name: "copy")
        for name in ["float32", "float64", "float16", "halves"] {
            #expect(try copy.root.dataset(name).read() == floats, "\(name)")
        }
        #expect(try copy.root.dataset("float32").shape == [2, 3, 4])
        #expect(try copy.root.dataset("float16").type == .float16)
        #expect(try copy.root.dataset("int8").read(as: Int8.self) == [.min, 0, .max])
        #expect(try copy.root.dataset("uint8").read(as: UInt8.self) == [1, 2, 255])
        #expect(try copy.root.dataset("int64").read(as: Int.self) == [.min, 0, .max])
        #expect(try copy.root.dataset("scalar").read() == [Float(2)])
        #expect(try copy.root.dataset("empty").shape == [0, 3])
    }

    @Test func roundsToTheNearestHalf() throws {
        let file = try HDF5File.inMemory()
        let values: [Float] = [1 / 3, 65519.99, 65520, -1e-9, .nan, 2049]
        try file.root.createDataset("halves", values, shape: [6], type: .float16)
        let halves = try file.root.dataset("halves").read(as: Float16.self)
        #expect(halves.map(\.bitPattern) == values.map { Float16($0).bitPattern })
    }

    @Test(arguments: [nil, HDF5Compression(level: 9, rowsPerChunk: 3)])
    func writesRowsInAnyOrder(compression: HDF5Compression?) throws {
        let bytes = try writtenBytes { root in
            let dataset = try root.createDataset("x", .float32, shape: [10, 4], compression: compression)
            for rows in [7..<10, 0..<2, 2..<7] {
                let part = (rows.lowerBound * 4..<rows.upperBound * 4).map { Float($0) }
                try dataset.write(rows: rows, part.span)
            }
        }
        let copy = try HDF5File(bytes: bytes, name: "copy")
        #expect(try copy.root.dataset("x").read() == (0..<40).map { Float($0) })
        #expect(try copy.root.dataset("x").layout == (compression == nil ? .contiguous : .chunked))
    }

    @Test func compressesWhatRepeats() throws {
        let file = try HDF5File.inMemory()
        let compression = HDF5Compression(rowsPerChunk: 1000)
        let dataset = try file.root.createDataset("x", .uint8, shape: [10_000], compression: compression)
        try dataset.write([UInt8](repeating: 7, count: 10_000).span)
        #expect(try file.root.dataset("x").storedByteCount < 1000)
    }
}
