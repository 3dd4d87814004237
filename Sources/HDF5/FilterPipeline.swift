import CHDF5

/// What a dataset does to its chunks before they are stored, in the order of writing; reading undoes the last first.
///
/// Only filters are read whose output is checked, here or by `LZFFilter`: the library's own decoders of szip, n-bit and
/// scale-offset trust what the file says of sizes. N-bit is read of small floats, where it says what their type says.
struct FilterPipeline: Sendable {
    enum Filter: Hashable, Sendable {
        /// Changes no sizes: shuffle, and n-bit where it has nothing to do.
        case permutation
        /// N-bit makes a whole chunk out of at least so many bytes.
        case packed(byteCount: Int)
        /// Fletcher-32 adds a checksum of four bytes, which the library verifies.
        case checksum
        case deflate
        /// `LZFFilter` makes exactly so many bytes, or fails.
        case lzf(byteCount: Int)

        /// Whether the size of its result depends on the content.
        var isCompression: Bool {
            switch self {
            case .permutation, .checksum, .packed: false
            case .deflate, .lzf: true
            }
        }
    }

    static let checksumByteCount = 4

    let filters: [Filter]
    /// Whether chunks that stick out over the end of the dataset are stored as they are.
    let leavesPartialChunksAlone: Bool

    /// - Parameters:
    ///   - form: The type of the elements, if they are small floats.
    ///   - count: The elements of a chunk.
    /// - Throws: `HDF5Error` that names the filter, if one is not read here.
    init(_ dataset: hid_t, _ place: HDF5Place, of form: SmallFloat?, count: Int) throws(HDF5Error) {
        let properties = try attemptHandle("open", place) { H5Dget_create_plist(dataset) }
        let id = properties.id
        let filterCount = try attempt("open", place) { H5Pget_nfilters(id) }
        var filters: [Filter] = []
        for index in 0..<filterCount {
            var flags: UInt32 = 0, parameterCount = Self.parameterCount, configuration: UInt32 = 0
            var parameters = [UInt32](repeating: 0, count: parameterCount)
            let number = try attempt("open", place) {
                unsafe H5Pget_filter2(
                    id, UInt32(index), &flags, &parameterCount, &parameters, 0, nil, &configuration)
            }
            let given = Array(parameters.prefix(parameterCount))
            let packed = number == H5Z_FILTER_NBIT && filters.isEmpty ? Self.packing(given, form, count) : nil
            let filter = packed ?? Self.filter(number, given)
            // What was compressed must not be shuffled after it: nobody writes that, and its size could not be checked.
            let isAfterCompression = filters.contains(where: \.isCompression)
            guard let filter, filter == .checksum || !isAfterCompression else {
                throw HDF5Error(.unsupported, "open", place, Self.refusal(of: number))
            }
            filters.append(filter)
        }
        var options: UInt32 = 0
        try attempt("open", place) { unsafe H5Pget_chunk_opts(id, &options) }
        self.filters = filters
        leavesPartialChunksAlone = options & chdf5_dont_filter_partial_chunks() != 0
    }

    /// The most parameters of a filter that are looked at.
    private static let parameterCount = 9

    /// N-bit packing of small floats, if it says what the dataset says: eight parameters, that there is something to do, the
    /// elements of a chunk, that they are single numbers, and their size, byte order, bits and place in an element.
    private static func packing(_ parameters: [UInt32], _ form: SmallFloat?, _ count: Int) -> Filter? {
        guard let form else { return nil }
        let expected = [
            8, 0, count, 1, form.byteCount, form.isBigEndian ? 1 : 0, form.bitCount, 0,
        ]
        return parameters.map(Int.init) == expected ? .packed(byteCount: form.packedByteCount(of: count)) : nil
    }

    private static func filter(_ number: H5Z_filter_t, _ parameters: [UInt32]) -> Filter? {
        switch number {
        case H5Z_FILTER_SHUFFLE: .permutation
        case H5Z_FILTER_NBIT: parameters.count > 1 && parameters[1] == 1 ? .permutation : nil
        case H5Z_FILTER_FLETCHER32: .checksum
        case H5Z_FILTER_DEFLATE: .deflate
        case LZFFilter.number: .lzf(byteCount: parameters.count > 2 ? Int(parameters[2]) : 0)
        default: nil
        }
    }

    private static func refusal(of number: H5Z_filter_t) -> String {
        let isBuiltIn = number < H5Z_FILTER_RESERVED
        let name = names[number].map { "\($0) (HDF5 filter \(number))" } ?? "the HDF5 filter \(number)"
        let plugin =
            isBuiltIn ? "" : ", with that filter's plugin installed (Python's hdf5plugin has it, for h5py, too)"
        return
            "it is compressed by \(name); only gzip, LZF, shuffle and Fletcher-32 are read, and N-bit for floats of 4 to 16 bits. "
            + "Rewrite the file: h5repack -f GZIP=4 in.h5 out.h5\(plugin)"
    }

    /// The registered filters (github.com/HDFGroup/hdf5_plugins, RegisteredFilterPlugins) that data sets are seen with.
    private static let names: [H5Z_filter_t: String] = [
        1: "gzip after another compression", 2: "shuffle after compression", 4: "szip", 5: "n-bit", 6: "scale-offset",
        305: "LZO", 307: "bzip2", 32_000: "LZF after another compression", 32_001: "Blosc", 32_002: "MAFISC",
        32_003: "Snappy", 32_004: "LZ4", 32_006: "APAX", 32_007: "CBF", 32_008: "Bitshuffle", 32_009: "SPDP",
        32_010: "LPC-Rice", 32_013: "ZFP", 32_014: "FPZIP", 32_015: "Zstandard", 32_016: "B3D", 32_017: "SZ",
        32_018: "FCIDECOMP", 32_019: "JPEG", 32_021: "JPEG", 32_022: "granular BitRound", 32_024: "SZ3",
        32_026: "Blosc2",
        32_028: "SPERR",
    ]
}
