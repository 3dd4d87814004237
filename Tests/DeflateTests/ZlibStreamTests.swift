import CZlib
import Deflate
import Testing

@Suite struct ZlibStreamTests {
    @Test func zlibUnpacksWhatIsPackedAndTheSizeIsKnownBefore() throws {
        var random = Generator(state: 1)
        for round in 0..<400 {
            let bytes = random.bytes(
                count: Int(random.next(1 << (round % 17))), kinds: 1 + Int(random.next(256)),
                zeros: Double(random.next(1000)) / 1000)
            let stream = ZlibStream(bytes)
            let packed = stream.encoded()
            #expect(packed.count == stream.byteCount)
            #expect(unpacked(packed, count: bytes.count) == bytes)
            #expect(ZlibStream.byteCount(histogram: histogram(of: bytes)) >= stream.byteCount)
        }
    }

    @Test(arguments: [
        [], [0], [7], [7, 7], [UInt8](repeating: 0, count: 100_000), Array(0...255), Array(repeating: 3, count: 258),
        Array(repeating: 9, count: 259),
    ])
    func packsTheSmallestAndTheDullest(_ bytes: [UInt8]) {
        let packed = ZlibStream(bytes).encoded()
        #expect(packed.count == ZlibStream(bytes).byteCount)
        #expect(unpacked(packed, count: bytes.count) == bytes)
    }

    @Test func limitsCodesTo15Bits() {
        // Fibonacci numbers make the longest codes: the rarest symbol would have 25 bits.
        var counts = [1, 1]
        while counts.count < 26 { counts.append(counts[counts.count - 1] + counts[counts.count - 2]) }
        let bytes = counts.enumerated().flatMap { [UInt8](repeating: UInt8($0.offset * 7), count: $0.element) }
        var random = Generator(state: 3)
        let shuffled = bytes.shuffled(using: &random)
        #expect(unpacked(ZlibStream(shuffled).encoded(), count: bytes.count) == shuffled)
    }

    @Test func isAsShortAsZlibsHuffmanCodesOrShorter() {
        var random = Generator(state: 2)
        for zeros in [0.0, 0.2, 0.5, 0.8, 0.9, 0.97] {
            let bytes = random.bytes(count: 100_000, kinds: 33, zeros: zeros)
            let ours = ZlibStream(bytes).byteCount
            // zlib may make several blocks, each with a code of its own.
            #expect(Double(ours) <= 1.002 * Double(packedByZlib(bytes, strategy: Z_HUFFMAN_ONLY)))
            #expect(ours <= packedByZlib(bytes, strategy: Z_RLE))
            #expect(Double(ours) <= 1.03 * Double(packedByZlib(bytes, strategy: Z_DEFAULT_STRATEGY)), "\(zeros)")
        }
    }
}

private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 29
    }

    mutating func next(_ bound: UInt64) -> UInt64 { next() >> 8 % bound }

    mutating func bytes(count: Int, kinds: Int, zeros: Double) -> [UInt8] {
        (0..<count).map { _ in
            Double(next() >> 11) / 9_007_199_254_740_992 < zeros ? 0 : UInt8(truncatingIfNeeded: next(UInt64(kinds)))
        }
    }
}

private func unpacked(_ stream: [UInt8], count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0xEE, count: count + 1), size = uLong(count + 1)
    let result = uncompress(&bytes, &size, stream, uLong(stream.count))
    return result == Z_OK && size == count ? Array(bytes.dropLast()) : nil
}

private func packedByZlib(_ bytes: [UInt8], strategy: Int32) -> Int {
    var stream = z_stream()
    guard
        deflateInit2_(&stream, 9, Z_DEFLATED, 15, 9, strategy, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { return 0 }
    defer { deflateEnd(&stream) }
    var input = bytes, output = [UInt8](repeating: 0, count: 2 * bytes.count + 100)
    return input.withUnsafeMutableBufferPointer { input in
        output.withUnsafeMutableBufferPointer { output in
            stream.next_in = input.baseAddress
            stream.avail_in = uInt(input.count)
            stream.next_out = output.baseAddress
            stream.avail_out = uInt(output.count)
            deflate(&stream, Z_FINISH)
            return Int(stream.total_out)
        }
    }
}
