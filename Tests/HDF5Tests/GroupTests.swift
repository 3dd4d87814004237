import HDF5
import Testing

@Suite struct GroupTests {
    @Test(arguments: ["layouts.h5", "latest.h5", "userblock.h5"])
    func listsChildrenInOrder(name: String) throws {
        let file = try HDF5File(opening: fixture(name))
        #expect(
            try file.root.names() == ["chunked", "compact", "compressed", "contiguous", "growing", "many", "unwritten"])
        #expect(try file.root.group("many").names() == (0..<40).map { "layer_\($0)" }.sorted())
        #expect(try file.root.attributes.integer("attribute 11") == 11)
    }

    @Test func findsPathsOfAnyDepth() throws {
        let file = try HDF5File(opening: fixture("types.h5"))
        #expect(try file.root.contains("group/inner/leaf"))
        #expect(try file.root.contains("/group/inner"))
        #expect(try !file.root.contains("group/outer/leaf"))
        #expect(try !file.root.contains("scalar/leaf"))
        #expect(try file.root.kind(of: "group") == .group)
        #expect(try file.root.kind(of: "scalar") == .dataset)
        #expect(try file.root.kind(of: "nowhere") == nil)
        let inner = try file.root.group("group").group("inner")
        #expect(try inner.dataset("leaf").read(as: Int.self) == [0, 1, 2, 3])
        #expect(inner.place.description.hasPrefix("'/group/inner' in '"))
    }

    @Test func saysWhatIsNotThere() throws {
        let file = try HDF5File(bytes: fixtureBytes("types.h5"), name: "t.h5")
        let missing = failure { () throws(HDF5Error) in _ = try file.root.group("group").dataset("kernel:0") }
        #expect(missing?.description == "could not open '/group/kernel:0' in 't.h5': there is no such object")
        #expect(missing?.kind == .absent)
        #expect(
            failure { () throws(HDF5Error) in _ = try file.root.dataset("group") }?.description
                == "could not open '/group' in 't.h5': expected a dataset, found a group")
        #expect(
            failure { () throws(HDF5Error) in _ = try file.root.group("scalar") }?.description
                == "could not open '/scalar' in 't.h5': expected a group, found a dataset")
    }

    @Test func refusesTheSameNameTwice() throws {
        let file = try HDF5File.inMemory(name: "m.h5")
        _ = try file.root.createGroup("a")
        let error = failure { () throws(HDF5Error) in _ = try file.root.createGroup("a") }
        #expect(error?.description == "could not create '/a' in 'm.h5': unable to create group (name already exists)")
        #expect(error?.kind == .write)
    }
}
