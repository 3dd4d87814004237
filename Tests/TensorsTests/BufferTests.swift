import Foundation
import Tensors
import Testing

/// A buffer takes memory where it is used.
@Suite struct BufferTests {
    #if os(Linux)
        /// Of each 2 MiB, which the system may give as one page, one is used.
        @Test func takesNoMemoryBetweenPieces() throws {
            let piece = 1 << 18, pieces = 64
            let buffer = Buffer(zeros: 2 * piece * pieces, inPieces: true)
            for index in 0..<pieces { buffer.tensor.slice(at: 2 * index * piece, count: piece).fill(with: 1) }
            let address = unsafe UInt(bitPattern: buffer.tensor.base)
            let map = try String(contentsOfFile: "/proc/self/smaps", encoding: .utf8)
            // The lines of the mapping that has the address, such as 7f12-7f34 rw-p …, and Rss: 65536 kB.
            var isHere = false, resident: Int?
            for line in map.split(separator: "\n") where resident == nil {
                let words = line.split(separator: " "), ends = words[0].split(separator: "-")
                if ends.count == 2, let first = UInt(ends[0], radix: 16), let end = UInt(ends[1], radix: 16) {
                    isHere = (first..<end).contains(address)
                } else if isHere, words[0] == "Rss:" {
                    resident = Int(words[1])
                }
            }
            let kibibytes = pieces * piece * MemoryLayout<Float>.stride / 1024
            #expect((kibibytes..<kibibytes * 5 / 4).contains(try #require(resident)))
        }
    #endif
}
