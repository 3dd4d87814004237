import Foundation
import HDF5
import Testing

@Suite struct FileTests {
    @Test func saysThatAFileIsMissing() {
        let error = failure { () throws(HDF5Error) in _ = try HDF5File(opening: "no/such/gru.h5") }
        #expect(error?.description == "could not open 'no/such/gru.h5': there is no such file")
        #expect(error?.kind == .missing)
    }

    @Test func saysThatADirectoryIsNoFile() throws {
        try withTemporaryFolder { folder in
            let error = failure { () throws(HDF5Error) in _ = try HDF5File(opening: folder.path) }
            #expect(error?.description == "could not open '\(folder.path)': it is a directory")
            #expect(error?.kind == .unreadable)
        }
    }

    @Test(.enabled(if: getuid() != 0, "the superuser may read everything"))
    func saysThatAFileMayNotBeRead() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "secret.h5").path
            _ = FileManager.default.createFile(atPath: path, contents: Data(), attributes: [.posixPermissions: 0])
            let error = failure { () throws(HDF5Error) in _ = try HDF5File(opening: path) }
            #expect(error?.description == "could not open '\(path)': permission denied")
            #expect(error?.kind == .unreadable)
        }
    }

    @Test func refusesForeignFilesWithTheLibrarysReasons() throws {
        let error = failure { () throws(HDF5Error) in
            _ = try HDF5File(bytes: Array("not a model at all".utf8), name: "gru.h5")
        }
        #expect(error?.description == "could not open 'gru.h5': it is no HDF5 file")
        #expect(error?.kind == .damaged)
    }

    @Test func refusesTruncatedFiles() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "short.h5").path
            let bytes = try fixtureBytes("layouts.h5")
            try Data(bytes.prefix(5000)).write(to: URL(filePath: path))
            let error = failure { () throws(HDF5Error) in _ = try HDF5File(opening: path) }
            #expect(
                error?.description == """
                    could not open '\(path)': it is cut off: of \(bytes.count) bytes 5000 are there. \
                    Copy or download it again
                    """)
            #expect(error?.kind == .damaged)
        }
    }

    @Test func refusesEmptyFiles() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "empty.h5").path
            try Data().write(to: URL(filePath: path))
            let error = failure { () throws(HDF5Error) in _ = try HDF5File(opening: path) }
            #expect(
                error?.description
                    == "could not open '\(path)': it is empty, not HDF5. Copy or download it again")
        }
    }

    @Test func neverReplacesAFile() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "a.h5").path
            _ = try HDF5File(creating: path)
            let error = failure { () throws(HDF5Error) in _ = try HDF5File(creating: path) }
            #expect(error?.description == "could not create '\(path)': it exists already")
            #expect(error?.kind == .write)
        }
    }

    @Test func writesFilesThatCanBeReadAgain() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "a.h5").path
            let file = try HDF5File(creating: path)
            try file.root.createDataset("a/b/c", [Float(1), 2], shape: [2])
            try file.close()
            #expect(try HDF5File(opening: path).root.dataset("a/b/c").read() == [Float(1), 2])
        }
    }

    @Test func theSameContentGivesTheSameBytes() throws {
        let first = try writtenBytes { root in try writeModel(into: root, layers: 12, units: 10) }
        let second = try writtenBytes { root in try writeModel(into: root, layers: 12, units: 10) }
        #expect(first == second)
    }

    @Test(arguments: [(1, 7), (30, 10), (300, 3), (4, 600)])
    func knowsTheSizeOfAFileBeforeItsDataExist(layers: Int, units: Int) throws {
        let planned = try HDF5File.inMemory()
        try writeModel(into: planned.root, layers: layers, units: units, withData: false)
        let written = try HDF5File.inMemory()
        try writeModel(into: written.root, layers: layers, units: units)
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "model.h5").path
            let file = try HDF5File(creating: path)
            try writeModel(into: file.root, layers: layers, units: units)
            try file.close()
            let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
            #expect(try planned.byteCount() == size)
            #expect(try written.byteCount() == size)
            #expect(try HDF5File(opening: path).byteCount() == size)
        }
    }

    @Test func plansATerabyteWithoutItsMemory() throws {
        let file = try HDF5File.inMemory()
        _ = try file.root.createDataset("large", .float32, shape: [1 << 20, 1 << 18])
        #expect(try file.byteCount() - (1 << 40) < 1000)
    }

    @Test func takesLittleMoreThanTheDataTake() throws {
        let file = try HDF5File.inMemory()
        try writeModel(into: file.root, layers: 30, units: 10)
        let data = 30 * (10 * 10 + 10) * 4, configuration = 30 * 30 * 12
        #expect(try file.byteCount() - data - configuration < 30 * 900)
    }

    /// Groups, names, configuration and weights like those of a Keras model.
    private func writeModel(
        into root: borrowing HDF5Group, layers: Int, units: Int, withData: Bool = true
    ) throws {
        try root.attributes.write(String(repeating: "{\"layer\": 1}", count: layers * 30), to: "model_config")
        let weights = try root.createGroup("model_weights")
        try weights.attributes.write((0..<layers).map { "dense_\($0)" }, to: "layer_names")
        for layer in 0..<layers {
            let group = try weights.createGroup("dense_\(layer)")
            try group.attributes.write(["kernel", "bias"], to: "weight_names")
            for (name, shape) in [("kernel", [units, units]), ("bias", [units])] {
                let dataset = try group.createDataset(name, .float32, shape: shape)
                if withData {
                    try dataset.write([Float](repeating: 1, count: dataset.elementCount).span)
                }
            }
        }
    }
}
