import Datasets
import ModelFiles
import TestSupport
import Testing

@testable import Distillation
@testable import Networks

/// A given student whose first layers do not suit the data's range.
@Suite struct InputRangeTests {
    private static let unit = InputRange(least: 0, most: 1, mean: 0.3, meanSquare: 0.2)
    private static let bytes = InputRange(least: 0, most: 255, mean: 76.5, meanSquare: 0.2 * 255 * 255)

    private func uses(_ layers: String) throws -> [InputUse] {
        let text = "name: s\ninput: [6]\nlayers:\n\(layers)  - Dense: {units: 3, activation: softmax}\n    name: last\n"
        return try ArchitectureFile(parsing: text, path: "s.yaml").architecture(classes: 3).graph().graph.plainInputUses
    }

    @Test func findsWhatStandsBeforeTheFirstWeights() throws {
        #expect(try uses("") == [InputUse(layer: "last", scale: 1, offset: 0, rescaling: nil)])
        let scaled = "  - Rescaling: {scale: 2, offset: 1}\n    name: r\n"
        #expect(try uses(scaled) == [InputUse(layer: "last", scale: 2, offset: 1, rescaling: "r")])
        // 0.5 · (2 x + 1) − 1
        #expect(
            try uses(scaled + "  - Dropout: {rate: 0.1}\n  - Rescaling: {scale: 0.5, offset: -1}\n    name: q\n")
                == [InputUse(layer: "last", scale: 1, offset: -0.5, rescaling: "q")])
    }

    @Test(arguments: [
        "  - BatchNormalization: {}\n", "  - Normalization: {}\n",
        "  - Rescaling: {scale: 2}\n  - LayerNormalization: {}\n",
        "  - Dense: {units: 4}\n  - BatchNormalization: {}\n",
    ])
    func passesOverWhatIsNormalized(layers: String) throws { #expect(try uses(layers) == []) }

    @Test func warnsOfNumbersThatAreTooLargeOrTooMuchAlike() throws {
        let plain = try uses(""), byte = try uses("  - Rescaling: {scale: 0.00392157}\n    name: r\n")
        #expect(Self.unit.warning("s.yaml", plain) == nil)
        #expect(Self.bytes.warning("s.yaml", byte) == nil)
        #expect(
            Self.bytes.warning("s.yaml", plain)
                == "student 's.yaml': x is from 0 to 255: layer 'last' learns badly from numbers that large. Begin with "
                + "Normalization: {}, which fits any data")
        #expect(
            Self.unit.warning("s.yaml", byte)
                == "student 's.yaml': x is from 0 to 1, and layer 'r' (Rescaling) makes 0 to 0.003922 of it: layer 'last' "
                + "learns badly from numbers that are nearly the same. Leave 'r' out, or begin with Normalization: {}, which "
                + "fits any data")
        // −1 to −0.992: far from 0, and nearly the same.
        #expect(
            Self.unit.warning("s.yaml", try uses("  - Rescaling: {scale: 0.00784314, offset: -1}\n    name: r\n"))?
                .contains("makes -1 to -0.9922 of it") == true)
        // What is the same everywhere says nothing of the student.
        #expect(InputRange(least: 1, most: 1, mean: 1, meanSquare: 1).warning("s.yaml", plain) == nil)
    }

    @Test func isToldBeforeTheRunAndInThePlan() throws {
        var data = DataFile(train: 80, test: 30)
        data.change = { (_: String, x: inout [Float]) in x = x.map { $0 * 100 + 300 } }
        try withScene(data) { scene in
            var scene = scene
            scene.student = Scene.teacher
            try scene.writeStudent()
            let request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)]), told = Told()
            let warning = "learns badly from numbers that large. Begin with Normalization: {}, which fits any data"
            let outline = try Compressor(request, tell: told.hear).dryRun()
            #expect(told.warnings.allSatisfy { !$0.hasSuffix(warning) })
            try compress(request, told: told)
            #expect(told.warnings.contains { $0.hasSuffix(warning) })
            #expect(outline.warnings.contains { $0.hasSuffix(warning) })
        }
    }
}
