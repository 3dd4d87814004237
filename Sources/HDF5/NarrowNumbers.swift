import CHDF5

// Numbers of at most four bytes, which are widened to float32 here: the library converts bit by bit, a hundred times slower.

extension HDF5Dataset {
    /// Whether the elements are widened by the processor when they are read as float32.
    var isNarrow: Bool {
        switch type {
        case .float16, .smallFloat: true
        default: isOpaque
        }
    }

    /// Reads narrow numbers, and widens them where they lie.
    ///
    /// - Precondition: `Element` is `Float`.
    func readNarrow<Element: HDF5Element>(_ rows: Range<Int>?, into elements: inout MutableSpan<Element>)
        throws(HDF5Error)
    {
        switch type {
        case .float16:
            try readNarrow(rows, HDF5Type.float16.makeHandle(place), into: &elements) { (bits: UInt16) in
                Float(Float16(bitPattern: bits))
            }
        case .smallFloat(let form):
            // In the file's own type the library changes nothing.
            let table = form.table(), mask = table.count - 1
            let isBigEndian = form.isBigEndian
            switch form.byteCount {
            case 1:
                try readNarrow(rows, storedType(), into: &elements) { (bits: UInt8) in table[Int(bits) & mask]
                }
            case 2:
                try readNarrow(rows, storedType(), into: &elements) { (bits: UInt16) in
                    table[Int(isBigEndian ? bits.byteSwapped : bits) & mask]
                }
            default:
                try readNarrow(rows, storedType(), into: &elements) { (bits: UInt32) in
                    table[Int(isBigEndian ? bits.byteSwapped : bits) & mask]
                }
            }
        default:
            try readNarrow(rows, storedType(), into: &elements) { (bits: UInt16) in
                Float(bitPattern: UInt32(bits) << 16)
            }
        }
    }

    /// Reads numbers of `Bits` into the end of the memory. Number i is written at 4i…4i+3, and those still to come begin at
    /// (4 − size) · n + size · (i + 1), which is never less than 4i+4.
    private func readNarrow<Element: HDF5Element, Bits: FixedWidthInteger & BitwiseCopyable>(
        _ rows: Range<Int>?, _ memoryType: borrowing Handle, into elements: inout MutableSpan<Element>,
        _ widen: (Bits) -> Float
    ) throws(HDF5Error) {
        let count = elements.count, size = MemoryLayout<Bits>.size
        try unsafe elements.withUnsafeMutableBytes { bytes throws(HDF5Error) in
            guard let start = bytes.baseAddress else { return }
            let narrow = unsafe start + (4 - size) * count
            try unsafe transfer(rows, memoryType, narrow)
            for index in 0..<count {
                let value = widen(unsafe narrow.loadUnaligned(fromByteOffset: size * index, as: Bits.self))
                unsafe start.storeBytes(of: value, toByteOffset: 4 * index, as: Float.self)
            }
        }
    }
}
