import Foundation
import Storage

/// What a file says of its image before any pixel: PNG or JPEG.
public struct ImageHeader: Hashable, Sendable {
    /// As they are to be seen: turned as EXIF's orientation says.
    public let height: Int
    public let width: Int
    public let isGray: Bool
    /// How the pixels of a JPEG file are to be turned, from 1 to 8, as cameras note it in EXIF.
    public let orientation: Int

    /// Reads the header of a file.
    ///
    /// - Throws: `ImageProblem` if it is no PNG or JPEG image; `InputFile.Problem` if it cannot be read.
    public init(of path: String) throws {
        let file = try InputFile.open(path)
        defer { try? file.close() }
        var bytes = FileBytes(file)
        let start = bytes.at(0, 16)
        if start.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
            self = try Self.png(&bytes)
        } else if start.starts(with: [0xFF, 0xD8, 0xFF]) {
            self = try Self.jpeg(&bytes)
        } else {
            throw ImageProblem(expected: "a PNG or JPEG image", found: Self.name(start))
        }
        guard height > 0, width > 0 else {
            throw ImageProblem(expected: "an image of pixels", found: "\(height) x \(width) of them")
        }
    }

    private init(height: Int, width: Int, isGray: Bool, orientation: Int) {
        let isTransposed = orientation > 4
        self.height = isTransposed ? width : height
        self.width = isTransposed ? height : width
        (self.isGray, self.orientation) = (isGray, orientation)
    }

    /// Other formats by their first bytes.
    private static func name(_ start: [UInt8]) -> String {
        func has(_ text: String, at place: Int = 0) -> Bool { start.dropFirst(place).starts(with: text.utf8) }
        if start.isEmpty { return "an empty file" }
        if has("GIF8") { return "a GIF image" }
        if has("RIFF"), has("WEBP", at: 8) { return "a WebP image" }
        if has("BM") { return "a BMP image" }
        if has("II*") || has("MM\0*") { return "a TIFF image" }
        if has("ftyp", at: 4) { return "a HEIC or AVIF image, or a video" }
        if has("\u{0}\u{0}\u{0}\u{0C}jP") { return "a JPEG 2000 image" }
        return start.allSatisfy { $0 >= 9 && $0 < 127 } ? "text" : "something else"
    }
}

/// Why an image is refused.
public struct ImageProblem: Error, Hashable, CustomStringConvertible {
    public let expected: String
    public let found: String

    public init(expected: String, found: String) { (self.expected, self.found) = (expected, found) }

    public var description: String { "expected \(expected), found \(found)" }
}

// MARK: - Formats

extension ImageHeader {
    /// The first chunk: its length and name, width, height, depth and color type.
    private static func png(_ bytes: inout FileBytes) throws(ImageProblem) -> ImageHeader {
        guard let width = bytes.number(16, 4), let height = bytes.number(20, 4), let color = bytes.number(25, 1),
            bytes.at(12, 4) == Array("IHDR".utf8)
        else { throw ImageProblem(expected: "a whole PNG file", found: "one that ends in its header") }
        // 0 is gray, 4 gray with transparency.
        return ImageHeader(height: height, width: width, isGray: color & 3 == 0, orientation: 1)
    }

    /// Segments: 0xFF, a marker, and, but for a few, the length and content; the start of a frame has the size.
    private static func jpeg(_ bytes: inout FileBytes) throws(ImageProblem) -> ImageHeader {
        var place = 2, orientation = 1
        while let first = bytes.number(place, 1), let marker = bytes.number(place + 1, 1) {
            guard first == 0xFF, marker != 0xFF else {
                // Fill bytes, and what libjpeg passes over.
                place += 1
                continue
            }
            if marker == 0 || marker == 1 || (0xD0...0xD8).contains(marker) {
                place += 2
                continue
            }
            guard let length = bytes.number(place + 2, 2), length >= 2, marker != 0xD9, marker != 0xDA else { break }
            if (0xC0...0xCF).contains(marker), ![0xC4, 0xC8, 0xCC].contains(marker) {
                guard let height = bytes.number(place + 5, 2), let width = bytes.number(place + 7, 2),
                    let channels = bytes.number(place + 9, 1)
                else { break }
                return ImageHeader(height: height, width: width, isGray: channels == 1, orientation: orientation)
            }
            if marker == 0xE1, let found = EXIF.orientation(bytes.at(place + 4, length - 2)) { orientation = found }
            place += 2 + length
        }
        throw ImageProblem(expected: "a whole JPEG file", found: "one without the size of its image")
    }
}

/// What cameras note in a JPEG file: "Exif", two zeros, then a TIFF file.
private enum EXIF {
    static func orientation(_ segment: [UInt8]) -> Int? {
        guard segment.starts(with: "Exif\0\0".utf8) else { return nil }
        let tiff = Array(segment.dropFirst(6))
        let isLittle = tiff.starts(with: "II".utf8)
        func number(_ place: Int, _ count: Int) -> Int? {
            guard place >= 0, place + count <= tiff.count else { return nil }
            let bytes = tiff[place..<(place + count)]
            return (isLittle ? Array(bytes.reversed()) : Array(bytes)).reduce(0) { $0 << 8 | Int($1) }
        }
        guard isLittle || tiff.starts(with: "MM".utf8), let directory = number(4, 4), let count = number(directory, 2)
        else { return nil }
        // Entries of 12 bytes: tag, type, count, value. Tag 0x0112, a short number.
        for entry in 0..<count {
            let place = directory + 2 + 12 * entry
            guard let tag = number(place, 2) else { return nil }
            guard tag == 0x0112, number(place + 2, 2) == 3, let value = number(place + 8, 2) else { continue }
            return (1...8).contains(value) ? value : nil
        }
        return nil
    }
}

/// Bytes of a file at any place, read some at a time.
private struct FileBytes {
    private let file: FileHandle
    private var block: [UInt8] = []
    private var start = 0
    private static let byteCount = 1 << 13

    init(_ file: FileHandle) { self.file = file }

    /// As many of the bytes as there are.
    mutating func at(_ place: Int, _ count: Int) -> [UInt8] {
        if place < start || place + count > start + block.count {
            guard (try? file.seek(toOffset: UInt64(place))) != nil else { return [] }
            block = Array((try? file.read(upToCount: max(count, Self.byteCount))) ?? Data())
            start = place
        }
        let first = min(place - start, block.count)
        return Array(block[first..<min(first + count, block.count)])
    }

    /// A big-endian number; nil behind the end of the file.
    mutating func number(_ place: Int, _ count: Int) -> Int? {
        let bytes = at(place, count)
        return bytes.count == count ? bytes.reduce(0) { $0 << 8 | Int($1) } : nil
    }
}
