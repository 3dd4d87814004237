import Foundation
import ModelFiles
import Networks
import Testing

/// What becomes of masks, by the rules of the version of Keras that wrote a file.
@Suite struct MaskVersionTests {
    private static let folder = fixture("versions")
    static let models =
        (try? FileManager.default.contentsOfDirectory(atPath: folder))?
        .filter { !$0.hasSuffix(".io.h5") }.sorted() ?? []

    @Test func thereIsAFixtureOfEachSetOfRules() { #expect(Self.models.count == 7) }

    @Test(arguments: models)
    func agreesWithTheVersionThatWroteIt(model: String) throws {
        let path = "\(Self.folder)/\(model)"
        let examples = try Examples(of: path.replacing(".keras", with: ".h5"))
        let outputs = try KerasFile(opening: path).network().network.predict(examples.inputs)
        try #require(outputs.count == examples.outputs.count)
        for (output, (found, expected)) in zip(outputs, examples.outputs).enumerated() {
            #expect(distance(found, expected) < 1e-5, "output \(output)")
        }
    }

    /// What is written names the version whose rules it follows.
    @Test(arguments: models.filter { $0.hasSuffix(".keras") })
    func survivesExport(model: String) throws {
        let path = "\(Self.folder)/\(model)"
        let examples = try Examples(of: path.replacing(".keras", with: ".h5"))
        let (built, network) = try KerasFile(opening: path).network()
        try withTemporaryFolder { folder in
            let copy = folder.appending(path: "copy.keras").path
            try ExportPlan(built, format: KerasArchive()).write(network.weights, to: copy)
            #expect(
                try KerasFile(opening: copy).network().network.predict(examples.inputs)
                    == network.predict(examples.inputs))
        }
    }

    @Test func refusesWhatVersionsComputeDifferently() throws {
        var architecture = try KerasFile(opening: "\(Self.folder)/masks-3.15.keras").architecture
        architecture.version = nil
        let error = #expect(throws: ModelFileError.self) { try architecture.graph() }
        #expect(
            error?.problems.first == "layer 'multiply_masked' (Multiply): versions of Keras mask what it reads by "
                + "different rules, and the file does not name its version")
        #expect(error?.problems.contains { $0.contains("'after_add'") } == true)
        #expect(error?.problems.contains { $0.contains("'masking_a'") || $0.contains("'add'") } == false)
    }

    /// Keras 3 would list `q` behind `p`, once the operations that make the mask read `p`.
    @Test(arguments: [KerasHDF5(), KerasArchive()] as [any ModelFormat])
    func refusesToWriteWhatMasksPutIntoAnotherOrder(format: any ModelFormat) throws {
        func plan(mask: Bool) throws -> ExportPlan {
            let layers = [
                "{name: p, Dense: {units: 3}}", mask ? "{Masking: {}}" : "{Dense: {units: 3}}",
                "{name: first, GRU: {units: 3}}", "{name: q, from: input, Dense: {units: 3}}", "{Dense: {units: 3}}",
                "{Dense: {units: 3}}", "{name: second, GRU: {units: 3}}", "{from: [first, second], Concatenate: {}}",
                "{Dense: {units: classes}}",
            ]
            let text = "name: m\ninput: [4, 3]\nlayers:\n" + layers.map { "  - \($0)\n" }.joined()
            let architecture = try ArchitectureFile(parsing: text, path: "a.yaml").architecture(classes: 2)
            return try ExportPlan(architecture.graph(), format: format)
        }
        _ = try plan(mask: false)
        let error = #expect(throws: ModelFileError.self) { try plan(mask: true) }
        #expect(
            error?.description
                == "'a.yaml': line 7, layer 'q' (Dense): Keras 3 would list it behind 'p' because of the "
                + "masks, and mix up their weights. Models with masks in one of several branches cannot be written for "
                + "Keras 3")
    }

    /// Keras 3 makes a mask for `joined`, too, although it hides nothing, and lists `masked` and `p` before `q`.
    @Test func refusesToWriteWhatEmptyMasksPutIntoAnotherOrder() throws {
        let layers = [
            "{name: p, Dense: {units: 3}}", "{name: masked, from: input, Masking: {}}",
            "{name: joined, from: [masked, p], Concatenate: {}}", "{name: first, GRU: {units: 3}}",
            "{name: q, from: input, Dense: {units: 3}}", "{Dense: {units: 3}}", "{Dense: {units: 3}}",
            "{name: second, GRU: {units: 3}}", "{from: [first, second], Concatenate: {}}", "{Dense: {units: classes}}",
        ]
        let text = "name: m\ninput: [4, 3]\nlayers:\n" + layers.map { "  - \($0)\n" }.joined()
        let built = try ArchitectureFile(parsing: text, path: "a.yaml").architecture(classes: 2).graph()
        #expect(try !built.graph.isMasked(#require(built.value(of: "joined"))))
        let error = #expect(throws: ModelFileError.self) { try ExportPlan(built) }
        #expect(error?.description.contains("layer 'q' (Dense): Keras 3 would list it behind 'masked'") == true)
    }

    @Test func readsVersionsAsTheyAreWritten() {
        #expect(KerasVersion("2.2.4-tf") == KerasVersion(2, 2))
        #expect(KerasVersion("3.0.0.dev2023100103") == KerasVersion(3, 0))
        #expect(KerasVersion("3.15.1") == KerasVersion(3, 15))
        #expect(KerasVersion("nightly") == nil)
        #expect(KerasVersion(3, 4) < KerasVersion(3, 15) && KerasVersion(2, 15) < KerasVersion(3, 0))
    }

    /// Keras 2.10 was the first in which MultiHeadAttention read masks, and the result had one.
    @Test(arguments: [(9, false), (10, true)])
    func headsReadMasksFrom2_10On(minor: Int, reads: Bool) throws {
        let path = fixture("versions/masks-2.21.h5")
        var architecture = try KerasFile(opening: path).architecture
        architecture.version = KerasVersion(2, minor)
        let built = try architecture.graph()
        let heads = try #require(built.value(of: "heads"))
        #expect(built.graph.isMasked(heads) == reads)
    }
}
