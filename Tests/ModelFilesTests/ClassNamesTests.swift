import ModelFiles
import Testing

@Suite struct ClassNamesTests {
    @Test(arguments: [
        ("cat\ndog\n", ["cat", "dog"]), ("\u{FEFF}cat \r\n\r\n dog\r\n", ["cat", "dog"]),
        ("0 cat\n1 big dog\n", ["cat", "big dog"]), ("1 dog\n0 cat", ["cat", "dog"]),
        ("0: cat\n1: dog", ["cat", "dog"]),
        ("0,cat\n1,dog", ["cat", "dog"]),
        // Names that begin with numbers of their own.
        ("1 euro\n2 euro\n5 euro", ["1 euro", "2 euro", "5 euro"]), ("0\n1\n2", ["0", "1", "2"]),
        ("0 cat\ndog", ["0 cat", "dog"]), ("0 cat\n0 dog", ["0 cat", "0 dog"]),
        (#"["cat", "dog"]"#, ["cat", "dog"]), (#"{"cat": 1, "dog": 0}"#, ["dog", "cat"]),
        (#"{"0": "cat", "1": "dog"}"#, ["cat", "dog"]), (#"{"1": "dog", "0": "cat"}"#, ["cat", "dog"]), ("", []),
    ])
    func readsListsAsPeopleWriteThem(text: String, names: [String]) { #expect(classNames(inText: text) == names) }
}
