import Tensors
import Testing

@Suite struct MessageLimitTests {
    @Test func leavesMessagesOfUsualLengthAlone() {
        let message = "'a.h5': layer 'x' (Dense): has no 'units'\nSee 'compress help train'."
        #expect(message.limited() == message)
    }

    @Test func cutsNamesSoThatWhatIsSaidOfThemStays() {
        let name = String(repeating: "n", count: 4_000)
        let message = "'a.h5': layer '\(name)' (Dense): the activation 'wobble' is not supported".limited()
        #expect(
            message.hasPrefix("'a.h5': layer 'nnn")
                && message.hasSuffix("nnn' (Dense): the activation 'wobble' is not supported"))
        #expect(message.count < 200)
    }

    @Test func cutsTheMiddleOfWhatIsStillTooLong() {
        let words = (0..<500).map { "word\($0)" }.joined(separator: " ")
        let message = words.limited()
        #expect(message.count == 500)
        #expect(message.hasPrefix("word0 word1 ") && message.hasSuffix(" word498 word499"))
    }

    @Test func hasNoMoreThanTenLines() {
        let lines = (1...40).map { "line \($0)" }
        #expect(lines.joined(separator: "\n").limited() == (lines.prefix(9) + ["and 31 more"]).joined(separator: "\n"))
        let long = (1...5).map { "\($0) " + String(repeating: "long ", count: 60) }.joined(separator: "\n").limited()
        #expect(long.count <= 500 && long.hasPrefix("1 long") && long.hasSuffix(" more"))
    }
}
