import CHDF5
import CZlib
import Synchronization

/// Makes sure that the chunks of a dataset are as large as the library believes when it copies them.
///
/// HDF5 1.10 takes memory for what a chunk has in the file, or unpacks to, and then copies a whole chunk out of it. So the
/// size of every chunk is checked: without filters when the dataset is opened, else when its rows are first read.
final class ChunkCheck: Sendable {
    /// Whether the dataset must be read without the library's cache of chunks, straight from its place in the file.
    ///
    /// That needs no size of a chunk. It is as fast where chunks hold whole rows, and slow where they cut them.
    let needsDirectAccess: Bool

    private let place: HDF5Place
    private let shape: [Int]
    private let chunkShape: [Int]
    private let chunkByteCount: Int
    private let fileByteCount: Int
    private let pipeline: FilterPipeline
    /// The chunks along the first axis that were checked, each with all that lie beside it.
    private let checked = Mutex<Set<Int>>([])

    /// - Throws: `HDF5Error` if a chunk without filters has another size than it must.
    init(
        _ id: hid_t, _ pipeline: FilterPipeline, shape: [Int], chunkShape: [Int], elementSize: Int, fileByteCount: Int,
        _ place: HDF5Place
    ) throws(HDF5Error) {
        self.pipeline = pipeline
        chunkByteCount = chunkShape.reduce(elementSize, *)
        (self.shape, self.chunkShape, self.fileByteCount, self.place) = (shape, chunkShape, fileByteCount, place)
        let coversRows = chunkShape.dropFirst().elementsEqual(shape.dropFirst())
        if pipeline.filters.isEmpty {
            needsDirectAccess = try !Self.checkStoredSizes(
                id, byteCount: chunkByteCount, atMost: coversRows ? 1 << 10 : 1 << 14, place)
        } else {
            needsDirectAccess = false
        }
    }

    /// Compares the stored sizes of chunks without filters with what they must be.
    ///
    /// The library looks for a chunk by its number from the first one on, 30 ns for each that it passes: half a second for
    /// 6,000 chunks. So of more than `limit` only the sum is compared.
    ///
    /// - Returns: Whether every chunk was looked at.
    private static func checkStoredSizes(
        _ id: hid_t, byteCount: Int, atMost limit: Int, _ place: HDF5Place
    ) throws(HDF5Error) -> Bool {
        let space = try attemptHandle("open", place) { H5Dget_space(id) }
        let spaceID = space.id
        var count: hsize_t = 0
        try attempt("count the chunks of", place) { unsafe H5Dget_num_chunks(id, spaceID, &count) }
        let total = withLibrary { H5Dget_storage_size(id) }
        guard count.multipliedReportingOverflow(by: hsize_t(byteCount)) == (total, false) else {
            throw HDF5Error(
                .damaged, "open", place,
                "its \(count) chunks of \(byteCount) bytes take \(total) bytes; fetch or write the file again")
        }
        guard count <= limit else { return false }
        for index in 0..<count {
            var size: hsize_t = 0
            try attempt("open", place) { unsafe H5Dget_chunk_info(id, spaceID, index, nil, nil, nil, &size) }
            guard size == byteCount else { throw wrong(place, "chunk \(index)", Int(clamping: size), byteCount) }
        }
        return true
    }

    private static func wrong(_ place: HDF5Place, _ chunk: String, _ found: Int?, _ expected: Int) -> HDF5Error {
        let found = found.map { "holds \($0) bytes, not \(expected)" } ?? "does not unpack to \(expected) bytes"
        return HDF5Error(.damaged, "read", place, "its \(chunk) \(found); fetch or write the file again")
    }

    // MARK: Chunks with filters

    /// Checks the chunks that hold the given rows, unless that was done.
    func check(_ rows: Range<Int>, _ id: hid_t) throws(HDF5Error) {
        guard !pipeline.filters.isEmpty, !rows.isEmpty, !shape.contains(0) else { return }
        let bands = (rows.lowerBound / chunkShape[0])...((rows.upperBound - 1) / chunkShape[0])
        try checked.withLock { (checked) throws(HDF5Error) in
            for band in bands where !checked.contains(band) {
                try check(band: band, id)
                checked.insert(band)
            }
        }
    }

    /// Checks all chunks with the same place on the first axis.
    private func check(band: Int, _ id: hid_t) throws(HDF5Error) {
        var position = [band] + [Int](repeating: 0, count: shape.count - 1)
        while true {
            try check(chunk: position, id)
            // The last axis counts fastest.
            guard
                let axis = position.indices.dropFirst().last(where: { (position[$0] + 1) * chunkShape[$0] < shape[$0] })
            else { return }
            position[axis] += 1
            for later in position.indices where later > axis { position[later] = 0 }
        }
    }

    private func check(chunk position: [Int], _ id: hid_t) throws(HDF5Error) {
        let corner = zip(position, chunkShape).map { hsize_t($0 * $1) }
        var stored: hsize_t = 0, mask: UInt32 = 0
        try attempt("read", place) { unsafe H5Dget_chunk_storage_size(id, corner, &stored) }
        guard stored > 0, stored <= fileByteCount else {
            // One that was never written cannot be read, one of no bytes can.
            var nothing: UInt8 = 0
            if stored == 0, withLibrary({ unsafe H5Dread_chunk(id, chdf5_default(), corner, &mask, &nothing) }) < 0 {
                return
            }
            throw wrong(position, Int(clamping: stored))
        }
        var bytes = [UInt8](repeating: 0, count: Int(stored))
        try attempt("read", place) { unsafe H5Dread_chunk(id, chdf5_default(), corner, &mask, &bytes) }
        let isPartial = zip(position, zip(chunkShape, shape)).contains { ($0 + 1) * $1.0 > $1.1 }
        let isPlain = isPartial && pipeline.leavesPartialChunksAlone
        let length = isPlain ? Int(stored) : unpackedByteCount(bytes.span, mask)
        guard length == chunkByteCount else { throw wrong(position, length) }
    }

    private func wrong(_ position: [Int], _ found: Int?) -> HDF5Error {
        let first = position[0] * chunkShape[0], last = min(first + chunkShape[0], shape[0]) - 1
        return Self.wrong(place, "chunk of rows \(first) to \(last)", found, chunkByteCount)
    }

    /// The bytes that the library makes of a stored chunk; nil if it cannot be unpacked.
    ///
    /// - Parameter mask: Which filters were left out, a bit for each.
    private func unpackedByteCount(_ bytes: Span<UInt8>, _ mask: UInt32) -> Int? {
        var length = bytes.count
        for (index, filter) in pipeline.filters.enumerated().reversed() where mask & 1 << UInt32(index) == 0 {
            switch filter {
            case .permutation: break
            case .checksum:
                guard length >= FilterPipeline.checksumByteCount else { return nil }
                length -= FilterPipeline.checksumByteCount
            case .deflate:
                // Nothing that is undone before it changed the bytes, but for checksums behind them.
                guard let made = inflatedByteCount(bytes.extracting(first: length), limit: chunkByteCount + 64) else {
                    return nil
                }
                length = made
            case .lzf(let byteCount): length = byteCount
            case .packed(let byteCount):
                guard length >= byteCount else { return nil }
                length = chunkByteCount
            }
        }
        return length
    }
}

/// The bytes that a zlib stream unpacks to, counted no further than beyond `limit`; nil if it is damaged or cut off.
private func inflatedByteCount(_ bytes: Span<UInt8>, limit: Int) -> Int? {
    var stream = unsafe z_stream(), output = [UInt8](repeating: 0, count: 1 << 16), count = 0
    guard unsafe inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
    defer { unsafe inflateEnd(&stream) }
    return unsafe bytes.withUnsafeBufferPointer { bytes in
        unsafe stream.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress)
        unsafe stream.avail_in = UInt32(clamping: bytes.count)
        while count <= limit {
            let (status, made) = unsafe output.withUnsafeMutableBufferPointer { output in
                unsafe stream.next_out = output.baseAddress
                unsafe stream.avail_out = UInt32(output.count)
                let status = unsafe inflate(&stream, Z_NO_FLUSH)
                return (status, unsafe output.count - Int(stream.avail_out))
            }
            count += made
            if status == Z_STREAM_END { return count }
            guard status == Z_OK else { return nil }
        }
        return count
    }
}
