import Foundation
import HDF5
import Synchronization
import Testing

@testable import Datasets

@Suite struct ExampleReaderTests {
    /// How a file is stored, how it is ordered, and how much is read at once.
    struct Case: CustomTestStringConvertible {
        let type: HDF5Type
        let order: ExampleOrder
        let windowByteCount: Int
        var compression: HDF5Compression?

        var testDescription: String { "\(type), \(order), windows of \(windowByteCount) bytes" }
    }

    static let cases =
        [HDF5Type.uint8, .float16, .float32, .float64].flatMap { type in
            [ExampleOrder.sequential, .shuffled(seed: 3)].flatMap { order in
                [60, 1 << 20].map { Case(type: type, order: order, windowByteCount: $0) }
            }
        } + [Case(type: .float32, order: .shuffled(seed: 3), windowByteCount: 200, compression: .init(rowsPerChunk: 9))]

    @Test(arguments: cases)
    func deliversWhatItsOrderPromises(how: Case) throws {
        try withReader(Hyperparameters(train: 103, type: how.type, compression: how.compression), how) { reader in
            for epoch in 0..<3 {
                var delivered: [Int] = []
                for step in 0..<reader.stepsPerEpoch {
                    let batch = try reader.batch(epoch: epoch, step: step)
                    delivered += try check(batch)
                }
                #expect(delivered == reader.order(epoch: epoch))
            }
            #expect(reader.order(epoch: 2).sorted() == reader.split.rows)
        }
    }

    @Test(arguments: cases)
    func resumesAnywhere(how: Case) throws {
        try withReader(Hyperparameters(train: 103, type: how.type, compression: how.compression), how) { reader in
            for (epoch, step) in [(4, 7), (0, 3), (0, 2), (4, 12), (5, 0)] {
                let rows = try check(reader.batch(epoch: epoch, step: step))
                #expect(rows == Array(reader.order(epoch: epoch).dropFirst(step * 8).prefix(8)))
            }
        }
    }

    @Test func neverDeliversWhatIsHeldOut() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d.h5").path
            try Hyperparameters(train: 200).write(to: path)
            let (train, validation) = try ExampleFile(opening: path).trainAndValidation()
            for (split, other) in [(train, validation), (validation, train)] {
                let reader = ExampleReader(
                    split, batchSize: 8, order: .shuffled(seed: 1), windowByteCount: 90, segmentByteCount: 30)
                var rows: [Int] = []
                for step in 0..<reader.stepsPerEpoch {
                    rows += try check(reader.batch(epoch: 0, step: step))
                }
                #expect(rows.sorted() == split.rows)
                #expect(Set(rows).isDisjoint(with: other.rows))
            }
        }
    }

    @Test func letsThreadsConvertTheirShards() throws {
        let how = Case(type: .uint8, order: .shuffled(seed: 9), windowByteCount: 60)
        try withReader(Hyperparameters(train: 64), how) { reader in
            let batch = try reader.batch(epoch: 0, step: 3)
            let shards = Mutex([[Float]](repeating: [], count: 4))
            DispatchQueue.concurrentPerform(iterations: 4) { shard in
                var values = [Float](repeating: 0, count: 2 * 3)
                var span = values.mutableSpan
                batch.readInputs((shard * 2)..<(shard * 2 + 2), into: &span)
                let result = values
                shards.withLock { $0[shard] = result }
            }
            let expected = (0..<8).flatMap { example in (0..<3).map { Hyperparameters.value(batch.row(example), $0) } }
            #expect(shards.withLock { $0.flatMap { $0 } } == expected)
        }
    }

    @Test func appliesScaleAndOffset() throws {
        for type in [HDF5Type.uint8, .float16, .float32] {
            let hyperparameters = Hyperparameters(type: type) { path, new in
                guard path.hasSuffix("/x") else { return false }
                let count = path == "train/x" ? 20 : 5
                let x = try new.file.root.createDataset(path, type, shape: [count, 3])
                if type == .uint8 {
                    try x.write([UInt8](repeating: 100, count: count * 3).span)
                } else {
                    try x.write([Float](repeating: 100, count: count * 3).span)
                }
                try x.attributes.write(Float(0.5), to: "scale")
                try x.attributes.write(-1, to: "offset")
                return true
            }
            let how = Case(type: type, order: .sequential, windowByteCount: 1000)
            try withReader(hyperparameters, how) { reader in
                var values = [Float](repeating: 0, count: 3)
                var span = values.mutableSpan
                try reader.batch(epoch: 0, step: 0).readInputs(0..<1, into: &span)
                #expect(values == [49, 49, 49])
            }
        }
    }

    /// Channels are the last axis: row 0 of (2, 3) examples, each channel by numbers of its own; one offset serves all.
    @Test func appliesScaleAndOffsetOfEachChannel() throws {
        for type in [HDF5Type.uint8, .float16, .float32] {
            let hyperparameters = Hyperparameters(type: type) { path, new in
                guard path.hasSuffix("/x") else { return false }
                let count = path == "train/x" ? 20 : 5
                let x = try new.file.root.createDataset(path, type, shape: [count, 2, 3])
                let values = (0..<(count * 6)).map { UInt8($0 % 6) }
                let floats = values.map { Float($0) }
                if type == .uint8 { try x.write(values) } else { try x.write(floats) }
                try x.attributes.write([2.0, 0.5, -1], to: "scale")
                try x.attributes.write([Float(1)], to: "offset")
                return true
            }
            try withReader(hyperparameters, Case(type: type, order: .sequential, windowByteCount: 1000)) { reader in
                var values = [Float](repeating: 0, count: 6)
                var span = values.mutableSpan
                try reader.batch(epoch: 0, step: 0).readInputs(1..<2, into: &span)
                #expect(values == [1, 1.5, -1, 7, 3, -4])
            }
        }
    }

    @Test func widensEveryFiniteHalfExactly() throws {
        // All 63,488 of them, 64 rows of 992.
        let halves = (0...UInt16.max).map { Float16(bitPattern: $0) }.filter { $0.isFinite }
        let hyperparameters = Hyperparameters(train: 64, test: 64) { path, new in
            guard path.hasSuffix("/x") else { return false }
            try new.file.root.createDataset(path, halves, shape: [64, 992])
            return true
        }
        try withReader(hyperparameters, Case(type: .float16, order: .sequential, windowByteCount: 1 << 20)) { reader in
            var values: [Float] = []
            for step in 0..<8 {
                var part = [Float](repeating: 0, count: 8 * 992)
                var span = part.mutableSpan
                try reader.batch(epoch: 0, step: step).readInputs(0..<8, into: &span)
                values += part
            }
            #expect(values.map(\.bitPattern) == halves.map { Float($0).bitPattern })
        }
    }

    @Test(arguments: [HDF5Type.float16, .float32, .float64])
    func saysWhereANumberIsNotFinite(type: HDF5Type) throws {
        let hyperparameters = Hyperparameters(type: type) { path, new in
            guard path == "train/x" else { return false }
            var values = [Double](repeating: 1, count: 60)
            values[7 * 3 + 2] = type == .float64 ? 1e300 : .nan
            let x = try new.file.root.createDataset(path, type, shape: [20, 3])
            try x.write(values.span)
            return true
        }
        try withReader(hyperparameters, Case(type: type, order: .sequential, windowByteCount: 1000)) { reader in
            let error = #expect(throws: ExampleFileError.self) { try reader.batch(epoch: 0, step: 0) }
            #expect(
                error?.description.replacing(error?.path ?? "", with: "d.h5") == """
                    'train/x' in 'd.h5': expected finite float32 numbers, found \(type == .float64 ? "inf" : "nan") \
                    in row 7, element 2. Remove or repair that example.
                    """)
        }
    }

    @Test func readsSeveralLabels() throws {
        let hyperparameters = Hyperparameters { path, new in
            guard path.hasSuffix("/y") else { return false }
            let count = path.hasPrefix("train") ? 20 : 5
            let labels = (0..<count).flatMap { row in (0..<6).map { UInt8((row >> $0) & 1) } }
            try new.file.root.createDataset(path, labels, shape: [count, 6])
            return true
        }
        let how = Case(type: .uint8, order: .shuffled(seed: 2), windowByteCount: 50)
        try withReader(hyperparameters, how) { reader in
            #expect(reader.split.labelKind == .multilabel)
            #expect(reader.split.classCount == 6)
            let batch = try reader.batch(epoch: 1, step: 1)
            var labels = [Float](repeating: -1, count: 8 * 6)
            var span = labels.mutableSpan
            batch.readLabels(0..<8, into: &span)
            let expected = (0..<8).flatMap { example in
                (0..<6).map { label -> Float in Float((batch.row(example) >> label) & 1) }
            }
            #expect(labels == expected)
        }
    }

    @Test func refusesLabelsThatAreNeitherThereNorNot() throws {
        let hyperparameters = Hyperparameters { path, new in
            guard path.hasSuffix("/y") else { return false }
            let count = path.hasPrefix("train") ? 20 : 5
            var labels = [UInt8](repeating: 1, count: count * 2)
            labels[9] = 255
            // Then no label is looked at before it is needed.
            if path.hasPrefix("train") { try new.file.root.attributes.write("multi-label", to: "task") }
            try new.file.root.createDataset(path, labels, shape: [count, 2])
            return true
        }
        try withReader(hyperparameters, Case(type: .uint8, order: .sequential, windowByteCount: 500)) { reader in
            let error = #expect(throws: ExampleFileError.self) { try reader.batch(epoch: 0, step: 0) }
            #expect(
                error?.description.replacing(error?.path ?? "", with: "d.h5") == """
                    'train/y' in 'd.h5': expected zeros and ones, found 255 in row 4. \
                    A label is there or not; store 1 or 0.
                    """)
        }
    }

    @Test func readsFrameCounts() throws {
        let hyperparameters = Hyperparameters { path, new in
            let count = path.hasPrefix("train") ? 20 : 5
            if path.hasSuffix("/x") {
                try new.file.root.createDataset(path, [UInt8](repeating: 0, count: count * 60), shape: [count, 20, 3])
            } else if path.hasSuffix("/length") {
                try new.file.root.createDataset(path, (1...count).map { Int32($0) }, shape: [count])
            }
            return !path.hasSuffix("/y")
        }
        let how = Case(type: .uint8, order: .shuffled(seed: 2), windowByteCount: 500)
        try withReader(hyperparameters, how) { reader in
            #expect(reader.split.hasFrameCounts)
            let batch = try reader.batch(epoch: 0, step: 0)
            var counts = [Int32](repeating: 0, count: 8)
            var span = counts.mutableSpan
            batch.readFrameCounts(0..<8, into: &span)
            #expect(counts == (0..<8).map { Int32(batch.row($0) + 1) })
        }
    }

    /// Behind the true length, whatever is there, and whatever 0 stands for.
    @Test(arguments: [HDF5Type.uint8, .float16, .float32])
    func readsZerosBehindTheTrueLength(type: HDF5Type) throws {
        let hyperparameters = Hyperparameters { path, new in
            let count = path.hasPrefix("train") ? 20 : 5
            if path.hasSuffix("/length") {
                try new.file.root.createDataset(path, (1...count).map { Int32($0) }, shape: [count])
            } else if path.hasSuffix("/x") {
                // x, and another input with as many frames; a third one has others.
                for (name, shape) in [("x", [20, 3]), ("rgb", [20, 2]), ("mean", [4, 2])] {
                    let width = shape[0] * shape[1], path = path.dropLast() + name
                    let values = (0..<(count * width)).map { Float($0 % 200) }
                    let dataset = try new.file.root.createDataset(String(path), type, shape: [count] + shape)
                    if type == .uint8 {
                        try dataset.write(values.map { UInt8($0) })
                    } else {
                        try dataset.write(values)
                    }
                    try dataset.attributes.write(0.5, to: "scale")
                    try dataset.attributes.write(-2.0, to: "offset")
                }
            }
            return !path.hasSuffix("/y")
        }
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d.h5").path
            try hyperparameters.write(to: path)
            let split = try ExampleFile(opening: path).train.reading(["x", "rgb", "mean"])
            #expect(split.zero == [0])
            let batch = try ExampleReader(split, batchSize: 8, order: .shuffled(seed: 4)).batch(epoch: 0, step: 1)
            for (position, (width, frameWidth)) in [(60, 3), (40, 2), (8, 8)].enumerated() {
                var values = [Float](repeating: -1, count: 6 * width)
                var span = values.mutableSpan
                batch.readInputs(1..<7, of: position, into: &span)
                for (index, value) in values.enumerated() {
                    let row = batch.row(1 + index / width), place = index % width
                    let isReal = width == 8 || place / frameWidth <= row
                    #expect(value == (isReal ? Float((row * width + place) % 200) * 0.5 - 2 : 0))
                }
            }
        }
    }

    /// Compares a whole batch with what the recipe wrote, and returns its rows.
    private func check(_ batch: ExampleBatch) throws -> [Int] {
        let rows = (0..<batch.count).map(batch.row)
        var inputs = [Float](repeating: -1, count: batch.count * 3)
        var inputSpan = inputs.mutableSpan
        batch.readInputs(0..<batch.count, into: &inputSpan)
        #expect(inputs == rows.flatMap { row in (0..<3).map { Hyperparameters.value(row, $0) } })
        var classes = [Int32](repeating: -1, count: batch.count)
        var classSpan = classes.mutableSpan
        batch.readClasses(0..<batch.count, into: &classSpan)
        #expect(classes == rows.map { Int32($0 % 4) })
        var labels = [Float](repeating: -1, count: batch.count * 4)
        var labelSpan = labels.mutableSpan
        batch.readLabels(0..<batch.count, into: &labelSpan)
        let expected = rows.flatMap { row in (0..<4).map { label -> Float in label == row % 4 ? 1 : 0 } }
        #expect(labels == expected)
        return rows
    }

    /// Lends a reader of the training examples, in batches of 8.
    private func withReader(_ hyperparameters: Hyperparameters, _ how: Case, _ body: (ExampleReader) throws -> Void)
        throws
    {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d.h5").path
            try hyperparameters.write(to: path)
            let split = try ExampleFile(opening: path).train
            try body(
                ExampleReader(
                    split, batchSize: 8, order: how.order, windowByteCount: how.windowByteCount, segmentByteCount: 30))
        }
    }
}
