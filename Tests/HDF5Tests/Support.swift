import Foundation
import HDF5

/// A file that `Tools/reference/hdf5_fixtures.py` wrote.
func fixture(_ name: String) -> String {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/\(name)").path
}

/// The bytes of a fixture, for tests that damage them.
func fixtureBytes(_ name: String) throws -> [UInt8] {
    try Array(Data(contentsOf: URL(filePath: fixture(name))))
}

/// Lends a folder that is removed afterwards.
func withTemporaryFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
}

/// The error that `body` throws, to compare its text and kind.
func failure(_ body: () throws(HDF5Error) -> Void) -> HDF5Error? {
    do {
        try body()
        return nil
    } catch {
        return error
    }
}

/// The bytes of a file with the given content, written to disk and read back.
func writtenBytes(_ write: (borrowing HDF5Group) throws -> Void) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try withTemporaryFolder { folder in
        let path = folder.appending(path: "written.h5")
        let file = try HDF5File(creating: path.path)
        try write(file.root)
        try file.close()
        bytes = try Array(Data(contentsOf: path))
    }
    return bytes
}
