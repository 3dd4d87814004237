import Foundation
import Testing

@testable import HDF5

/// What a file is, by its first bytes.
@Suite struct FileKindTests {
    @Test(
        arguments: [
            ([], .empty), ([UInt8](repeating: 0, count: 100), .zeros),
            ([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A, 0], .hdf5),
            ([UInt8](repeating: 7, count: 512) + [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A], .hdf5),
            (Array("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n".utf8), .lfsPointer),
            (Array("../../.git/annex/objects/xW/9m/SHA256E-s12--4d7a.h5".utf8), .annexPointer),
            (Array("\n<!DOCTYPE html><html><head>".utf8), .webPage), (Array("<HTML>".utf8), .webPage),
            (Array("{\"class_name\": \"Sequential\"}".utf8), .json), (Array("a plain text, ä€".utf8), .text),
            ([0x1F, 0x8B, 0x08, 0x00], .gzip), ([0x93] + Array("NUMPY\u{1}".utf8), .npy),
            ([0x08, 0x07, 0x12, 0x07] + Array("pytorch".utf8), .onnx),
            ([0x08, 0x01, 0x12, 0xE9, 0x8E, 0x02, 0x0A, 0x40], .savedModel),
            ([0x1C, 0, 0, 0] + Array("TFL3".utf8) + [0, 0], .tensorFlowLite),
            ([0x30, 0, 0, 0, 0, 0, 0, 0] + Array("{\"weight\":".utf8), .safetensors),
            ([0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20], .pyTorch),
            ([0x80, 0x04, 0x95, 0x10], .pickle), ([0x00, 0x00, 0x08, 0x03, 0, 0, 0xEA, 0x60], .idx),
            ([0x03, 0x9C, 0xFF, 0x41], .unknown),
            (Array("caf".utf8) + [0xE9] + Array(",1\nsecond,2,3,4\n".utf8), .text),
            ([0xFF, 0xFE] + Array("a,b\n1,2\n".utf16).flatMap { [UInt8($0), 0] }, .wideText),
            ([0xFE, 0xFF] + Array("a,b\n1,2\n".utf16).flatMap { [0, UInt8($0)] }, .wideText),
            (Array("a,b\n1,2\n".utf16).flatMap { [UInt8($0), 0] }, .wideText),
            ([0xFF, 0xFE, 0, 0] + Array("a,b\n".utf16).flatMap { [UInt8($0), 0, 0, 0] }, .wideText),
            ([0xFF, 0xFE, 0x03, 0x01, 0x41, 0x02], .unknown),
            (
                [0x0A, 0x19, 0x0A, 0x01] + Array("x".utf8) + [0x12, 0x0B] + Array("Placeholder".utf8) + [0x2A, 0x07],
                .frozenGraph
            ),
            (
                [0x0A, 0x96, 0x01, 0x0A, 0x0B] + Array("conv1/Conv2".utf8) + [0x12, 0x05] + Array("Const".utf8),
                .frozenGraph
            ),
            (Array("node {\n  name: \"x\"\n  op: \"Placeholder\"\n}".utf8), .frozenGraph),
            ([0x0A, 0x19, 0x0A, 0x01, 0x07, 0x12, 0x02, 0x41, 0x42], .unknown),
        ] as [([UInt8], FileKind)])
    func isKnownByItsFirstBytes(start: [UInt8], kind: FileKind) {
        #expect(FileKind(start: start) == kind)
    }

    @Test(
        arguments: [
            ("metadata.json", .kerasArchive), ("config.json", .kerasArchive), ("x_train.npy", .npz),
            ("archive/data.pkl", .pyTorch), ("[Content_Types].xml", .zip),
        ] as [(String, FileKind)])
    func anArchiveIsKnownByItsFirstMember(name: String, kind: FileKind) {
        var start: [UInt8] =
            [0x50, 0x4B, 0x03, 0x04] + [UInt8](repeating: 0, count: 26) + Array(name.utf8) + [1, 2, 3]
        start[26] = UInt8(name.utf8.count)
        #expect(FileKind(start: start) == kind)
    }

    @Test func knowsFoldersAndTheEndsOfFiles() throws {
        try withTemporaryFolder { folder in
            #expect(FileKind(of: folder.path) == .folder)
            #expect(FileKind(of: folder.path + "/nowhere") == nil)
            _ = FileManager.default.createFile(atPath: folder.path + "/saved_model.pb", contents: Data([8, 1]))
            #expect(FileKind(of: folder.path) == .savedModelFolder)
            let index = folder.path + "/variables.index"
            let bytes = [UInt8](repeating: 3, count: 5_000) + [0x57, 0xFB, 0x80, 0x8B, 0x24, 0x75, 0x47, 0xDB]
            _ = FileManager.default.createFile(atPath: index, contents: Data(bytes))
            #expect(FileKind(of: index) == .tensorFlowCheckpoint)
        }
    }

    /// One record of the bytes abcd, whose length has the masked CRC-32C that TensorFlow writes, or a wrong one.
    @Test(arguments: [[0x42, 0x45, 0x52, 0x04], [1, 2, 3, 4]] as [[UInt8]])
    func knowsRecords(checksum: [UInt8]) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "a.tfrecord").path
            let record = [4, 0, 0, 0, 0, 0, 0, 0] + checksum + Array("abcd".utf8) + [5, 6, 7, 8]
            try Data(record).write(to: URL(filePath: path))
            #expect(FileKind(of: path) == .records)
        }
    }

    @Test func saysWhatToDo() {
        #expect(
            FileKind.lfsPointer.refusal(for: .data)
                == "it is a Git LFS pointer, not HDF5. Fetch the file itself with 'git lfs pull'")
        #expect(
            FileKind.npz.refusal(for: .data)
                == "it is an archive of NumPy's arrays (.npz), not HDF5")
        #expect(FileKind.unknown.refusal(for: .data) == "it is no HDF5 file")
    }

    /// A message is read by a human: every kind fits in one.
    @Test(arguments: FileKind.allCases)
    func aRefusalIsShort(kind: FileKind) {
        for use in [FileKind.Use.model, .data] { #expect(kind.refusal(for: use).count < 220) }
    }
}
