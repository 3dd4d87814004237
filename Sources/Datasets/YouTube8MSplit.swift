import HDF5
import Records

/// The datasets of a split as its examples come, of which nobody knows how many there are.
///
///     x        (examples, frames, features) uint8, with `scale` and `offset`; or (examples, features) float32
///     y        (examples, classes) uint8, zeros and ones, compressed: three labels of 3,862 classes take 35 bytes
///     length   (examples) int32: how many frames are real; those behind them are zeros
///     id       (examples) strings
final class YouTube8MSplit {
    private let form: YouTube8MForm
    private let bytes: GrowingColumn<UInt8>?
    private let floats: GrowingColumn<Float>?
    private let lengths: GrowingColumn<Int32>?
    private let labels: LabelColumn
    private let ids: GrowingStrings
    /// As many zeros as the frames of an example have numbers.
    private let zeros: [UInt8]

    /// How many examples there are.
    private(set) var count = 0
    private(set) var labelCount = 0
    /// The frames of the longest example, as it was.
    private(set) var longest = 0
    /// How many examples were longer than an example may be.
    private(set) var cutCount = 0

    /// About as many bytes lie together in the file.
    private static let chunkByteCount = 1 << 20
    private static let smallChunkByteCount = 1 << 16

    init(_ name: String, _ form: YouTube8MForm, in root: borrowing HDF5Group) throws(HDF5Error) {
        let size = form.exampleShape.reduce(1, *), byteCount = form.isFrameLevel ? size : size * 4
        let rows = max(1, Self.chunkByteCount / max(byteCount, form.classCount))
        var bytes: GrowingColumn<UInt8>?, floats: GrowingColumn<Float>?, lengths: GrowingColumn<Int32>?
        if form.isFrameLevel {
            bytes = try GrowingColumn("\(name)/x", in: root, rowShape: form.exampleShape, rowsPerChunk: rows)
            // As the challenge reads them: (byte · 4 / 255) + 4 / 512 − 2 (google/youtube-8m, utils.py, Dequantize).
            try bytes?.setAttribute("scale", to: 4.0 / 255)
            try bytes?.setAttribute("offset", to: 4.0 / 512 - 2)
            lengths = try GrowingColumn("\(name)/length", in: root, rowsPerChunk: Self.smallChunkByteCount / 4)
        } else {
            floats = try GrowingColumn("\(name)/x", in: root, rowShape: form.exampleShape, rowsPerChunk: rows)
        }
        self.form = form
        (self.bytes, self.floats, self.lengths) = (bytes, floats, lengths)
        labels = try LabelColumn("\(name)/y", in: root, classCount: form.classCount, rowsPerChunk: rows)
        ids = try GrowingStrings(
            "\(name)/id", in: root, byteCount: YouTube8MForm.idByteCount,
            rowsPerChunk: Self.smallChunkByteCount / YouTube8MForm.idByteCount)
        zeros = [UInt8](repeating: 0, count: form.isFrameLevel ? size : 0)
    }

    func append(_ example: YouTube8MExample) throws(HDF5Error) {
        if let bytes, let lengths {
            let length = min(example.length, form.frameCount)
            append(example, length, to: &bytes.elements)
            lengths.elements.append(Int32(length))
            longest = max(longest, example.length)
            cutCount += example.length > length ? 1 : 0
            try bytes.writeIfFull()
            try lengths.writeIfFull()
        }
        if let floats {
            floats.elements += example.floats
            try floats.writeIfFull()
        }
        try labels.append(example.labels)
        try ids.append(example.record[example.id])
        labelCount += example.labels.count
        count += 1
    }

    /// Joins the features of each frame, and fills up with zeros.
    private func append(_ example: YouTube8MExample, _ length: Int, to row: inout [UInt8]) {
        for t in 0..<length {
            for first in stride(from: 0, to: example.frames.count, by: example.length) {
                row.append(contentsOf: example.record.span.extracting(example.frames[first + t]))
            }
        }
        row += zeros.prefix((form.frameCount - length) * form.width)
    }

    /// Writes what is left.
    func finish() throws(HDF5Error) {
        try bytes?.write()
        try floats?.write()
        try lengths?.write()
        try labels.write()
        try ids.write()
    }
}
