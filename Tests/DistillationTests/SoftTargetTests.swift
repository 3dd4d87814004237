import Datasets
import Foundation
import HDF5
import Models
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// The forms in which soft targets are kept.
@Suite struct SoftTargetTests {
    /// Keeps logits of 40 examples with C classes in a form, and reads them again.
    private func kept(
        _ logits: [[Float]], _ form: SoftTargetForm, hasManyLabels: Bool = false
    ) throws -> (targets: [[Double]], byteCount: Int) {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "data.h5").path, classes = logits[0].count
            let x = logits.map { _ in [Float(0)] }
            if hasManyLabels {
                try writeExamples(
                    x, shape: [1], labels: logits.indices.map { row in (0..<classes).map { UInt8(($0 + row) % 2) } },
                    to: path)
            } else {
                try writeExamples(
                    x, shape: [1], classes: logits.indices.map { $0 % classes }, names: classes, to: path)
            }
            let split = try ExampleFile(opening: path).train
            let store = try TeacherStore(folder.appending(path: "store").path, dataDigest: "data", form: form)
            let block = Buffer(zeros: logits.count * classes).tensor(count: logits.count, shape: [classes])
            block.copy(from: logits.flatMap(\.self))
            try store.keep("teacher", split, 0..<split.count) { _, take in try take(0..<logits.count, block) }
            let targets = try #require(store.targets(of: "teacher", split)).all().values.map { Double($0) }
            let file = try #require(try FileManager.default.contentsOfDirectory(atPath: store.directory).first)
            let size = try FileManager.default.attributesOfItem(atPath: "\(store.directory)/\(file)")[.size] as? Int
            return (
                logits.indices.map { Array(targets[($0 * classes)..<(($0 + 1) * classes)]) }, try #require(size)
            )
        }
    }

    private func ln(_ x: Double) -> Float { Float(log(x)) }

    private func random(_ rows: Int, _ classes: Int, deviation: Float) -> [[Float]] {
        let key = RandomKey(seed: 4)
        return (0..<rows).map { row in (0..<classes).map { deviation * Float(key.normals(row * classes + $0).0) } }
    }

    @Test func float32KeepsEveryBit() throws {
        let logits = random(40, 30, deviation: 9)
        #expect(try kept(logits, .float32).targets == logits.map { $0.map { Double($0) } })
    }

    /// Eleven bits: half of 2⁻¹⁰ of the number, or of the smallest normal half.
    @Test func float16KeepsElevenBits() throws {
        let logits =
            random(40, 30, deviation: 9) + [[1e6, -1e6, 65504, 70000, 0, 1e-5] + [Float](repeating: 2, count: 24)]
        for (found, given) in zip(try kept(logits, .float16).targets, logits) {
            for (z, x) in zip(found, given) {
                let limited = min(max(Double(x), -65504), 65504)
                #expect(abs(z - limited) <= max(abs(limited), 6.2e-5) * 0x1p-11)
            }
        }
    }

    /// By hand: softmax of log 4, log 2, log 1, log 1 is ½, ¼, ⅛, ⅛. The two largest stay, the others share ¼.
    @Test func theLargestStayAndTheOthersShareWhatIsLeft() throws {
        let logits: [[Float]] = [[0, ln(4.0), 0, ln(2.0)], [3, 3, 3, 3]]
        let found = try kept(logits, .top(2)).targets
        for (p, expected) in zip(softmax(found[0]), [0.125, 0.5, 0.125, 0.25]) {
            expectClose(p, expected, tolerance: 1e-3)
        }
        #expect(found[1] == [3, 3, 3, 3])
        // Unequal ones that are left: log 6 and log 2 share 8, so that each has log 4.
        let uneven = try kept([[ln(6.0), 5, ln(2.0), 6]], .top(2)).targets[0]
        for (z, expected) in zip(uneven, [Double(ln(4)), 5, Double(ln(4)), 6]) {
            expectClose(z, expected, tolerance: 1e-3)
        }
    }

    /// By hand: of probabilities 0.9, 0.5, 0.2 and 0.1 of four labels, the last two have 0.15 each.
    @Test func labelsThatAreLeftShareTheirExpectedNumber() throws {
        let probabilities = [0.2, 0.9, 0.1, 0.5]
        let found = try kept([probabilities.map { Float(log($0 / (1 - $0))) }], .top(2), hasManyLabels: true).targets[0]
        for (z, expected) in zip(found, [0.15, 0.9, 0.15, 0.5]) { expectClose(sigmoid(z), expected, tolerance: 1e-3) }
    }

    /// Probabilities of what is kept are those of all logits, and nothing is lost altogether.
    @Test(arguments: [false, true])
    func keepsTheProbabilityOfAll(hasManyLabels: Bool) throws {
        let logits = random(40, 300, deviation: 4), k = 20
        let found = try kept(logits, .top(k), hasManyLabels: hasManyLabels).targets
        for (z, given) in zip(found, logits) {
            let x = given.map { Double($0) }
            let (p, q) = hasManyLabels ? (x.map(sigmoid), z.map(sigmoid)) : (softmax(x), softmax(z))
            let order = x.indices.sorted { x[$0] > x[$1] }
            for index in order[..<k] { expectClose(q[index], p[index], tolerance: 0.01 * p[index]) }
            expectClose(
                order[k...].reduce(0) { $0 + q[$1] }, order[k...].reduce(0) { $0 + p[$1] }, tolerance: 0.01)
            #expect(Set(order[k...].map { z[$0] }).count == 1)
        }
    }

    /// Of equal logits those of the first classes are kept, so that every run keeps the same.
    @Test func ofEqualLogitsTheFirstAreKept() throws {
        var logits = [Float](repeating: 1, count: 50)
        logits[30] = 2
        logits[10] = -8
        let top = TopLogits(logits.span, k: 4, labelKind: .multiclass)
        #expect(top.classes == [30, 0, 1, 2])
        #expect(top.logits == [2, 1, 1, 1])
    }

    /// What is left may be too small for any number: it is still a number.
    @Test func nothingBecomesInfinite() throws {
        let logits: [[Float]] = [[100, 0, -3e4, -3e38], [0, -1e30, -1e30, -1e30]]
        for hasManyLabels in [false, true] {
            let found = try kept(logits, .top(1), hasManyLabels: hasManyLabels).targets
            #expect(found.joined().allSatisfy { $0.isFinite })
            #expect(found[0][0] == 100 && found[1][0] == 0)
        }
    }

    /// The size that is told before anything is written, and what HDF5 needs.
    @Test(arguments: [SoftTargetForm.float32, .float16, .top(7)])
    func theSizeIsTheOneThatIsTold(form: SoftTargetForm) throws {
        let expected = 40 * form.byteCount(classCount: 100)
        let size = try kept(random(40, 100, deviation: 3), form).byteCount
        #expect((expected...(expected + 6144)).contains(size), "\(size) bytes, \(expected) told")
    }

    @Test func countsItsBytes() {
        #expect(SoftTargetForm.float32.byteCount(classCount: 3862) == 15_448)
        #expect(SoftTargetForm.float16.byteCount(classCount: 3862) == 7724)
        // Each of 20 has a class of two bytes and a logit of two; and there is the one of all others.
        #expect(SoftTargetForm.top(20).byteCount(classCount: 3862) == 82)
    }

    @Test(arguments: ["", "float", "float64", "top", "top:", "top:0", "top:-1", "top:x", "top:1.5", "20"])
    func refusesOtherWords(text: String) { #expect(SoftTargetForm(text) == nil) }

    @Test(arguments: ["float32", "float16", "top:1", "top:20"])
    func readsWhatItWrites(text: String) { #expect(SoftTargetForm(text)?.description == text) }

    /// Another form is another file: what is there in float16 is not taken for float32, and stays.
    @Test func formsAreToldApart() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "data.h5").path
            try DataFile([2], classes: 4, train: 12).write(to: path)
            let split = try ExampleFile(opening: path).train
            let forms: [SoftTargetForm] = [.float32, .float16, .top(2), .top(3)]
            let stores = try forms.map {
                try TeacherStore(folder.appending(path: "store").path, dataDigest: "data", form: $0)
            }
            for (index, store) in stores.enumerated() {
                try store.keep("teacher", split, 0..<split.count) { _, take in
                    try take(0..<12, Buffer(zeros: 48).tensor(count: 12, shape: [4]))
                }
                #expect(stores.map { $0.has("teacher", split) } == stores.indices.map { $0 <= index })
            }
        }
    }
}

/// The whole job with soft targets of other forms.
@Suite struct SoftTargetRunTests {
    /// Of three classes the two largest as halves, and what is left for the third, are what float16 keeps: the very same
    /// student comes of it, and another than of all bits.
    @Test func studentsLearnFromWhatIsKept() throws {
        try withScene { scene in
            let teacher = try scene.writeTeacher("teacher.h5", seed: 1)
            func student(_ form: SoftTargetForm, _ name: String) throws -> [UInt32] {
                var request = scene.request([teacher], run: name, output: "\(name).h5")
                request.softTargets = form
                let told = Told()
                try compress(request, told: told)
                let examples = (scene.data.train + scene.data.test) * form.byteCount(classCount: 3)
                #expect(
                    told.messages.contains("soft targets: \(ByteCount(examples)) as \(form) in the run directory"))
                return try weights(request.output)
            }
            let all = try student(.float32, "all"), halves = try student(.float16, "halves")
            #expect(try student(.top(2), "top") == halves)
            #expect(all != halves)
        }
    }

    @Test func refusesMoreLogitsThanClasses() throws {
        try withScene { scene in
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            request.softTargets = .top(3)
            let error = #expect(throws: LossError.self) { try compress(request) }
            #expect(
                error?.problems == [
                    "soft targets 'top:3' are for more than 3 classes, and the data has 3: use float16"
                ])
        }
    }
}
