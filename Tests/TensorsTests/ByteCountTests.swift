import Tensors
import Testing

@Suite struct ByteCountTests {
    private static let sizes: [(String, Int)] = [
        ("1GB", 1_000_000_000), ("1GiB", 1 << 30), ("256KB", 256_000), ("256kB", 256_000), ("4KiB", 4096),
        ("1.5MB", 1_500_000), ("77", 77), ("12B", 12), ("1 MiB", 1 << 20), ("10_000B", 10_000),
        ("25M", 25_000_000), ("100mb", 100_000_000), ("1 GB", 1_000_000_000), ("1.5GB", 1_500_000_000),
        ("25MiB", 25 << 20), ("25mib", 25 << 20), ("2Gi", 2 << 30), ("3k", 3000), ("4b", 4),
        ("1.5 tb", 1_500_000_000_000),
    ]

    @Test(arguments: sizes)
    func readsWhatPeopleWrite(text: String, bytes: Int) { #expect(ByteCount(text)?.bytes == bytes) }

    @Test(arguments: ["", "GB", "0", "-1", "1XB", "1e9GB", "0.1B", "1G B", "∞", "9999999999TB", "1..5MB"])
    func refusesWhatIsNoSize(text: String) { #expect(ByteCount(text) == nil) }

    @Test(arguments: [
        ("25Mb", "expected a size in bytes, such as 25MB, found '25Mb', which is in bits"),
        ("8Kib", "expected a size in bytes, such as 8KiB, found '8Kib', which is in bits"),
        ("1,5GB", "expected a size with a point and no commas, such as 1.5GB, found '1,5GB'"),
        ("1,000,000", "expected a size with a point and no commas, such as 1.5GB, found '1,000,000'"),
        ("25Mbit", "expected a size such as 250kB, 1GB (10⁹ bytes) or 1GiB (2³⁰ bytes), found '25Mbit'"),
    ])
    func saysWhatWasProbablyMeant(text: String, message: String) {
        let error = #expect(throws: ByteCountError.self) { try ByteCount(reading: text) }
        #expect(error?.description == message)
    }

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

    @Test func printsNumbersOfAnySize() {
        #expect(grouped(.min) == "-9,223,372,036,854,775,808")
        #expect(fixed(9.9e14, digits: 4) == "990000000000000.0")
        #expect(fixed(-.infinity, digits: 1) == "-inf")
    }
}
