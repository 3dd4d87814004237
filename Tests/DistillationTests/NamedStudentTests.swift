import Datasets
import Foundation
import HDF5
import Networks
import Students
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation
@testable import ModelFiles

/// `--student NAME`: the students that are part of the program.
@Suite struct NamedStudentTests {
    private static let vectors: Shape = [12], sequences: Shape = [7, 5], images: Shape = [10, 8, 3]

    /// Which layers lead from examples of some shape into each student.
    @Test(arguments: [
        ("mlp", vectors, "BatchNormalization Dense"),
        ("mlp", sequences, "BatchNormalization Flatten Dense"),
        ("mlp", images, "BatchNormalization Flatten Dense"),
        ("rnn", images, "BatchNormalization Reshape"),
        ("bag-of-frames", images, "BatchNormalization Reshape"),
        ("crnn", images, "BatchNormalization Reshape Conv1D"),
        ("crnn", sequences, "BatchNormalization Conv1D"),
        ("conv", images, "BatchNormalization"),
        ("vgg", images, "BatchNormalization Conv2D"),
        ("conv", sequences, "BatchNormalization Reshape"),
    ])
    func takesEveryKindOfExamplesThatItCan(name: String, shape: Shape, first: String) throws {
        let plan = try plan(.named(name), shape)
        let layers = plan.built.layers.map(\.className).prefix(first.split(separator: " ").count)
        #expect(layers.joined(separator: " ") == first)
        #expect(plan.built.graph.shape(of: plan.built.graph.inputs[0]) == shape)
        #expect(plan.export.size.file.bytes <= 60_000)
        #expect(plan.export.size.file.bytes > 30_000, "the width uses the budget")
    }

    @Test(arguments: [
        ("mlp", vectors, 60_000), ("crnn", sequences, 60_000), ("rnn", sequences, 12_000), ("vgg", images, 60_000),
        ("conv", images, 15_000),
    ])
    func automaticIsTheStudentForTheShapeAndTheBudget(name: String, shape: Shape, budget: Int) throws {
        let automatic = try plan(.automatic, shape, budget: budget)
        #expect(automatic.built.architecture.name == "student-\(name)")
        #expect(try automatic.digest == plan(.named(name), shape, budget: budget).digest)
        #expect(automatic.export.size.file.bytes <= budget)
    }

    @Test func fewMultiplyAddsMakeAutomaticImagesASmallerFamily() throws {
        let free = try plan(.automatic, Self.images).built.graph.multiplyAddsPerExample
        let bounded = try plan(.automatic, Self.images, multiplyAdds: free / 10)
        #expect(bounded.built.architecture.name == "student-conv")
        #expect(bounded.built.graph.multiplyAddsPerExample <= free / 10)
    }

    @Test func masksThePaddingOfSequencesWithLengths() throws {
        let plan = try plan(.named("rnn"), Self.sequences, lengths: [3, 7])
        #expect(plan.built.layers.prefix(2).map(\.className) == ["Masking", "BatchNormalization"])
    }

    @Test(
        arguments: [
            (
                "conv", vectors,
                "reads images (height, width, channels), but x is vectors of 12 features. Choose a student for vectors, such as "
                    + "'mlp'"
            ),
            (
                "rnn", vectors,
                "reads sequences (time, features), but x is vectors of 12 features. Choose a student for vectors, such as 'mlp'"
            ),
            (
                "bag-of-frames", [2, 3, 4, 5],
                "reads sequences (time, features), but x is videos of 2 × 3 × 4 × 5. Choose a student for videos, such as 'mlp'"
            ),
        ] as [(String, Shape, String)])
    func refusesExamplesThatItHasNoUseFor(name: String, shape: Shape, text: String) throws {
        let error = try #require(throws: ModelFileError.self) { try plan(.named(name), shape) }
        #expect("\(error)" == "'\(name)': \(text)")
    }

    @Test func aNameThatIsNoneIsNoStudentAndNoFile() throws {
        #expect(CompressionRequest.Student("rnm") == .file("rnm"))
        let error = try #require(throws: ModelFileError.self) { try plan(.file("rnm"), Self.vectors) }
        #expect(
            "\(error)"
                == "'rnm': is no file, and no student of the program (bag-of-frames, conv, crnn, mlp, rnn, vgg); did you mean 'rnn'?"
        )
        #expect(error.kind == .missing)
    }

    @Test(arguments: Students.names) func theProgramHasTheFilesOfTheFolder(name: String) throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../Architectures/students")
        let text = try String(contentsOf: folder.appending(path: "\(name).yaml"), encoding: .utf8)
        #expect(Students.text(name) == text)
        #expect(CompressionRequest.Student(name) == .named(name))
    }

    /// Half the bytes for each weight make room for twice as many, which is a width by about the root of 2.
    @Test func isWiderWhereItsWeightsTakeHalf() throws {
        let plain = try plan(.named("vgg"), [28, 28, 1], budget: 256_000)
        let half = try plan(.named("vgg"), [28, 28, 1], budget: 256_000, precision: .float16)
        #expect(half.export.size.file.bytes <= 256_000)
        let ratio = Double(half.export.size.parameters) / Double(plain.export.size.parameters)
        #expect(ratio > 1.8 && ratio < 2.2)
        #expect(try #require(half.width) > #require(plain.width))
        let sentence = half.sentence("student", budget: Budget(ByteCount(256_000)))
        #expect(sentence.contains("\(grouped(half.export.size.parameters)) parameters as float16, "))
    }

    private func plan(
        _ student: CompressionRequest.Student, _ shape: Shape, lengths: [Int32]? = nil, budget: Int = 60_000,
        multiplyAdds: Int? = nil, precision: Precision = .float32
    ) throws -> StudentPlan {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d.h5").path, file = try HDF5File(creating: path)
            for split in ["train", "test"] {
                let x = [Float](repeating: 1, count: 2 * shape.elementCount)
                try file.root.createDataset("\(split)/x", x, shape: [2] + shape.axes)
                try file.root.createDataset("\(split)/y", [Int32]([0, 1]), shape: [2])
                if let lengths { try file.root.createDataset("\(split)/length", lengths, shape: [2]) }
            }
            try file.close()
            let data = try ExampleFile(opening: path)
            return try StudentPlan(
                student, width: nil, budget: Budget(ByteCount(budget)), mostMultiplyAdds: multiplyAdds, data: data,
                labelKind: data.labelKind, format: KerasHDF5(), precision: precision)
        }
    }
}
