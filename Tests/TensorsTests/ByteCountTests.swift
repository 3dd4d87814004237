import Tensors
import Testing

@Suite struct ByteCountTests {
    @Test(arguments: [
        ("1GB", 1_000_000_000), ("1GiB", 1 << 30), ("256KB", 256_000), ("256kB", 256_000), ("4KiB", 4096),
        ("1.5MB", 1_500_000), ("77", 77), ("12B", 12), ("1 MiB", 1 << 20), ("10_000B", 10_000),
    ])
    func readsWhatPeopleWrite(text: String, bytes: Int) { #expect(ByteCount(text)?.bytes == bytes) }

    @Test(arguments: ["", "GB", "0", "-1", "1XB", "1e9GB", "0.1B", "1G B", "∞", "9999999999TB", "1..5MB"])
    func refusesWhatIsNoSize(text: String) { #expect(ByteCount(text) == nil) }

    @Test func printsEveryDigitOrThree() {
        #expect(ByteCount(1_048_576).description == "1,048,576 bytes")
        #expect(ByteCount(1).description == "1 byte")
        #expect(ByteCount(1_048_576).short == "1.05 MB")
        #expect(ByteCount(999).short == "999 B")
        #expect(ByteCount(999_999).short == "1.00 MB")
        #expect(ByteCount(255_912).short == "256 kB")
    }

    @Test func roundsHalfAwayFromZero() {
        #expect(fixed(0.125, digits: 2) == "0.13")
        #expect(fixed(-0.001, digits: 2) == "0.00")
        #expect(fixed(12, digits: 0) == "12")
        #expect(fixed(3.05, digits: 3) == "3.050")
    }
}
