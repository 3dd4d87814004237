import Foundation
import HDF5
import Tensors

// Weights in a safetensors file, found by their names.

extension SafetensorsFile.Entry {
    /// The type in the words of other files.
    fileprivate var plainType: HDF5Type {
        switch type {
        case "F32": .float32
        case "F16": .float16
        case "BF16": .bfloat16
        case "F64": .float64
        case "I8": .int8
        case "U8": .uint8
        case "I16": .int16
        case "U16": .uint16
        case "I32": .int32
        case "U32": .uint32
        case "I64": .int64
        case "U64": .uint64
        default: .other(type)
        }
    }
}

extension SafetensorsFile {
    /// Everything but the numbers; the names of tensors are all in one group.
    var outline: ModelOutline {
        let weights = entries.map { entry in
            let type = entry.plainType
            return ModelOutline.Weight(
                name: entry.name, path: entry.name, shape: entry.shape, type: type, byteCount: entry.byteCount,
                offset: type == .float32 ? entry.offset : nil)
        }
        var outline = ModelOutline(
            byteCount: byteCount, configuration: metadata[Self.configurationKey],
            kerasVersion: metadata[Self.versionKey], form: .named,
            groups: weights.isEmpty ? [] : [ModelOutline.Group(name: "", weights: weights)])
        outline.provenance = metadata["provenance"]
        outline.classNames = metadata["classes"].flatMap { try? JSON(parsing: $0) }?.classNames
        return outline
    }

    /// Reads the numbers of tensors, each to its place in `target`.
    func read(_ requests: [ModelReader.Request], into target: Tensor) throws {
        let places = Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0) })
        for request in requests {
            guard let entry = places[request.path], entry.shape.reduce(1, *) == request.count, request.place >= 0,
                request.place <= target.elementCount - request.count
            else { throw ModelFileError(.refused, path, ["'\(request.path)' changed while it was read"]) }
            try read(entry, request.count, into: target.slice(at: request.place, count: request.count))
        }
    }

    private static let blockCount = 1 << 18

    private func read(_ entry: Entry, _ count: Int, into target: Tensor) throws {
        let size = entry.byteCount / max(count, 1)
        for start in stride(from: 0, to: count, by: Self.blockCount) {
            let length = min(Self.blockCount, count - start)
            try handle.seek(toOffset: UInt64(entry.offset + start * size))
            guard let data = try handle.read(upToCount: length * size), data.count == length * size else {
                throw ModelFileError(.refused, path, ["'\(entry.name)' became shorter while it was read"])
            }
            let bytes = Array(data)
            target.slice(at: start, count: length).withMutableSpan { span in
                for index in span.indices {
                    span[index] = Self.number(bytes[(index * size)..<((index + 1) * size)], entry.plainType)
                }
            }
        }
    }

    /// A number, the lowest byte first.
    private static func number(_ bytes: ArraySlice<UInt8>, _ type: HDF5Type) -> Float {
        let bits = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return switch type {
        case .float16: Float(Float16(bitPattern: UInt16(truncatingIfNeeded: bits)))
        case .bfloat16: Float(bitPattern: UInt32(truncatingIfNeeded: bits) << 16)
        case .float64: Float(Double(bitPattern: bits))
        default: Float(bitPattern: UInt32(truncatingIfNeeded: bits))
        }
    }
}
