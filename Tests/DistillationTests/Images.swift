import Foundation
import HDF5
import ModelFiles
import Networks
import Tensors
import TestSupport

@testable import Distillation

/// Networks of small images, whose layers can be compared.
enum Images {
    /// Two convolutions between which images become half as large. `mid` has the size of the teacher's.
    static let student = """
        name: tiny
        input: [6, 6, 2]
        layers:
          - Conv2D: {filters: 3, kernel_size: 3, padding: same, activation: tanh}
            name: early
          - BatchNormalization: {}
            name: normalization
          - AveragePooling2D: {pool_size: 2}
            name: pool
          - Conv2D: {filters: 4, kernel_size: 3, padding: same, activation: tanh}
            name: late
          - Dropout: {rate: 0.2}
            name: drop
          - Flatten: {}
            name: flat
          - Dense: {units: classes, activation: softmax}
            name: answer
        """

    static let teacher = """
        input: [6, 6, 2]
        layers:
          - Conv2D: {filters: 3, kernel_size: 3, padding: same, activation: tanh}
            name: first
          - Conv2D: {filters: 5, kernel_size: 3, strides: 2, padding: same, activation: tanh}
            name: middle
          - Conv2D: {filters: 4, kernel_size: 3, padding: same, activation: tanh}
            name: second
          - Flatten: {}
            name: flat
          - Dense: {units: classes, activation: softmax}
            name: answer
        """

    static var data: DataFile { DataFile([6, 6, 2], train: 80, test: 30) }

    static func pair(_ student: String, _ teacher: String) -> LossTerm.LayerPair {
        LossTerm.LayerPair(student: student, teacher: teacher)
    }

    /// Layers of the student that learn from layers of the teacher, in every way; `early` and `first` must be pooled.
    static func layerTerms(weight: Double, teacher: String? = nil) -> [LossTerm] {
        [
            LossTerm(
                .fsp([(pair("early", "first"), pair("late", "second"))]),
                weight: .constant(weight), teacher: teacher),
            LossTerm(
                .hint([pair("late", "middle"), pair("early", "first")]), weight: .constant(weight), teacher: teacher),
            LossTerm(
                .attention([pair("late", "middle"), pair("early", "first")]), weight: .constant(weight),
                teacher: teacher),
        ]
    }

    static func withScene<Result>(
        _ data: DataFile = data, student: String = student, _ body: (Scene) throws -> Result
    ) throws -> Result {
        try withTemporaryFolder { folder in
            var scene = try Scene(folder, data)
            scene.student = student
            try scene.writeStudent()
            return try body(scene)
        }
    }
}

extension Scene {
    @discardableResult
    func writeImageTeacher(_ name: String, seed: Int, epochs: Int = 0) throws -> String {
        try writeTeacher(name, seed: seed, epochs: epochs, text: Images.teacher)
    }
}

/// What `metrics.jsonl` of a run directory says, line by line; every line must parse.
func metricsLines(_ directory: String) throws -> [JSON] {
    try String(contentsOfFile: directory + "/metrics.jsonl", encoding: .utf8)
        .split(separator: "\n", omittingEmptySubsequences: true).map { try JSON(parsing: String($0)) }
}
