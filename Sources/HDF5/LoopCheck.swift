import CHDF5
import Foundation

/// Refuses files on which HDF5 never returns, or recurses until the stack ends.
///
/// HDF5 1.10.8 follows a group's index into itself, and goes round the free places of a heap of names while it takes memory
/// for each. Both begin with a signature, so this looks for every one and checks that it leads onwards:
///
///     index  "TREE", type (0: group), level, entries (2), 2 siblings, then key, child, key, child, …, key
///     names  "HEAP", version, 0 0 0, size, first free place, address; a free place: the next one (or 1), its size
struct LoopCheck {
    /// Larger files are not looked through: it would mean reading weights that somebody only wants to measure.
    static let byteLimit = 64 << 20

    private let bytes: Data
    private let place: HDF5Place
    private let start: Int
    private let addressSize: Int
    private let lengthSize: Int

    /// Takes the bytes of a file; nil if they are not laid out as HDF5, which the library will say better.
    init?(_ bytes: Data, _ place: HDF5Place) {
        let signature = Data([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A])
        var start = 0
        while start + 64 <= bytes.count, bytes[start..<(start + 8)] != signature {
            start = start == 0 ? 512 : start * 2
        }
        guard start + 64 <= bytes.count else { return nil }
        let sizes = start + (bytes[start + 8] < 2 ? 13 : 9)
        let addressSize = Int(bytes[sizes]), lengthSize = Int(bytes[sizes + 1])
        guard (1...8).contains(addressSize), (1...8).contains(lengthSize) else { return nil }
        self.bytes = bytes
        self.place = place
        self.start = start
        self.addressSize = addressSize
        self.lengthSize = lengthSize
    }

    func run() throws(HDF5Error) {
        for position in positions(of: "TREE") {
            guard leadsOnwards(index: position) else {
                throw HDF5Error(.damaged, "open", place, "the index of a group leads back into itself")
            }
        }
        for position in positions(of: "HEAP") {
            guard leadsOnwards(names: position) else {
                throw HDF5Error(
                    .damaged, "open", place, "the free places in the names of a group lead round in a circle")
            }
        }
    }

    /// Children of an index of groups must lie one level lower.
    private func leadsOnwards(index position: Int) -> Bool {
        guard let level = byte(position + 5), level > 0, byte(position + 4) == 0 else { return true }
        guard let count = number(position + 6, 2) else { return false }
        for entry in 0..<count {
            let place = position + 8 + 2 * addressSize + entry * (lengthSize + addressSize) + lengthSize
            guard let address = number(place, addressSize) else { return false }
            let (child, overflow) = address.addingReportingOverflow(start)
            guard !overflow, child + 6 <= bytes.count, bytes[child..<(child + 4)].elementsEqual("TREE".utf8),
                byte(child + 4) == 0, byte(child + 5) == level - 1
            else { return false }
        }
        return true
    }

    private func leadsOnwards(names position: Int) -> Bool {
        let numbers = position + 8
        guard byte(position + 4) == 0, let size = number(numbers, lengthSize),
            var free = number(numbers + lengthSize, lengthSize),
            let address = number(numbers + 2 * lengthSize, addressSize),
            address <= bytes.count - start, size <= bytes.count - start - address
        else { return true }
        // Each takes two numbers of the room, so that there cannot be more.
        var rest = size / (2 * lengthSize)
        while free != Self.noFreePlace, free <= size - 2 * lengthSize {
            guard rest > 0 else { return false }
            rest -= 1
            guard let next = number(start + address + free, lengthSize) else { return true }
            free = next
        }
        return true
    }

    private static let noFreePlace = 1

    private func byte(_ position: Int) -> UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    /// A little-endian number; nil if it lies outside the file or is too large for one.
    private func number(_ position: Int, _ count: Int) -> Int? {
        guard position + count <= bytes.count else { return nil }
        let value = (0..<count).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64(bytes[position + $1]) }
        return Int(exactly: value)
    }

    private func positions(of signature: String) -> [Int] {
        unsafe bytes.withUnsafeBytes { buffer in
            var positions: [Int] = []
            guard let base = buffer.baseAddress else { return positions }
            var from = 0
            while let found = unsafe chdf5_find(base + from, buffer.count - from, signature) {
                let position = unsafe found - base
                positions.append(position)
                from = position + 1
            }
            return positions
        }
    }
}
