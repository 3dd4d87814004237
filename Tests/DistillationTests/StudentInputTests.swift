import Datasets
import ModelFiles
import Models
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// Students whose input is another than x, by axes of size 1 or altogether.
@Suite struct StudentInputTests {
    /// A student with this input, whose first layer reads the numbers in whatever shape.
    private func student(_ input: String) -> String {
        """
        name: tiny
        input: \(input)
        layers:
          - Flatten: {}
          - Dense: {units: classes, activation: softmax}
        """
    }

    private static let teacher = """
        input: [4, 5, 1]
        layers:
          - Flatten: {}
          - Dense: {units: classes, activation: softmax}
        """

    /// The exported student has the shape that it takes, and learns the same in every shape.
    @Test(
        arguments: [
            ([4, 5, 1], "[4, 5]", [4, 5]), ([4, 5], "[4, 5, 1]", [4, 5, 1]), ([4, 5, 1], "[time, features]", [4, 5]),
            ([4, 5], "[height, width, channels]", [4, 5, 1]), ([1, 4, 5], "[4, 5]", [4, 5]),
        ] as [([Int], String, [Int])])
    func axesOfOneComeAndGo(x: [Int], input: String, taken: [Int]) throws {
        try withScene(DataFile(Shape(x), train: 60, test: 20)) { scene in
            var scene = scene
            let teacher = try scene.writeTeacher("teacher.h5", seed: 1, text: Self.teacher)
            scene.student = student("[\(x.map(String.init).joined(separator: ", "))]")
            try scene.writeStudent()
            let plain = try compress(scene.request([teacher], run: "plain", output: "plain.h5"))
            scene.student = student(input)
            try scene.writeStudent()
            let told = Told(), report = try compress(scene.request([teacher]), told: told)
            #expect(told.messages[0].contains("; takes x \(Shape(x)) as \(Shape(taken))"))
            let file = try KerasFile(opening: report.student.path)
            #expect(file.architecture.inputs.map { $0.axes } == [taken])
            let (found, wanted) = (try weights(report.student.path), try weights(plain.student.path))
            #expect(found == wanted)
            #expect(report.student.test.map(\.value) == plain.student.test.map(\.value))
            // The student is a teacher of the same data, and the architecture of another student.
            let data = try ExampleFile(opening: scene.path("data.h5"))
            #expect(try ModelTeacher(report.student.path, data: data).inputs.shapes == [Shape(taken)])
            var again = scene.request([teacher], run: "again", output: "again.h5")
            again.student = .file(report.student.path)
            #expect(try compress(again).student.parameters == 20 * 3 + 3)
        }
    }

    @Test(arguments: [
        (
            [4, 5, 3], "[time, features]",
            "reads sequences (time, features), but x is images of 4 × 5 × 3. Choose a student for "
                + "images, such as Architectures/students/conv.yaml, or give it the input [4, 5, 3] and begin with Reshape or "
                + "Flatten"
        ),
        (
            [4, 5, 1], "[features]",
            "reads vectors (features), but x is images of 4 × 5 × 1. Choose a student for images, such "
                + "as Architectures/students/conv.yaml, or give it the input [4, 5, 1] and begin with Reshape or Flatten"
        ),
        (
            [4, 5, 1], "[8, 8, 1]",
            "reads images of 8 × 8 × 1, but x is images of 4 × 5 × 1. Give its input the shape of x, "
                + "[4, 5, 1]"
        ),
        (
            [20], "[4, 5, 1]",
            "reads images of 4 × 5 × 1, but x is vectors of 20 features. Choose a "
                + "student for vectors, such as Architectures/students/mlp.yaml, or give it the input [20] and begin with "
                + "Reshape or Flatten"
        ),
        (
            [4, 5], "[time, 6]",
            "reads sequences (time, 6), but x is sequences of 4 × 5. Give its input the shape of x, [4, 5]"
        ),
    ])
    func saysWhatAStudentReads(x: [Int], input: String, message text: String) throws {
        try withScene(DataFile(Shape(x), train: 20, test: 10)) { scene in
            var scene = scene
            scene.student = student(input)
            try scene.writeStudent()
            let teacher = try scene.writeTeacher(
                "teacher.h5", seed: 1,
                text: Self.teacher.replacing("[4, 5, 1]", with: "[\(x.map(String.init).joined(separator: ", "))]"))
            let said = message { try compress(scene.request([teacher])) }
            #expect(said == "'\(scene.path("student.yaml"))': \(text)")
        }
    }

    /// A student whose architecture is a model's.
    @Test func saysWhatAModelReads() throws {
        try withScene(DataFile([4, 5, 3], train: 20, test: 10)) { scene in
            let teacher = try scene.writeTeacher(
                "teacher.h5", seed: 1, text: Self.teacher.replacing("[4, 5, 1]", with: "[4, 5, 3]"))
            let other = try scene.writeTeacher("other.h5", seed: 1)
            var request = scene.request([teacher])
            request.student = .file(other)
            let said = message { try compress(request) } ?? ""
            #expect(said.hasPrefix("'\(other)': reads vectors of 6 features, but x is images of 4 × 5 × 3. "))
        }
    }
}
