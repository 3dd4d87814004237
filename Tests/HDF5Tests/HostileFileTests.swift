import Foundation
import HDF5
import Testing

@Suite struct HostileFileTests {
    @Test(arguments: [
        ("elsewhere", "it is a link to another file, and those are not followed"),
        ("external", "its data are in another file, and those are not read"),
        ("virtual", "it is a virtual dataset, whose data are in other files; those are not read"),
    ])
    func neverOpensAnotherFile(name: String, reason: String) throws {
        let file = try HDF5File(opening: fixture("hostile.h5"))
        let error = failure { () throws(HDF5Error) in _ = try file.root.dataset(name) }
        #expect(error?.description == "could not open '/\(name)' in '\(fixture("hostile.h5"))': \(reason)")
        #expect(error?.kind == .unsupported)
    }

    @Test func neverOpensAnotherFileThroughASoftLink() throws {
        let file = try HDF5File(opening: fixture("hostile.h5"))
        let error = failure { () throws(HDF5Error) in _ = try file.root.dataset("soft elsewhere") }
        #expect(error != nil)
    }

    @Test func followsLinksInsideTheFile() throws {
        let file = try HDF5File(opening: fixture("hostile.h5"))
        #expect(try file.root.dataset("soft").read() == [Float(0), 1, 2, 3])
        #expect(try !file.root.contains("dangling"))
        let error = failure { () throws(HDF5Error) in _ = try file.root.dataset("circle") }
        #expect(error?.description.hasSuffix("(too many links)") == true, "\(error?.description ?? "opened")")
    }

    @Test(arguments: [
        ("terabyte", "it declares 1099511627776 bytes of data, but only 0 bytes are stored"),
        ("chunked terabyte", "it declares 1099511627776 bytes of data, but only 0 bytes are stored"),
        ("overflow", "its shape [1099511627776, 1099511627776] is too large for any computer"),
    ])
    func takesNoMemoryForDataThatAreNotThere(name: String, reason: String) throws {
        let file = try HDF5File(bytes: fixtureBytes("hostile.h5"), name: "h.h5")
        let error = failure { () throws(HDF5Error) in _ = try file.root.dataset(name) }
        #expect(error?.description == "could not open '/\(name)' in 'h.h5': \(reason)")
        #expect(error?.kind == .damaged)
    }

    @Test func readsWhatCompressesExtremelyWell() throws {
        let file = try HDF5File(opening: fixture("hostile.h5"))
        #expect(try file.root.dataset("large chunks").read(as: UInt8.self).allSatisfy { $0 == 0 })
    }

    /// HDF5 1.10 takes memory for each free place of a heap of names, round and round.
    @Test func refusesNamesWhoseFreePlacesLeadInACircle() throws {
        var bytes = try fixtureBytes("layouts.h5")
        let heap = try #require(
            bytes.indices.dropLast(32).first { bytes[$0..<($0 + 4)].elementsEqual("HEAP".utf8) })
        let address = bytes[(heap + 24)..<(heap + 32)].reversed().reduce(0) { $0 << 8 | Int($1) }
        for place in [heap + 16, address + 16] {
            bytes.replaceSubrange(place..<(place + 8), with: [16, 0, 0, 0, 0, 0, 0, 0])
        }
        let error = failure { () throws(HDF5Error) in _ = try HDF5File(bytes: bytes, name: "h.h5") }
        #expect(error?.reason == "the free places in the names of a group lead round in a circle")
        #expect(error?.kind == .damaged)
    }

    /// HDF5 1.10 frees memory it never took when it sorts the names of such a group.
    @Test func survivesAGroupWhoseHeapIsDamaged() throws {
        var bytes = try fixtureBytes("latest.h5")
        // The fractal heaps that hold the names of groups with many children.
        for start in bytes.indices.dropLast(60) where bytes[start..<(start + 4)].elementsEqual("FHDB".utf8) {
            bytes[start + 40] ^= 0xFF
        }
        let file = try HDF5File(bytes: bytes, name: "d.h5")
        let error = failure { () throws(HDF5Error) in
            _ = try file.root.names()
            _ = try file.root.group("many").names()
        }
        #expect(error?.kind == .damaged)
    }

    /// HDF5 recurses into such a group until the stack ends.
    @Test func refusesAGroupThatIsItsOwnChild() throws {
        var bytes = try fixtureBytes("layouts.h5")
        let tree = try #require(bytes.indices.dropLast(4).first { bytes[$0..<($0 + 4)].elementsEqual("TREE".utf8) })
        bytes[tree + 5] = 1
        for index in 0..<8 {
            bytes[tree + 32 + index] = UInt8(truncatingIfNeeded: tree >> (8 * index))
        }
        let damaged = bytes
        let error = failure { () throws(HDF5Error) in _ = try HDF5File(bytes: damaged, name: "loop.h5") }
        #expect(error?.description == "could not open 'loop.h5': the index of a group leads back into itself")
        #expect(error?.kind == .damaged)
    }

    /// HDF5 never returns from reading a string in such a heap.
    @Test func refusesAHeapThatNeverEnds() throws {
        var bytes = try fixtureBytes("strings.h5")
        let heap = try #require(bytes.firstRange(of: "GCOL".utf8)).lowerBound
        for index in [16, 17] + (24..<32) {
            bytes[heap + index] = 0
        }
        let file = try HDF5File(bytes: bytes, name: "loop.h5")
        let error = failure { () throws(HDF5Error) in _ = try file.root.attributes.string("variable") }
        #expect(
            error?.description == """
                could not read attribute 'variable' of 'loop.h5': \
                a heap of strings has an object of impossible size
                """)
    }

    /// What a descriptor of a string may say, by the place in it. HDF5 1.10 reads and writes outside its memory for each.
    enum Lie: CaseIterable {
        case longer, nowhere, elsewhere, another

        /// Changes length (4 bytes), address (8) or number (4).
        func change(_ bytes: inout [UInt8], at position: Int) {
            switch self {
            case .longer: bytes[position + 1] = 1
            case .nowhere: bytes[position + 9] = 0x7F
            case .elsewhere: bytes[position + 4] ^= 8
            case .another: bytes[position + 14] = 1
            }
        }

        var reason: String {
            switch self {
            case .longer: "a string of 263 bytes is not in the heap that it should be in"
            case .nowhere: "a heap of strings lies outside the file"
            case .elsewhere: "there is no heap of strings where one should be"
            case .another: "a string of 7 bytes is not in the heap that it should be in"
            }
        }
    }

    /// Of the file on a disk and in memory alike.
    @Test(arguments: Lie.allCases) func refusesStringsThatAreNotWhereTheyShouldBe(lie: Lie) throws {
        var bytes = try fixtureBytes("strings.h5")
        let heap = try #require(bytes.firstRange(of: "GCOL".utf8)).lowerBound
        let address = (0..<8).map { UInt8(truncatingIfNeeded: heap >> (8 * $0)) }
        let descriptor = try #require(bytes.firstRange(of: [7, 0, 0, 0] + address)).lowerBound
        lie.change(&bytes, at: descriptor)
        let damaged = bytes
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "s.h5")
            try Data(damaged).write(to: path)
            func check(_ file: borrowing HDF5File) {
                let error = failure { () throws(HDF5Error) in _ = try file.root.attributes.string("variable") }
                #expect(error?.description == "could not read attribute 'variable' of 's.h5': \(lie.reason)")
            }
            check(try HDF5File(bytes: damaged, name: "s.h5"))
            check(try HDF5File(opening: path.path, as: "s.h5"))
        }
    }

    /// HDF5 copies what lies behind its own memory when it reads such a dataset.
    @Test func refusesDataShorterThanDeclared() throws {
        var bytes = try fixtureBytes("types.h5")
        let file = try HDF5File(bytes: bytes, name: "t.h5")
        #expect(try file.root.dataset("little/float32").storedByteCount == 24)
        // The layout message of a contiguous dataset: version 3, class 1, address, size. Every size of 24 becomes 8.
        for start in bytes.indices.dropLast(24)
        where bytes[start] == 3 && bytes[start + 1] == 1
            && bytes[(start + 10)..<(start + 18)] == [24, 0, 0, 0, 0, 0, 0, 0]
        {
            bytes[start + 10] = 8
        }
        let short = try HDF5File(bytes: bytes, name: "short.h5")
        let error = failure { () throws(HDF5Error) in _ = try short.root.dataset("little/float32") }
        #expect(
            error?.description == """
                could not open '/little/float32' in 'short.h5': it declares 24 bytes of data, \
                but only 8 bytes are stored
                """)
    }
}
