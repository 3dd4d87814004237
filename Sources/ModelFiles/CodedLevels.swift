import Deflate
import Foundation
import HDF5

/// Equally spaced levels that the numbers of one parameter are rounded to: codes of float8 in one byte each, few of them
/// different, and Huffman-coded.
public struct CodedLevels: Hashable, Sendable {
    /// How many levels the numbers are on.
    public let count: Int
    /// The bytes of the coded numbers.
    public let byteCount: Int
    let grid: LevelGrid

    /// Finds what a step makes of numbers.
    ///
    /// - Parameters:
    ///   - step: Above 0.
    ///   - numbers: Those that are not finite are taken for 0.
    init(step: Float, of numbers: Span<Float>) {
        self.init(LevelGrid(step: step, largest: largestMagnitude(numbers)), of: numbers)
    }

    init(_ grid: LevelGrid, of numbers: Span<Float>) {
        self.grid = grid
        let codes = grid.codes(of: numbers)
        count = histogram(of: codes).count { $0 > 0 }
        byteCount = ZlibStream(codes).byteCount
    }

    /// From a level to the next one; each is moved to the nearest number of float8.
    public var step: Float { grid.step }

    /// Moves numbers to the nearest level. Those that are not finite are left alone.
    func round(_ numbers: inout MutableSpan<Float>) { grid.round(&numbers) }

    /// The codes of numbers, as a zlib stream of `byteCount` bytes if they are those that the levels were made for.
    func stream(of numbers: Span<Float>) -> [UInt8] { ZlibStream(grid.codes(of: numbers)).encoded() }
}

/// The largest magnitude of the finite numbers; 0 if there are none.
func largestMagnitude(_ numbers: Span<Float>) -> Float {
    var largest: Float = 0
    for index in numbers.indices where numbers[index].isFinite { largest = max(largest, abs(numbers[index])) }
    return largest
}
