import Datasets
import Foundation
import HDF5
import ModelFiles
import Models
import Networks
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// What teachers said, kept in files.
@Suite struct TeacherStoreTests {
    private let text = """
        input: [6]
        layers:
          - Dense: {units: 5, activation: tanh}
          - Dense: {units: classes, activation: softmax}
        """

    private func withStore(_ body: (TeacherStore, ExampleFile, _ folder: URL) throws -> Void) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "data.h5").path
            try DataFile(validation: 7).write(to: path)
            let store = try TeacherStore(
                folder.appending(path: "store").path, dataDigest: "data 1", form: .float32)
            try body(store, try ExampleFile(opening: path), folder)
        }
    }

    private func numbers(_ split: ExampleSplit, from first: Float = 0) -> Tensor {
        let memory = Buffer(zeros: split.count * split.classCount)
        memory.tensor.copy(from: (0..<memory.count).map { first + Float($0) / 7 })
        return memory.tensor(count: split.count, shape: [split.classCount])
    }

    /// What is kept is what a live teacher says, element for element.
    @Test func keepsWhatTheTeacherSays() throws {
        try withStore { store, data, folder in
            let path = folder.appending(path: "teacher.h5").path
            try writeModel(text, seed: 3, to: path)
            let (_, network) = try KerasFile(opening: path).network()
            let workers = Workers(2)
            defer { workers.close() }
            let logits = try predictLogits(
                network.graph, weights: network.weights.tensor, of: data.train, workers: workers)
            let digest = try sha256(ofFile: path)
            try store.keep(logits.tensor, of: digest, data.train)
            #expect(try store.values(of: digest, data.train)?.map(\.bitPattern) == bits(logits.tensor))
        }
    }

    @Test func hasNothingAtFirst() throws {
        try withStore { store, data, _ in
            let values = try store.values(of: "teacher", data.train)
            #expect(values == nil && !store.has("teacher", data.train))
        }
    }

    @Test func tellsTeachersAndSplitsApart() throws {
        try withStore { store, data, _ in
            let validation = try #require(data.validation)
            try store.keep(numbers(data.train), of: "one", data.train)
            try store.keep(numbers(data.train, from: 100), of: "two", data.train)
            #expect(store.has("one", data.train))
            #expect(!store.has("one", validation))
            #expect(!store.has("one", data.test))
            #expect(!store.has("three", data.train))
            #expect(try store.values(of: "two", data.train)?.first == 100)
        }
    }

    @Test func refusesTeachersWhoseDigestsBeginAlike() throws {
        try withStore { store, data, _ in
            let start = String(repeating: "a", count: 16)
            try store.keep(numbers(data.train), of: start + "1", data.train)
            #expect(store.has(start + "1", data.train))
            #expect(!store.has(start + "2", data.train))
        }
    }

    @Test func neverUsesWhatBelongsToOtherData() throws {
        try withStore { store, data, _ in
            try store.keep(numbers(data.train), of: "teacher", data.train)
            let other = try TeacherStore(store.directory, dataDigest: "data 2", form: .float32)
            #expect(!other.has("teacher", data.train))
            #expect(try other.values(of: "teacher", data.train) == nil)
            // The same rows held out of a file of other length have other names or another number of rows.
            let half = data.train.selecting(Array(0..<30), name: "train")
            #expect(!store.has("teacher", half))
        }
    }

    @Test(arguments: [0.0, 0.2, 0.6, 0.95])
    func ignoresHalfAFile(share: Double) throws {
        try withStore { store, data, _ in
            try store.keep(numbers(data.train), of: "teacher", data.train)
            let name = try #require(try FileManager.default.contentsOfDirectory(atPath: store.directory).first)
            let url = URL(filePath: "\(store.directory)/\(name)"), bytes = try Data(contentsOf: url)
            try bytes.prefix(Int(Double(bytes.count) * share)).write(to: url)
            #expect(!store.has("teacher", data.train))
            try store.keep(numbers(data.train), of: "teacher", data.train)
            #expect(store.has("teacher", data.train))
        }
    }

    /// In all three forms, whichever bit it is.
    @Test(arguments: [SoftTargetForm.float32, .float16, .top(2)])
    func findsEveryDamage(form: SoftTargetForm) throws {
        try withStore { plain, data, folder in
            let store = try TeacherStore(folder.appending(path: "other").path, dataDigest: "data", form: form)
            try store.keep(numbers(data.train), of: "teacher", data.train)
            let before = try #require(try store.values(of: "teacher", data.train))
            let name = try #require(try FileManager.default.contentsOfDirectory(atPath: store.directory).first)
            let url = URL(filePath: "\(store.directory)/\(name)"), good = try Data(contentsOf: url)
            // What was verified a moment ago is not read again; a change within a tick of the clock looks like no change.
            Thread.sleep(forTimeInterval: 0.05)
            for place in stride(from: 0, to: good.count, by: 7) {
                var bad = good
                bad[place] ^= 1 << UInt8(place % 8)
                try bad.write(to: url)
                let other = try TeacherStore(store.directory, dataDigest: "data", form: form)
                #expect(!other.has("teacher", data.train), "byte \(place)")
                #expect(other.damaged("teacher", data.train, 0..<data.train.count) == url.path)
            }
            try store.keep(numbers(data.train), of: "teacher", data.train)
            #expect(store.damaged("teacher", data.train, 0..<data.train.count) == nil)
            let after = try store.values(of: "teacher", data.train)
            #expect(after == before)
        }
    }

    /// A class number that the data does not have, in a file whose checksum is right.
    @Test func refusesClassesBeyondThoseOfTheData() throws {
        try withStore { _, data, folder in
            let store = try TeacherStore(folder.appending(path: "other").path, dataDigest: "data", form: .top(2))
            try store.keep(numbers(data.train), of: "teacher", data.train)
            let name = try #require(try FileManager.default.contentsOfDirectory(atPath: store.directory).first)
            let path = "\(store.directory)/\(name)", count = data.train.count
            try FileManager.default.removeItem(atPath: path)
            try HDF5File.writeSealed(to: path, isMappable: true) { file in
                for (key, value) in [
                    ("teacher", "teacher"), ("data", "data"), ("format", store.format),
                    ("rows", TeacherStore.text(0..<count, of: data.train)),
                ] {
                    try file.root.attributes.write(value, to: key)
                }
                var classes = [UInt16](repeating: 1, count: count * 2)
                classes[count] = UInt16(data.classCount)
                try file.root.createDataset("classes", classes, shape: [count, 2])
                try file.root.createDataset("logits", [Float16](repeating: 1, count: count * 2), shape: [count, 2])
                try file.root.createDataset("rest", [Float16](repeating: 0, count: count), shape: [count])
            }
            #expect(
                store.damaged("teacher", data.train, 0..<data.train.count) == nil && !store.has("teacher", data.train))
        }
    }

    @Test func answersToOtherDataStay() throws {
        try withStore { store, data, _ in
            try store.keep(numbers(data.train), of: "teacher", data.train)
            for (digest, form) in [("data 2", SoftTargetForm.float32), ("data 1", .float16)] {
                let other = try TeacherStore(store.directory, dataDigest: digest, form: form)
                try other.keep(numbers(data.train, from: 9), of: "teacher", data.train)
            }
            #expect(try store.values(of: "teacher", data.train)?.first == 0)
        }
    }

    /// Chunk by chunk, in any order; what is kept and read is the same whatever the chunks.
    @Test(arguments: [1, 7, 16, 60, 1000])
    func keepsChunks(rowsOfChunk: Int) throws {
        try withStore { whole, data, folder in
            let store = try TeacherStore(
                folder.appending(path: "chunks").path, dataDigest: "data 1", form: .float32, rowsOfChunk: rowsOfChunk)
            let split = data.train, all = numbers(split), chunks = store.chunks(of: split)
            #expect(
                chunks.flatMap(Array.init) == Array(0..<split.count)
                    && chunks.dropLast().allSatisfy { $0.count == rowsOfChunk })
            for (index, rows) in chunks.enumerated().reversed() {
                #expect(store.targets(of: "teacher", split) == nil && !store.has("teacher", split, rows))
                try store.keep("teacher", split, rows) { examples, take in
                    #expect(examples.rows == rows.map { split.rows[$0] } && examples.name == split.name)
                    let classes = split.classCount
                    try take(0..<rows.count, all.slice(at: rows.lowerBound * classes, count: rows.count * classes))
                }
                #expect(store.has("teacher", split, rows) && store.has("teacher", split) == (index == 0))
            }
            let found = try #require(store.targets(of: "teacher", split))
            #expect(bits(found.all()) == bits(all))
            // Some rows, across chunks.
            let some = 3..<(split.count - 2), part = Buffer(zeros: some.count * split.classCount).tensor
            found.read(some, into: part)
            #expect(bits(part) == bits(all.slice(at: 3 * split.classCount, count: some.count * split.classCount)))
        }
    }

    /// A file under the name of another chunk is not used.
    @Test func tellsChunksApart() throws {
        try withStore { _, data, folder in
            let path = folder.appending(path: "chunks").path
            let store = try TeacherStore(path, dataDigest: "data", form: .float32, rowsOfChunk: 10), split = data.train
            try store.keep("teacher", split, 0..<10) { examples, take in try take(0..<10, numbers(examples)) }
            let name = try #require(try FileManager.default.contentsOfDirectory(atPath: path).first)
            #expect(name.hasSuffix("-train-0.h5"))
            try FileManager.default.moveItem(atPath: "\(path)/\(name)", toPath: "\(path)/\(name.dropLast(4))1.h5")
            #expect(!store.has("teacher", split, 0..<10) && !store.has("teacher", split, 10..<20))
        }
    }

    @Test func keepsNothingThatMayNotBeKept() throws {
        struct Changed: Error {}
        try withStore { store, data, _ in
            #expect(throws: Changed.self) {
                try store.keep("teacher", data.train, 0..<data.train.count, check: { throw Changed() }) { _, take in
                    try take(0..<data.train.count, numbers(data.train))
                }
            }
            let names = try FileManager.default.contentsOfDirectory(atPath: store.directory)
            #expect(names.isEmpty)
        }
    }

    @Test func ignoresAFileThatIsStillBeingWritten() throws {
        try withStore { store, data, _ in
            try store.keep(numbers(data.train), of: "teacher", data.train)
            let name = try #require(try FileManager.default.contentsOfDirectory(atPath: store.directory).first)
            let path = "\(store.directory)/\(name)"
            try FileManager.default.moveItem(atPath: path, toPath: path + ".99999.partial")
            #expect(!store.has("teacher", data.train))
            try store.keep(numbers(data.train, from: 5), of: "teacher", data.train)
            #expect(try store.values(of: "teacher", data.train)?.first == 5)
            #expect(try FileManager.default.contentsOfDirectory(atPath: store.directory) == [name])
        }
    }

    /// Only targets are kept: four bytes for each class of each row, and what HDF5 needs.
    @Test func isNoLargerThanItsNumbers() throws {
        try withStore { store, data, _ in
            try store.keep(numbers(data.train), of: "teacher", data.train)
            let name = try #require(try FileManager.default.contentsOfDirectory(atPath: store.directory).first)
            let size = try FileManager.default.attributesOfItem(atPath: "\(store.directory)/\(name)")[.size] as? Int
            let most = 60 * 3 * 4 + 4096
            #expect(try #require(size) <= most)
        }
    }
}

extension TeacherStore {
    fileprivate func keep(_ logits: Tensor, of teacher: String, _ split: ExampleSplit) throws {
        try keep(teacher, split, 0..<split.count) { _, take in
            // In two blocks, as teachers answer.
            let half = split.count / 2, classes = split.classCount
            try take(0..<half, logits.slice(at: 0, count: half * classes))
            try take(
                half..<split.count, logits.slice(at: half * classes, count: (split.count - half) * classes))
        }
    }

    fileprivate func values(of teacher: String, _ split: ExampleSplit) throws -> [Float]? {
        targets(of: teacher, split)?.all().values
    }
}

/// What a teacher said, by row of the file.
@Suite struct KeptLogitsTests {
    /// However a batch was shuffled, each example meets the answers to its own row.
    @Test func areFoundWhateverTheOrderOfABatch() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "data.h5").path
            try DataFile([2], classes: 2, train: 40).write(to: path)
            let (train, _) = try ExampleFile(opening: path).trainAndValidation()
            #expect(train.rows != Array(0..<train.count))
            let store = try TeacherStore(folder.appending(path: "store").path, dataDigest: "data", form: .float32)
            let views = try [0, 1000].map { first in
                let view = Buffer(zeros: train.count * 2).tensor(count: train.count, shape: [2])
                view.copy(from: train.rows.flatMap { [Float($0 + first), -1] })
                try store.keep(view, of: "view \(first)", train)
                return try #require(store.targets(of: "view \(first)", train))
            }
            let kept = KeptLogits(KeptLogits.Rows(views: views, places: RowPlaces(train)), unlabeled: nil)
            let workers = Workers(2)
            defer { workers.close() }
            let reader = BatchLoader(train, hyperparameters: Hyperparameters(epochs: 2, batchSize: 8), workers: workers)
            for epoch in 0..<2 {
                for step in 0..<reader.stepsPerEpoch {
                    let batch = try reader.batch(epoch: epoch, step: step)
                    for examples in [0..<batch.count, 1..<3] {
                        let found = Buffer(zeros: examples.count * 2).tensor(count: examples.count, shape: [2])
                        kept.readLogits(of: batch, examples, into: found)
                        let expected = examples.flatMap { example -> [Float] in
                            [Float(batch.row(example) + 1000 * batch.view), -1]
                        }
                        #expect(found.values == expected)
                    }
                }
            }
        }
    }

    /// By hand: 60, 50 and 40 go to parts of their own or the one that has least, and 30 and 10 fill up what has less.
    @Test func partsHaveAboutAsMuchToDo() throws {
        let work = [10, 60, 40, 30, 50]
        func items(_ number: Int, of count: Int) throws -> [Int] {
            try #require(TeachingRequest.Part(number, of: count)).items(ofWork: work)
        }
        // 60 + 30 + 10 and 50 + 40.
        #expect(try [items(1, of: 2), items(2, of: 2)] == [[0, 1, 3], [2, 4]])
        // 60, 50 + 10 and 40 + 30.
        #expect(try [items(1, of: 3), items(2, of: 3), items(3, of: 3)] == [[1], [0, 4], [2, 3]])
        // Each item is in one part, also where there are more parts than items.
        for count in 1...7 {
            #expect(try (1...count).flatMap { try items($0, of: count) }.sorted() == [0, 1, 2, 3, 4])
        }
    }
}
