import Models
import Reports
import Tensors
import Testing

/// How teachers will be asked, for people to check.
@Suite struct TeacherPlanTableTests {
    private let plans = [
        TeacherPlan(
            path: "teachers/conv.h5", parameters: 279_338, bytes: ByteCount(1_189_984),
            bindings: [.init(input: "input_1", source: "x", read: [28, 28, 1], steps: [], taken: [28, 28, 1])],
            output: "softmax of 10", classes: .named, notes: ["a note"]),
        TeacherPlan(
            path: "teachers/resnet50.h5", parameters: 23_608_202, bytes: ByteCount(94_765_736),
            bindings: [
                .init(
                    input: "input_1", source: "x", read: [28, 28, 1],
                    steps: [
                        .resize(height: 224, width: 224, isNearest: false), .channels([0, 0, 0]),
                        .offset([-103.939, -116.779, -123.68]),
                    ], taken: [224, 224, 3])
            ], output: "logits of 10", classes: .permuted([1, 0]), notes: ["a note", "another one"]),
        TeacherPlan(
            path: "two.h5", parameters: 12, bytes: ByteCount(3000),
            bindings: [
                .init(input: "rgb", source: "x[0..20]", read: [28, 20], steps: [], taken: [28, 20]),
                .init(input: "audio", source: "x[20..28]", read: [28, 8], steps: [], taken: [28, 8, 1]),
            ], output: "one sigmoid", classes: .assumed),
    ]

    @Test func hasALineForEachInput() {
        let lines = planText(plans).split(separator: "\n")
        #expect(lines.count == 8)
        #expect(
            lines[3].contains(
                "x (28, 28, 1) resize:224x224 channels:0-0-0 offset:-103.939/-116.779/-123.68 → (224, 224, 3)  logits"))
        #expect(lines[5].drop { $0 == " " } == "audio: x[20..28] (28, 8) → (28, 8, 1)")
        #expect(lines[6...] == ["a note", "another one"])
    }

    @Test func showsPredictionsInThePlaceOfAModel() {
        for (name, title) in [(nil, "p.h5"), ("forest", "forest")] {
            let recorded = TeacherPlan(
                path: "p.h5", name: name, parameters: nil, bytes: nil, bindings: [],
                recorded: "predictions of train, test",
                output: "logits of 10", classes: .named)
            let line = planText([recorded]).split(separator: "\n").last { $0.contains(title) }
            #expect(
                line?.split(separator: " ").joined(separator: " ")
                    == "\(title) — — predictions of train, test logits of 10 by name")
        }
    }

    @Test func breaksRulesWhereRoomIsShort() {
        #expect(
            planText(plans, width: 80) == """

                teacher        parameters     size  input               output         classes
                ────────────────────────────────────────────────────────────────────────────────
                …hers/conv.h5     279,338  1.19 MB  x (28, 28, 1)       softmax of 10  by name
                …/resnet50.h5  23,608,202  94.8 MB  x (28, 28, 1)       logits of 10   reordered
                                                      resize:224x224
                                                      channels:0-0-0
                                                      offset:-103.939/
                                                      -116.779/-123.68
                                                      → (224, 224, 3)
                two.h5                 12  3.00 kB  rgb: x[0..20]       one sigmoid    assumed
                                                      (28, 20)
                                                    audio: x[20..28]
                                                      (28, 8)
                                                      → (28, 8, 1)
                a note
                another one


                """)
    }

    @Test(arguments: [80, 100, 120, 160])
    func keepsToTheWidth(width: Int) {
        for line in planText(plans, width: width).split(separator: "\n") {
            #expect(line.count <= width, "\(line)")
        }
    }
}
