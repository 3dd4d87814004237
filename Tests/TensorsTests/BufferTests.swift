import Foundation
import Tensors
import Testing

/// A buffer takes memory where it is used.
@Suite struct BufferTests {
    #if os(Linux)
        /// Of each 2 MiB, which the system may give as one page, one is used.
        @Test func takesNoMemoryBetweenPieces() {
            let piece = 1 << 18, pieces = 64, stride = MemoryLayout<Float>.stride
            let buffer = Buffer(zeros: 2 * piece * pieces, inPieces: true)
            for index in 0..<pieces { buffer.tensor.slice(at: 2 * index * piece, count: piece).fill(with: 1) }
            let page = sysconf(Int32(_SC_PAGESIZE))
            var pages = [UInt8](repeating: 0, count: buffer.count * stride / page)
            let result = unsafe mincore(buffer.tensor.base, buffer.count * stride, &pages)
            #expect(result == 0)
            #expect(pages.count { $0 & 1 == 1 } == pieces * piece * stride / page)
        }
    #endif
}
