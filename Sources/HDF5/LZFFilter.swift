import CHDF5
import Foundation

/// The LZF compression of h5py (`compression="lzf"`), which the library does not have: decompression only.
enum LZFFilter {
    /// The number under which h5py registered its filter.
    static let number: H5Z_filter_t = 32_000
    /// Three bytes make at most 264.
    private static let largestRatio = 88

    /// Makes the filter known to the library.
    static func register() {
        unsafe "lzf".withCString { name in
            var filter = unsafe H5Z_class2_t(
                version: H5Z_CLASS_T_VERS, id: number, encoder_present: 0, decoder_present: 1, name: name,
                can_apply: nil, set_local: nil,
                filter: { flags, parameterCount, parameters, byteCount, capacity, buffer in
                    unsafe LZFFilter.run(flags, parameterCount, parameters, byteCount, capacity, buffer)
                })
            unsafe H5Zregister(&filter)
        }
    }

    /// The library's call: replaces the buffer by its content; 0 means that it cannot be read.
    private static func run(
        _ flags: UInt32, _ parameterCount: Int, _ parameters: UnsafePointer<UInt32>?, _ byteCount: Int,
        _ capacity: UnsafeMutablePointer<Int>?, _ buffer: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    ) -> Int {
        // The third parameter is the size of a whole chunk, as the file has it; no file is believed more than can be true.
        guard flags & UInt32(H5Z_FLAG_REVERSE) != 0, parameterCount >= 3, let parameters = unsafe parameters,
            let capacity = unsafe capacity, let buffer = unsafe buffer, let input = unsafe buffer.pointee, byteCount > 0
        else { return 0 }
        let size = unsafe Int(parameters[2])
        guard size > 0, size <= byteCount * largestRatio, let output = unsafe H5allocate_memory(size, false) else {
            return 0
        }
        let count = unsafe decompress(
            UnsafeRawBufferPointer(start: input, count: byteCount),
            into: UnsafeMutableRawBufferPointer(start: output, count: size))
        // What is missing of a chunk would be whatever the memory held before.
        guard count == size else {
            unsafe H5free_memory(output)
            return 0
        }
        unsafe H5free_memory(input)
        unsafe buffer.pointee = output
        unsafe capacity.pointee = size
        return count
    }

    /// Runs of literal bytes (a control byte below 32: one less than their number), and references back: three bits of
    /// length, 7 of them for one more byte of it, and thirteen of distance. Returns the bytes written; 0 if damaged.
    static func decompress(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Int {
        var read = 0, written = 0
        while read < input.count {
            let control = unsafe Int(input[read])
            read += 1
            if control < 32 {
                let count = control + 1
                guard read + count <= input.count, written + count <= output.count else { return 0 }
                for index in 0..<count { unsafe output[written + index] = input[read + index] }
                read += count
                written += count
                continue
            }
            var length = control >> 5
            if length == 7 {
                guard read < input.count else { return 0 }
                length += unsafe Int(input[read])
                read += 1
            }
            guard read < input.count else { return 0 }
            let start = unsafe written - ((control & 31) << 8) - 1 - Int(input[read])
            read += 1
            length += 2
            guard start >= 0, written + length <= output.count else { return 0 }
            // The two may overlap: what was just written repeats.
            for index in 0..<length { unsafe output[written + index] = output[start + index] }
            written += length
        }
        return written
    }
}
