import HDF5
import Testing

@testable import Datasets

/// Examples of every type of numbers.
@Suite struct InputTypeTests {
    private func read<Element: HDF5Element>(_ values: [Element], type: HDF5Type = Element.hdf5Type) throws -> [Float] {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d.h5").path
            let hyperparameters = Hyperparameters(train: 4) { name, new in
                guard name == "train/x" else { return false }
                try new.file.root.createDataset(name, values, shape: [4, 3], type: type)
                return true
            }
            try hyperparameters.write(to: path)
            let split = try ExampleFile(opening: path).train
            let batch = try ExampleReader(split, batchSize: 4, order: .sequential).batch(epoch: 0, step: 0)
            var inputs = [Float](repeating: 0, count: 12)
            var span = inputs.mutableSpan
            batch.readInputs(0..<4, into: &span)
            return inputs
        }
    }

    @Test(arguments: [
        HDF5Type.int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .float16, .float32, .float64,
    ])
    func readsEveryTypeOfNumbers(type: HDF5Type) throws {
        let numbers = [0, 1, 2, 3, 100, 127, 7, 8, 9, 10, 11, 12]
        let found = try type.isFloat ? read(numbers.map { Float($0) }, type: type) : read(numbers, type: type)
        #expect(found == numbers.map { Float($0) })
    }

    @Test func readsNegativeAndLargeNumbersThatFloat32Has() throws {
        let numbers = [-1, -16_777_216, 16_777_216, 1 << 40, -3, 0, 5, 6, 7, 8, 9, 10]
        #expect(try read(numbers) == numbers.map { Float($0) })
    }

    @Test func refusesNumbersThatFloat32DoesNotHave() throws {
        var numbers = [Int](repeating: 0, count: 12)
        numbers[7] = 16_777_217
        let error = #expect(throws: ExampleFileError.self) { try read(numbers) }
        #expect(error?.object == "train/x")
        #expect(error?.expected == "numbers that float32 has")
        #expect(error?.found == "16777217 in row 2, element 1")
        let unsigned = #expect(throws: ExampleFileError.self) { try read(numbers.map { $0 == 0 ? 0 : UInt64.max }) }
        #expect(unsigned?.found == "18446744073709551615 in row 2, element 1")
    }
}
