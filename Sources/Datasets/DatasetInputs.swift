public import HDF5

extension HDF5Dataset {
    /// Reads rows of any type of numbers as what models compute with.
    ///
    /// - Throws: `ExampleFileError` with row and value for what is not finite, and for a whole number that float32 does not
    ///   have; `HDF5Error` if it cannot be read.
    public func readInputs(rows: Range<Int>, into inputs: inout MutableSpan<Float>) throws {
        try readNumbers(rows: rows, into: &inputs)
        for index in inputs.indices where !inputs[index].isFinite {
            throw inputError("finite numbers", "\(inputs[index])", rows, index, "Remove or repair that example.")
        }
    }

    /// Reads rows of any type of numbers, finite or not.
    ///
    /// - Throws: `ExampleFileError` with row and value for a whole number that float32 does not have; `HDF5Error` if they
    ///   cannot be read.
    public func readNumbers(rows: Range<Int>, into inputs: inout MutableSpan<Float>) throws {
        switch type {
        case .int32: try readWhole(rows, Int32.self, into: &inputs)
        case .uint32: try readWhole(rows, UInt32.self, into: &inputs)
        case .int64: try readWhole(rows, Int64.self, into: &inputs)
        case .uint64: try readWhole(rows, UInt64.self, into: &inputs)
        default: try read(rows: rows, into: &inputs)
        }
    }

    private func readWhole<Number: HDF5Element & FixedWidthInteger>(
        _ rows: Range<Int>, _: Number.Type, into inputs: inout MutableSpan<Float>
    ) throws {
        var numbers = [Number](repeating: .zero, count: inputs.count)
        var span = numbers.mutableSpan
        try read(rows: rows, into: &span)
        for index in numbers.indices {
            guard let value = Float(exactly: numbers[index]) else {
                throw inputError(
                    "numbers that float32 has", "\(numbers[index])", rows, index, ExampleFileError.exactAdvice)
            }
            inputs[index] = value
        }
    }

    private func inputError(
        _ expected: String, _ found: String, _ rows: Range<Int>, _ index: Int, _ advice: String
    ) -> ExampleFileError {
        let (row, element) = index.quotientAndRemainder(dividingBy: max(elementsPerRow, 1))
        return ExampleFileError(
            place.file, place.path, expected: expected,
            found: "\(found) in row \(rows.lowerBound + row), element \(element)",
            advice)
    }
}
