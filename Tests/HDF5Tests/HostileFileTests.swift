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
}
