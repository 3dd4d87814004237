import Foundation
import Storage

/// What a file is, by its first bytes and not by its name: for the message about a file that is something else than
/// was expected.
public enum FileKind: Hashable, Sendable, CaseIterable {
    case hdf5, kerasArchive
    case empty, zeros, lfsPointer, annexPointer, webPage, json, text, wideText
    case gzip, bzip2, xz, zstd, lz4, sevenZip, rar, tar, zip
    case npy, npz, matlab, idx, parquet, arrow, netCDF, sqlite, pickle, image, pdf
    case pyTorch, onnx, tensorFlowLite, safetensors, gguf, savedModel, savedModelFolder, tensorFlowCheckpoint,
        frozenGraph
    case unzippedKeras, folder, records, unknown

    /// What the file was to be.
    public enum Use: Sendable { case model, data }

    /// - Returns: nil where there is no such file, where it may not be read, or where it is no file: a pipe or a device.
    public init?(of path: String) {
        let target = URL(filePath: path).resolvingSymlinksInPath()
        let values = try? target.resourceValues(forKeys: [.isDirectoryKey])
        if values?.isDirectory == true {
            self = Self.folder(target)
            return
        }
        guard let file = try? InputFile.open(path) else { return nil }
        defer { try? file.close() }
        guard let start = try? file.read(upToCount: Self.startLimit) ?? Data() else { return nil }
        let end = (try? file.seekToEnd()) ?? 0
        var tail = Data()
        if end >= 8, (try? file.seek(toOffset: end - 8)) != nil { tail = (try? file.read(upToCount: 8)) ?? Data() }
        self.init(start: Array(start), tail: Array(tail))
        if self == .unknown, Self.isRecord(Array(start.prefix(12)), byteCount: Int(clamping: end)) { self = .records }
    }

    /// Whether a file begins as TFRecords do: with the length of a record, and the masked CRC-32C of that; or is one record
    /// whose checksums are wrong.
    private static func isRecord(_ start: [UInt8], byteCount: Int) -> Bool {
        guard start.count == 12 else { return false }
        let length = start[..<8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        // Two checksums and the length itself are 16 bytes.
        if length > 0, byteCount > 16, length == UInt64(byteCount - 16) { return true }
        var remainder: UInt32 = 0xFFFF_FFFF
        for byte in start[..<8] {
            remainder ^= UInt32(byte)
            for _ in 0..<8 { remainder = remainder >> 1 ^ (remainder & 1 == 0 ? 0 : 0x82F6_3B78) }
        }
        remainder = ~remainder
        let masked = (remainder >> 15 | remainder << 17) &+ 0xA282_EAD8
        let stored = start[8...].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return masked == stored && length < UInt64(byteCount)
    }

    private static let startLimit = 4096

    /// - Parameters:
    ///   - start: The first bytes of a file, up to 4,096 of them.
    ///   - tail: Its last eight.
    init(start: [UInt8], tail: [UInt8] = []) {
        if start.isEmpty {
            self = .empty
        } else if let magic = Self.magics.first(where: { Self.has($0.bytes, start, at: $0.offset) }) {
            self = magic.kind
        } else if Self.has([0x50, 0x4B, 0x03, 0x04], start) {
            self = Self.archive(start)
        } else if tail == [0x57, 0xFB, 0x80, 0x8B, 0x24, 0x75, 0x47, 0xDB] {
            self = .tensorFlowCheckpoint
        } else if start.allSatisfy({ $0 == 0 }) {
            self = .zeros
        } else if let kind = Self.text(start) ?? Self.wideText(start) ?? Self.message(start) ?? Self.graph(start) {
            self = kind
        } else {
            self = .unknown
        }
    }

    private static func has(_ bytes: [UInt8], _ start: [UInt8], at offset: Int = 0) -> Bool {
        start.dropFirst(offset).starts(with: bytes)
    }

    private struct Magic {
        let kind: FileKind
        let bytes: [UInt8]
        var offset = 0
    }

    private static let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]

    private static let magics: [Magic] =
        [0, 512, 1024, 2048].map { Magic(kind: .hdf5, bytes: signature, offset: $0) } + [
            Magic(kind: .gzip, bytes: [0x1F, 0x8B]),
            Magic(kind: .bzip2, bytes: Array("BZh".utf8)),
            Magic(kind: .xz, bytes: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]),
            Magic(kind: .zstd, bytes: [0x28, 0xB5, 0x2F, 0xFD]),
            Magic(kind: .lz4, bytes: [0x04, 0x22, 0x4D, 0x18]),
            Magic(kind: .sevenZip, bytes: [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C]),
            Magic(kind: .rar, bytes: Array("Rar!".utf8)),
            Magic(kind: .tar, bytes: Array("ustar".utf8), offset: 257),
            Magic(kind: .npy, bytes: [0x93] + Array("NUMPY".utf8)),
            Magic(kind: .matlab, bytes: Array("MATLAB 5.0".utf8)),
            Magic(kind: .parquet, bytes: Array("PAR1".utf8)),
            Magic(kind: .arrow, bytes: Array("ARROW1".utf8)),
            Magic(kind: .netCDF, bytes: Array("CDF".utf8)),
            Magic(kind: .sqlite, bytes: Array("SQLite format 3".utf8)),
            Magic(kind: .tensorFlowLite, bytes: Array("TFL3".utf8), offset: 4),
            Magic(kind: .gguf, bytes: Array("GGUF".utf8)),
            Magic(kind: .safetensors, bytes: Array("{\"".utf8), offset: 8),
            // The number with which PyTorch's older files begin, pickled.
            Magic(kind: .pyTorch, bytes: [0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9]),
            Magic(kind: .pickle, bytes: [0x80, 0x02]), Magic(kind: .pickle, bytes: [0x80, 0x03]),
            Magic(kind: .pickle, bytes: [0x80, 0x04, 0x95]), Magic(kind: .pickle, bytes: [0x80, 0x05, 0x95]),
            Magic(kind: .image, bytes: [0x89, 0x50, 0x4E, 0x47]), Magic(kind: .image, bytes: [0xFF, 0xD8, 0xFF]),
            Magic(kind: .image, bytes: Array("GIF8".utf8)),
            Magic(kind: .image, bytes: Array("WEBP".utf8), offset: 8),
            Magic(kind: .pdf, bytes: Array("%PDF".utf8)),
            Magic(kind: .idx, bytes: [0x00, 0x00, 0x08, 0x01]), Magic(kind: .idx, bytes: [0x00, 0x00, 0x08, 0x03]),
        ]

    /// What a zip archive holds, by the name of its first member.
    private static func archive(_ start: [UInt8]) -> FileKind {
        guard start.count > 30 else { return .zip }
        let length = Int(start[26]) | Int(start[27]) << 8
        let name = String(decoding: start.dropFirst(30).prefix(length), as: UTF8.self)
        if ["metadata.json", "config.json", "model.weights.h5", "_self_check_"].contains(name) { return .kerasArchive }
        if name.hasSuffix(".npy") { return .npz }
        return name.hasSuffix("/data.pkl") || name.hasSuffix("/version") ? .pyTorch : .zip
    }

    private static func text(_ start: [UInt8]) -> FileKind? {
        let isPlain = start.allSatisfy { $0 >= 0x20 && $0 != 0x7F || [0x09, 0x0A, 0x0C, 0x0D].contains($0) }
        // The last character may be cut.
        let isUnicode = (0..<4).contains { String(validating: start.dropLast($0), as: UTF8.self) != nil }
        // Older encodings have a byte above 127 here and there.
        let isMostlyASCII = start.count { $0 < 0x80 } * 10 >= start.count * 8 && start.count > 16
        guard isPlain, isUnicode || isMostlyASCII else { return nil }
        var text = String(decoding: start, as: UTF8.self)[...]
        if text.first == "\u{FEFF}" { text = text.dropFirst() }
        text = text.drop { $0.isWhitespace }
        if text.hasPrefix("version https://git-lfs") { return .lfsPointer }
        if text.hasPrefix("/annex/objects/") || text.contains(".git/annex/objects/") { return .annexPointer }
        if text.hasPrefix("model_checkpoint_path") { return .tensorFlowCheckpoint }
        if text.prefixMatch(of: /node\s*\{\s*name:/) != nil { return .frozenGraph }
        let head = text.prefix(500).lowercased()
        if head.hasPrefix("<!doctype html") || head.contains("<html") || head.hasPrefix("<?xml") { return .webPage }
        return text.hasPrefix("{") || text.hasPrefix("[") ? .json : .text
    }

    /// Text of two or four bytes a character: it has a mark at the beginning, or every other byte of it is 0.
    private static func wideText(_ start: [UInt8]) -> FileKind? {
        let marks: [[UInt8]] = [[0xFF, 0xFE], [0xFE, 0xFF], [0, 0, 0xFE, 0xFF]]
        guard start.count >= 4 else { return nil }
        if marks.contains(where: { has($0, start) }) {
            // Of other files that begin so, some bytes beside zeros are no text.
            let others = start.dropFirst(4).filter { $0 != 0 }
            return others.allSatisfy { $0 >= 0x20 || [0x09, 0x0A, 0x0D].contains($0) } ? .wideText : nil
        }
        func isASCII(_ first: Int, zeros: Int) -> Bool {
            stride(from: 0, to: start.count - 1, by: 2).allSatisfy { place in
                let byte = start[place + first]
                return start[place + zeros] == 0 && (0x20..<0x7F ~= byte || [0x09, 0x0A, 0x0D].contains(byte))
            }
        }
        return isASCII(0, zeros: 1) || isASCII(1, zeros: 0) ? .wideText : nil
    }

    /// A graph of TensorFlow's: its first node has a name, and the name of an operation.
    private static func graph(_ start: [UInt8]) -> FileKind? {
        var rest = start[...]
        /// The length of the next field, if it has a number and holds bytes.
        func length(of field: UInt8) -> Int? {
            guard rest.popFirst() == field << 3 | 2 else { return nil }
            var length = 0, shift = 0
            while let byte = rest.popFirst(), shift < 35 {
                length |= Int(byte & 0x7F) << shift
                if byte < 0x80 { return length }
                shift += 7
            }
            return nil
        }
        func word(_ field: UInt8) -> [UInt8]? {
            guard let count = length(of: field), count > 0, count <= rest.count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        let marks = Array("_./-:>\\".utf8)
        func isName(_ word: [UInt8]) -> Bool {
            word.allSatisfy { byte in
                let character = Character(UnicodeScalar(byte))
                return byte < 0x80 && (character.isLetter || character.isNumber || marks.contains(byte))
            }
        }
        guard let node = length(of: 1), node > 4, let name = word(1), let operation = word(2), isName(name),
            isName(operation),
            let first = operation.first, (0x41...0x5A).contains(first) || first == 0x5F
        else { return nil }
        return .frozenGraph
    }

    /// Messages of protocol buffers: their version, and then who made the model, or what is in it.
    private static func message(_ start: [UInt8]) -> FileKind? {
        guard start.count > 4, start[0] == 0x08, (1...30).contains(start[1]) else { return nil }
        if start[2] == 0x12 {
            let value = start.dropFirst(3).drop { $0 >= 0x80 }.dropFirst()
            if value.first == 0x0A || value.first == 0x12 { return start[1] == 1 ? .savedModel : nil }
            return value.first.map { $0 >= 0x20 && $0 < 0x7F } == true ? .onnx : nil
        }
        return start[2] == 0x3A || start[2] == 0x42 ? .onnx : nil
    }

    private static func folder(_ url: URL) -> FileKind {
        func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: url.appending(path: name).path) }
        if has("saved_model.pb") || has("keras_metadata.pb") { return .savedModelFolder }
        return has("config.json") && has("model.weights.h5") ? .unzippedKeras : .folder
    }
}
