public import HDF5

/// What is done to the numbers of a dataset before models are fed with them: x · scale + offset, where `scale` and `offset`
/// are one number each, or one for each channel, the last axis.
public struct InputScaling: Hashable, Sendable {
    /// Both have one number, or both one for each channel.
    public let scale: [Float]
    public let offset: [Float]

    /// - Parameters:
    ///   - scale: One number, or one for each channel.
    ///   - offset: As many numbers, or one.
    public init(scale: [Float], offset: [Float]) {
        let count = max(scale.count, offset.count)
        precondition([1, count].contains(scale.count) && [1, count].contains(offset.count))
        let areAll = Set(scale).count == 1 && Set(offset).count == 1
        self.scale = areAll ? [scale[0]] : scale.count == 1 ? Array(repeating: scale[0], count: count) : scale
        self.offset = areAll ? [offset[0]] : offset.count == 1 ? Array(repeating: offset[0], count: count) : offset
    }

    /// What the attributes `scale` and `offset` of a dataset; without them 1 and 0.
    ///
    /// - Throws: `Problem`, or what reading them throws.
    public init(of dataset: borrowing HDF5Dataset) throws {
        let channels = dataset.shape.count > 1 ? dataset.shape[dataset.shape.count - 1] : 1
        var values: [[Float]] = [[1], [0]]
        for (index, name) in ["scale", "offset"].enumerated() where try dataset.attributes.contains(name) {
            let found = try dataset.attributes.doubles(name)
            guard found.count == 1 || found.count == channels else {
                let expected = channels == 1 ? "one number" : "one number, or one for each of the \(channels) channels,"
                throw Problem(expected: "\(expected) in the attribute '\(name)'", found: "\(found.count)")
            }
            values[index] = found.map { Float($0) }
            if let odd = found.first(where: { !Float($0).isFinite }) {
                let expected = found.count == 1 ? "a finite number" : "finite numbers"
                throw Problem(expected: "\(expected) in the attribute '\(name)'", found: "\(odd)")
            }
        }
        self.init(scale: values[0], offset: values[1])
    }

    /// What is wrong with an attribute.
    public struct Problem: Error {
        public let expected: String, found: String
    }

    /// Scales numbers that begin with a first channel.
    public func apply(to values: inout MutableSpan<Float>) {
        guard scale.count > 1 else {
            let (scale, offset) = (scale[0], offset[0])
            guard scale != 1 || offset != 0 else { return }
            for index in values.indices { values[index] = values[index] * scale + offset }
            return
        }
        for first in stride(from: 0, to: values.count, by: scale.count) {
            for channel in scale.indices {
                values[first + channel] = values[first + channel] * scale[channel] + offset[channel]
            }
        }
    }
}
