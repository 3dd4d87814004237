import Deflate

/// An example as a small image: of one or three channels, or gray from black to white between its least and greatest number.
struct DrawnImage {
    let width: Int
    let height: Int
    /// 1 for gray, 3 for color.
    let channels: Int
    /// Rows from the top.
    let pixels: [UInt8]

    /// No side is longer: larger images are means of squares.
    private static let longestSide = 80
    /// Smaller things are no images.
    private static let shortestSide = 4

    /// - Parameters:
    ///   - numbers: Of one example, in the order of its shape.
    ///   - shape: Height × width, perhaps × channels; of a spectrogram frames × bands, drawn from left to right and from low
    ///     to high.
    /// - Returns: nil where the example is no image.
    init?(_ numbers: [Float], shape: [Int], isSpectrogram: Bool = false) {
        let channels = shape.count == 3 ? shape[2] : 1
        guard shape.count == 2 || shape.count == 3, [1, 3].contains(channels), numbers.count == shape.reduce(1, *),
            min(shape[0], shape[1]) >= Self.shortestSide
        else { return nil }
        let isTurned = isSpectrogram && shape.count == 2
        let rows = isTurned ? shape[1] : shape[0], columns = isTurned ? shape[0] : shape[1]
        let side = (max(rows, columns) + Self.longestSide - 1) / Self.longestSide
        let finite = numbers.filter(\.isFinite)
        guard let low = finite.min(), let high = finite.max() else { return nil }
        let scale = high > low ? 255 / (high - low) : 0
        (self.channels, height, width) = (channels, (rows + side - 1) / side, (columns + side - 1) / side)
        func number(_ row: Int, _ column: Int, _ channel: Int) -> Float {
            let place = isTurned ? column * shape[1] + (rows - 1 - row) : (row * columns + column) * channels + channel
            return numbers[place].isFinite ? numbers[place] : low
        }
        var pixels: [UInt8] = []
        pixels.reserveCapacity(width * height * channels)
        for top in stride(from: 0, to: rows, by: side) {
            for left in stride(from: 0, to: columns, by: side) {
                for channel in 0..<channels {
                    var sum: Float = 0, count: Float = 0
                    for row in top..<min(top + side, rows) {
                        for column in left..<min(left + side, columns) {
                            sum += number(row, column, channel) - low
                            count += 1
                        }
                    }
                    pixels.append(UInt8(min(max(sum / count * scale, 0), 255).rounded()))
                }
            }
        }
        self.pixels = pixels
    }

    /// The image as PNG (ISO/IEC 15948).
    var png: [UInt8] {
        var rows: [UInt8] = []
        let width = width * channels
        for row in 0..<height { rows += [0] + pixels[(row * width)..<((row + 1) * width)] }
        let header = Self.bytes(UInt32(self.width)) + Self.bytes(UInt32(height)) + [8, channels == 3 ? 2 : 0, 0, 0, 0]
        return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + Self.chunk("IHDR", header)
            + Self.chunk("IDAT", ZlibStream(rows).encoded()) + Self.chunk("IEND", [])
    }

    private static func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
        let content = Array(type.utf8) + data
        return bytes(UInt32(data.count)) + content + bytes(checksum(content))
    }

    /// The most significant byte first.
    private static func bytes(_ number: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    }

    /// CRC-32 of ISO 3309, as PNG has it.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~0) { table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ $0 >> 8 }
    }

    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { sum, _ in sum & 1 == 1 ? 0xEDB8_8320 ^ sum >> 1 : sum >> 1 }
    }
}
