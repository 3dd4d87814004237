import Tensors
import Testing

@Suite struct NearestNameTests {
    @Test(arguments: [
        ("flop", "flip"), ("Flip", "flip"), ("crop", "crop"), ("drop-frame", "drop-frames"), ("rotate", nil), ("", nil),
    ])
    func findsWhatWasMeant(name: String, meant: String?) {
        #expect(nearestName(to: name, among: ["crop", "flip", "drop-frames"]) == meant)
        #expect(didYouMean(name, ["crop", "flip", "drop-frames"]) == (meant.map { "; did you mean '\($0)'?" } ?? ""))
    }
}
