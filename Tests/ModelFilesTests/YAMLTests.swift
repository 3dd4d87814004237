import Foundation
import ModelFiles
import Testing

/// Files of keys and values.
@Suite struct YAMLTests {
    private func read(_ text: String) throws -> YAMLValue {
        let url = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).yaml")
        try text.write(to: url, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: url) }
        return try YAMLValue(reading: url.path)
    }

    @Test(arguments: [
        "a", "linear:0:1", "/data/x.h5", "", " ", "true", "No", "null", "~", "1", "007", "1e3", "inf", "nan", ".5",
        "0x10", "1:30", "a: b", "a #b", "#", "- a", "-a", "a:", "*", "*x", "&a", "!b", "[a", "{", "}", "'", "\"", "\\",
        "a\nb", "a\r", "\t", "\u{0}", "\u{7F}", "\u{85}", "\u{2028}", "données", "模型.h5", "🙂", "%a",
        "@a", "`a", "a,b", "crop:4,flip", "y", "=", "<<", "2026-11-23", "---", "...", "a b", "|", ">", "?",
    ])
    func writesTextsThatReadBack(text: String) throws {
        for value: JSON in [["k": .string(text)], [.string(text), [.string(text)]], ["k": [["l": .string(text)]]]] {
            #expect(try read(value.yaml).json == value, "\(value.yaml)")
        }
        let key = JSON.object(JSON.Object([.init(text, 1)]))
        #expect(try read(key.yaml).json == key, "\(key.yaml)")
    }

    @Test func writesEveryKindOfValue() throws {
        let value: JSON = [
            "none": nil, "yes": true, "count": 3, "rate": 0.003, "tiny": 1e-300, "large": .number(.infinity),
            "list": [],
            "object": [:], "nested": [[1, [2.5]], ["a": ["b", "c d"]]],
        ]
        #expect(
            value.yaml == """
                none: null
                "yes": true
                count: 3
                rate: 0.003
                tiny: 1e-300
                large: .inf
                list: []
                object: {}
                nested:
                  - - 1
                    - - 2.5
                  - a:
                      - b
                      - "c d"

                """)
        #expect(try read(value.yaml).json == value)
    }

    @Test func keepsScalarsAsTheyAreWritten() throws {
        let value = try read("a: 0.10\nb: 007\nc: '1'\nd: yes\n")
        #expect(["a", "b", "c", "d"].map { value[$0]?.text } == ["0.10", "007", "1", "yes"])
        #expect(value["b"]?.line == 2)
    }

    @Test func refusesAFileThatIsNotThere() {
        #expect { try YAMLValue(reading: "none.yaml") } throws: { "\($0)" == "'none.yaml': there is no such file" }
    }
}
