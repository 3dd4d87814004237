import Foundation
import HDF5
import Testing

@Suite struct AttributeTests {
    static let names = ["dense", "größe", "", "aaaaaaaaaaaaaaaaaaaa"]

    @Test(arguments: ["variable", "variable ascii flag", "fixed"])
    func readsStringsOfEveryKindAsUTF8(name: String) throws {
        let file = try HDF5File(opening: fixture("strings.h5"))
        #expect(try file.root.attributes.string(name) == "größe")
    }

    @Test func readsStringsTooLongForAHeader() throws {
        let file = try HDF5File(opening: fixture("strings.h5"))
        #expect(try file.root.attributes.string("variable long") == String(repeating: "x", count: 70_000))
        #expect(try file.root.attributes.string("variable empty") == "")
        #expect(try file.root.attributes.string("one in a list") == "alone")
    }

    @Test(arguments: [
        "variable list", "variable list ascii flag", "fixed list", "null terminated list", "space padded list",
        "utf8 flag list", "layer_names",
    ])
    func readsListsOfEveryKind(name: String) throws {
        let file = try HDF5File(opening: fixture("strings.h5"))
        #expect(try file.root.attributes.strings(name) == Self.names)
    }

    @Test(arguments: ["empty list", "empty text list"])
    func readsEmptyListsWhateverTheirType(name: String) throws {
        let file = try HDF5File(opening: fixture("strings.h5"))
        #expect(try file.root.attributes.strings(name).isEmpty)
    }

    @Test func readsNumbersOfEveryType() throws {
        let file = try HDF5File(opening: fixture("strings.h5"))
        let expected = [
            ("int", 42), ("float", 0.5), ("half", 0.25), ("big endian", -3), ("true", 1), ("number in a list", 7),
        ]
        for (name, value) in expected {
            #expect(try file.root.attributes.double(name) == value, "\(name)")
        }
        #expect(try file.root.attributes.integer("int") == 42)
        #expect(try file.root.attributes.integer("big endian") == -3)
        #expect(try file.root.attributes.integer("true") == 1)
    }

    @Test func saysWhatItFoundInsteadOfWhatWasAskedFor() throws {
        let file = try HDF5File(bytes: fixtureBytes("strings.h5"), name: "s.h5")
        #expect(
            failure { () throws(HDF5Error) in _ = try file.root.attributes.string("int") }?.description
                == "could not read attribute 'int' of 's.h5': expected strings, found int64")
        #expect(
            failure { () throws(HDF5Error) in _ = try file.root.attributes.string("fixed list") }?.description
                == "could not read attribute 'fixed list' of 's.h5': expected one string, found 4")
        #expect(
            failure { () throws(HDF5Error) in _ = try file.root.attributes.double("variable") }?.description
                == "could not read attribute 'variable' of 's.h5': expected a number, found string")
        #expect(
            failure { () throws(HDF5Error) in _ = try file.root.attributes.double("numbers") }?.description
                == "could not read attribute 'numbers' of 's.h5': expected one number, found 3")
        #expect(
            failure { () throws(HDF5Error) in _ = try file.root.attributes.integer("float") }?.description
                == "could not read attribute 'float' of 's.h5': expected a whole number, found float64")
        let missing = failure { () throws(HDF5Error) in _ = try file.root.attributes.strings("weight_names") }
        #expect(
            missing?.description
                == "could not read attribute 'weight_names' of 's.h5': there is no such attribute")
        #expect(missing?.kind == .absent)
    }

    @Test func writesWhatItReads() throws {
        let long = String(repeating: "größe", count: 20_000)
        let bytes = try writtenBytes { root in
            let texts = ["", "größe", "a\0b", "  spaces  ", long]
            for (index, text) in texts.enumerated() {
                try root.attributes.write(text, to: "text \(index)")
            }
            try root.attributes.write(Self.names, to: "names")
            try root.attributes.write([String](), to: "none")
            try root.attributes.write([""], to: "blank")
            try root.attributes.write(Float(0.1), to: "float")
            try root.attributes.write(-7, to: "int")
            try root.attributes.write(0.1, to: "double")
        }
        let copy = try HDF5File(bytes: bytes, name: "copy")
        #expect(try copy.root.attributes.string("text 0") == "")
        #expect(try copy.root.attributes.string("text 1") == "größe")
        // HDF5 ends strings of variable length at the first zero.
        #expect(try copy.root.attributes.string("text 2") == "a")
        #expect(try copy.root.attributes.string("text 3") == "  spaces  ")
        #expect(try copy.root.attributes.string("text 4") == long)
        #expect(try copy.root.attributes.strings("names") == Self.names)
        #expect(try copy.root.attributes.strings("none").isEmpty)
        #expect(try copy.root.attributes.strings("blank") == [""])
        #expect(try copy.root.attributes.double("float") == Double(Float(0.1)))
        #expect(try copy.root.attributes.integer("int") == -7)
        #expect(try copy.root.attributes.double("double") == 0.1)
    }

    @Test func cutsLongListsAsKerasDoes() throws {
        let names = (0..<10_001).map { "block_\($0)/kernel:0" }
        let file = try HDF5File.inMemory()
        try file.root.attributes.write(names, to: "weight_names")
        #expect(try !file.root.attributes.contains("weight_names"))
        // 10,001 names of 20 bytes, 64,512 bytes at most in each piece: four pieces, the first one longer.
        #expect(try file.root.attributes.strings("weight_names0").count == 2501)
        #expect(try file.root.attributes.strings("weight_names3").count == 2500)
        #expect(try !file.root.attributes.contains("weight_names4"))
        #expect(try file.root.attributes.strings("weight_names") == names)
    }

    @Test func refusesNamesThatFitNowhere() throws {
        let file = try HDF5File.inMemory(name: "m.h5")
        let name = String(repeating: "n", count: 64_513)
        let error = failure { () throws(HDF5Error) in try file.root.attributes.write([name], to: "layer_names") }
        #expect(
            error?.description
                == "could not write attribute 'layer_names' of 'm.h5': a string of 64513 bytes is longer than the limit of 64512"
        )
    }
}
