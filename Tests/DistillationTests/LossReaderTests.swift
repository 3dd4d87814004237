import Distillation
import Foundation
import ModelFiles
import Testing
import Training

/// The losses of a configuration file.
@Suite struct LossReaderTests {
    private func value(_ text: String) throws -> YAMLValue {
        let url = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).yaml")
        try text.write(to: url, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: url) }
        return try YAMLValue(reading: url.path)
    }

    private func terms(_ text: String) throws -> (terms: [LossTerm], problems: [String]) {
        var reader = LossReader()
        let terms = reader.terms(try value(text))
        return (terms, reader.problems.map { "\($0.line): \($0.text)" })
    }

    private func stage(_ text: String) throws -> (stage: FirstStage?, problems: [String]) {
        var reader = LossReader()
        let stage = reader.firstStage(try value(text))
        return (stage, reader.problems.map { "\($0.line): \($0.text)" })
    }

    private static let losses = """
        - kl: {weight: 1}
        - dkd: {alpha: 2, beta: 4.5, weight: linear:0:1}
        - dist: {beta: 1}
        - rkd:
            angle: 0
        - mse
        - cross-entropy: {weight: 2}
        - dkd:
        - fsp:
            teacher: resnet26
            pairs:
              - {student: [stem, block1], teacher: [stem, stage1]}
              - {student: [block1, 7], teacher: [stage1, stage2]}
        - hint: {pairs: [{student: block2, teacher: stage2}], weight: 0.5}
        - attention: {pairs: [{teacher: stage2, student: block2}], weight: [linear:1000:0@0.5, 0]}
        """

    private static let pair = LossTerm.LayerPair(student: "block2", teacher: "stage2")

    @Test func readsEveryLossWithTheDefaultsOfItsPaper() throws {
        let found = try terms(Self.losses)
        #expect(found.problems.isEmpty)
        #expect(
            found.terms == [
                LossTerm(.kl), LossTerm(.dkd(alpha: 2, beta: 4.5), weight: .linear(from: 0, to: 1)),
                LossTerm(.dist(beta: 1, gamma: 2)), LossTerm(.rkd(distance: 25, angle: 0)), LossTerm(.mse),
                LossTerm(.crossEntropy, weight: .constant(2)), LossTerm(.dkd(alpha: 1, beta: 8)),
                LossTerm(
                    .fsp([
                        (
                            .init(student: "stem", teacher: "stem"),
                            .init(student: "block1", teacher: "stage1")
                        ),
                        (
                            .init(student: "block1", teacher: "stage1"),
                            .init(student: "7", teacher: "stage2")
                        ),
                    ]), teacher: "resnet26"),
                LossTerm(.hint([Self.pair]), weight: .constant(0.5)),
                LossTerm(
                    .attention([Self.pair]),
                    weight: .joined([.init(.linear(from: 1000, to: 0), until: 0.5), .init(.constant(0))])),
            ])
    }

    @Test func readsTheFirstStage() throws {
        let found = try stage("epochs: 5\nlosses: [hint: {pairs: [{student: block2, teacher: stage2}]}]")
        #expect(found.problems.isEmpty)
        #expect(found.stage == FirstStage(epochs: 5, terms: [LossTerm(.hint([Self.pair]))]))
    }

    @Test func readsWhatItWrites() throws {
        let all = try terms(Self.losses).terms
        #expect(try terms(JSON.array(all.map(\.json)).yaml).terms == all)
        let first = FirstStage(epochs: 3, terms: all.filter(\.loss.comparesLayers))
        #expect(try stage(first.json.yaml).stage == first)
    }

    /// The table of `docs/losses.md` has a row for each loss, with what it compares, its paper and its parameters.
    @Test func thePageHasEveryLoss() throws {
        let page = URL(filePath: #filePath).appending(path: "../../../docs/losses.md").standardized
        let rows = try String(contentsOf: page, encoding: .utf8).split(separator: "\n").filter { $0.hasPrefix("| `") }
        for loss in Loss.all {
            let row = try #require(rows.first { $0.hasPrefix("| `\(loss.name)` |") }, "no row of \(loss.name)")
            #expect(row.hasPrefix("| `\(loss.name)` | \(loss.summary)"))
            if loss != .crossEntropy { #expect(row.contains("(\(loss.paper))"), "\(loss.name)") }
            for (key, value) in loss.parameters { #expect(row.contains("`\(key): \(Int(value))`"), "\(loss.name)") }
        }
    }

    private static let names = Loss.all.map(\.name).sorted().joined(separator: ", ")
    private static let namesOfFeatureLosses = Loss.all.filter(\.comparesLayers).map(\.name).joined(separator: ", ")

    private static let mistakes: [(String, String)] = [
        ("kl", "1: expected a list of losses such as [kl], found \"kl\""),
        ("[]", "1: expected a list of losses such as [kl], found []"),
        ("[3]", "1: expected one loss, such as kl or dkd: {beta: 8}, found 3"),
        ("[{kl: {}, mse: {}}]", "1: expected one loss, such as kl or dkd: {beta: 8}, found {\"kl\":{},\"mse\":{}}"),
        (
            "[kl, dkt]",
            "1: there is no loss 'dkt'; did you mean 'dkd'? (losses are \(names))"
        ),
        ("[kl: 3]", "1: 'kl': expected {weight: …}, found 3"),
        ("[mse: {alpha: 3}]", "1: 'mse' has no key 'alpha' (its keys are weight)"),
        ("[dkd: {betta: 3}]", "1: 'dkd' has no key 'betta'; did you mean 'beta'? (its keys are alpha, beta, weight)"),
        ("[kl: {weight: -1}]", "1: 'kl': 'weight': the weight of a loss may not become negative, found '-1'"),
        (
            "[kl: {weight: 'linear:1:-1'}]",
            "1: 'kl': 'weight': the weight of a loss may not become negative, found 'linear:1:-1'"
        ),
        (
            "[kl: {weight: liner:0:1}]",
            "1: 'kl': 'weight': there is no schedule 'liner' (schedules are numbers, constant, cosine, exponential, "
                + "linear, step); did you mean 'linear'?"
        ),
        (
            "[kl: {weight: .inf}]",
            "1: 'kl': 'weight': there is no schedule '.inf' (schedules are numbers, constant, "
                + "cosine, exponential, linear, step)"
        ),
        ("[kl: {weight: ~}]", "1: 'kl': 'weight': expected a number or a schedule, found nothing"),
        ("[kl: {weight: [1, [2]]}]", "1: 'kl': 'weight': expected a number or a schedule, found [1,[2]]"),
        ("[dkd: {alpha: -1}]", "1: 'dkd': 'alpha': expected a number of at least 0, found -1"),
        ("[dkd: {alpha: .nan}]", "1: 'dkd': 'alpha': expected a number of at least 0, found NaN"),
        ("[dist: {gamma: much}]", "1: 'dist': 'gamma': expected a number of at least 0, found \"much\""),
        ("[rkd: {distance: 0, angle: 0}]", "1: 'rkd': distance and angle are both 0; leave the loss out"),
        ("[hint]", "1: 'hint' needs 'pairs', such as [{student: block2, teacher: stage2}]"),
        ("[fsp: {}]", "1: 'fsp' needs 'pairs', such as [{student: [stem, block1], teacher: [stem, stage1]}]"),
        (
            "[hint: {pairs: []}]",
            "1: 'hint': 'pairs': expected a list such as [{student: block2, teacher: stage2}], found []"
        ),
        ("[hint: {pairs: [block2]}]", "1: 'hint/pairs': expected {student: …, teacher: …}, found \"block2\""),
        (
            "[hint: {pairs: [{student: a}]}]",
            "1: 'hint': a pair needs 'teacher', such as [{student: block2, teacher: stage2}]"
        ),
        (
            "[hint: {pairs: [{student: [a, b], teacher: c}]}]",
            "1: 'hint': 'student': expected a name, found [\"a\",\"b\"]"
        ),
        ("[hint: {pairs: [{student: '', teacher: c}]}]", "1: 'hint': 'student': expected a name, found \"\""),
        ("[hint: {pairs: [{student: true, teacher: c}]}]", "1: 'hint': 'student': expected a name, found true"),
        (
            "[fsp: {pairs: [{student: [a], teacher: [c, d]}]}]",
            "1: 'fsp': 'student': expected a list of 2 layers, found [\"a\"]"
        ),
        (
            "[attention: {teacher: [a], pairs: [{student: a, teacher: b}]}]",
            "1: 'attention': 'teacher': expected a name, found [\"a\"]"
        ),
        (
            "[fsp: {pairs: [{studnet: [a, b], student: [a, b], teacher: [c, d]}]}]",
            "1: 'fsp/pairs' has no key 'studnet'; did you mean 'student'? (its keys are student, teacher)"
        ),
    ]

    @Test(arguments: mistakes)
    func saysWhatIsWrong(text: String, problem: String) throws {
        #expect(try terms(text).problems == [problem])
    }

    private static let stageMistakes: [(String, [String])] = [
        ("5", ["1: 'first-stage': expected {epochs: …, losses: …}, found 5"]),
        (
            "{epochs: 0, losses: []}",
            [
                "1: 'epochs': expected a whole number of at least 1, found 0",
                "1: expected a list of losses such as [kl], found []",
            ]
        ),
        ("{}", ["1: 'first-stage' needs 'epochs'", "1: 'first-stage' needs 'losses'"]),
        (
            "{epochs: 2, losses: [kl]}",
            ["1: 'first-stage' learns from layers alone (\(namesOfFeatureLosses)), found 'kl'"]
        ),
    ]

    @Test(arguments: stageMistakes)
    func saysWhatIsWrongWithTheFirstStage(text: String, problems: [String]) throws {
        #expect(try stage(text).problems == problems)
    }

    /// Everything at once, each with its line.
    @Test func namesLines() throws {
        let found = try terms("- kl:\n    weight: -1\n- mse\n- dkd: {alpha: x,\n    beta: y}\n")
        #expect(
            found.problems == [
                "2: 'kl': 'weight': the weight of a loss may not become negative, found '-1'",
                "4: 'dkd': 'alpha': expected a number of at least 0, found \"x\"",
                "5: 'dkd': 'beta': expected a number of at least 0, found \"y\"",
            ])
    }
}

@Suite struct ScheduleBoundsTests {
    @Test(arguments: [
        ("0", "a temperature must be above 0 throughout, found '0'"),
        ("linear:4:0", "a temperature must be above 0 throughout, found 'linear:4:0'"),
        ("4@0.5,linear:4:-1", "a temperature must be above 0 throughout, found '4@0.5,linear:4:-1'"),
        (
            "cosin:4:1",
            "there is no schedule 'cosin' (schedules are numbers, constant, cosine, exponential, linear, step); did you "
                + "mean 'cosine'?"
        ),
    ])
    func refusesTemperatures(text: String, message: String) {
        #expect { try Schedule(temperature: text) } throws: { "\($0)" == message }
    }

    @Test func takesTemperatures() throws {
        #expect(try Schedule(temperature: "exponential:8:1") == .exponential(from: 8, to: 1))
        #expect(try Schedule(weight: "linear:0:1") == .linear(from: 0, to: 1))
        #expect(try Schedule(weight: "0").isZero)
    }

    @Test func isANumberOrATextInAFile() {
        #expect(Schedule.constant(4).json == 4)
        #expect(Schedule.constant(0.25).json == 0.25)
        #expect(Schedule.linear(from: 0, to: 1).json == "linear:0:1")
    }
}
