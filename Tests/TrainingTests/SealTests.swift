import Foundation
import HDF5
import TestSupport
import Testing

@testable import Training

/// Files that end in the checksum of what stands before it.
@Suite struct SealTests {
    private func withFile(_ body: (URL) throws -> Void) throws {
        try withTemporaryFolder { folder in
            let url = folder.appending(path: "kept.h5")
            try HDF5File.writeSealed(to: url.path) { file in
                try file.root.createDataset("numbers", (0..<50).map(Float.init), shape: [50])
            }
            try body(url)
        }
    }

    @Test func isReadAsAnyHDF5File() throws {
        try withFile { url in
            #expect(Seal.isWhole(url.path))
            let numbers = try HDF5File(opening: url.path).root.dataset("numbers").read(as: Float.self)
            #expect(numbers == (0..<50).map(Float.init))
        }
    }

    /// "123456789" has the checksum e3069283 (RFC 3720 and every list of CRCs).
    @Test func endsInTheChecksumOfTheFile() throws {
        try withTemporaryFolder { folder in
            let url = folder.appending(path: "file")
            try Data("123456789".utf8).write(to: url)
            try Seal.add(to: url.path)
            #expect(try String(contentsOf: url, encoding: .utf8) == "123456789CRC-32C e3069283\n")
        }
    }

    @Test func noticesEveryBit() throws {
        try withFile { url in
            let good = try Data(contentsOf: url)
            for index in good.indices {
                var bad = good
                bad[index] ^= 1 << UInt8(index % 8)
                try bad.write(to: url)
                #expect(!Seal.isWhole(url.path), "byte \(index)")
            }
        }
    }

    @Test func noticesWhatIsLostOrAdded() throws {
        try withFile { url in
            let good = try Data(contentsOf: url)
            for bad in [Data(), good.dropLast(), good.prefix(16), good.dropFirst(), good + [10], good + good] {
                try Data(bad).write(to: url)
                #expect(!Seal.isWhole(url.path), "\(bad.count) bytes")
            }
            try FileManager.default.removeItem(at: url)
            #expect(!Seal.isWhole(url.path))
        }
    }
}
