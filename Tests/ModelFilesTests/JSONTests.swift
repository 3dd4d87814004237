import ModelFiles
import Testing

@Suite struct JSONTests {
    private func failure(_ text: String) -> JSONError? {
        do throws(JSONError) {
            _ = try JSON(parsing: text)
            return nil
        } catch {
            return error
        }
    }

    @Test func readsEveryKindOfValue() throws {
        let text = #" {"a": [1, -2.5e1, "x", true, false, null], "b": {"c": {}}, "d": []} "#
        #expect(
            try JSON(parsing: text)
                == ["a": [1, -25.0, "x", true, false, nil], "b": ["c": [:]], "d": []])
    }

    @Test func keepsTheOrderOfNames() throws {
        #expect(try JSON(parsing: #"{"z": 1, "a": 2, "m": 3}"#).object?.keys == ["z", "a", "m"])
    }

    @Test func takesTheLastOfEqualNames() throws {
        #expect(try JSON(parsing: #"{"a": 1, "a": 2}"#)["a"] == 2)
    }

    @Test func readsWhatPythonWrites() throws {
        let value = try JSON(parsing: "[NaN, Infinity, -Infinity, 281474976710657123, 1e400]")
        #expect(value[0]?.number?.isNaN == true)
        #expect(value[1]?.number == .infinity)
        #expect(value[2]?.number == -.infinity)
        #expect(value[3]?.integer == 281_474_976_710_657_123)
        #expect(value[4]?.number == .infinity)
    }

    @Test func takesIntegersBeyondInt64ForNumbers() throws {
        #expect(try JSON(parsing: "123456789012345678901234567890").number == 1.2345678901234568e29)
    }

    @Test func readsEscapes() throws {
        #expect(
            try JSON(parsing: #""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#) == "\"\\/\u{8}\u{C}\n\r\té😀")
        #expect(try JSON(parsing: #""\ud83d!""#) == "\u{FFFD}!")
        #expect(try JSON(parsing: #""\ude00""#) == "\u{FFFD}")
    }

    @Test(arguments: [
        ("", 0, "expected a value"), ("[1,]", 3, "expected a value"),
        ("{\"a\" 1}", 5, "expected ':' after the name 'a'"),
        ("[1 2]", 3, "expected ',' or ']'"), ("{\"a\": 1 \"b\"}", 8, "expected ',' or '}'"),
        ("{a: 1}", 1, "expected a name in quotes"), ("1 2", 2, "expected the end of the text"),
        ("\"abc", 4, "the text ends inside a string"), ("01", 0, "a number with a leading zero"),
        ("1.", 2, "expected a digit after the point"), ("1e", 2, "expected a digit in the exponent"),
        ("\"\\x\"", 2, "an unknown escape in a string"), ("\"\\u12\"", 3, "expected four hexadecimal digits"),
        ("\"\u{1}\"", 1, "a control character in a string"),
    ])
    func saysWhereItStopped(text: String, offset: Int, reason: String) {
        let error = failure(text)
        #expect(error?.offset == offset && error?.reason == reason)
    }

    @Test func refusesTheBottomless() {
        let text = String(repeating: "[", count: 100_000)
        #expect(failure(text)?.description == "byte 100: nested deeper than 100 levels")
    }

    @Test func refusesTheEndless() {
        #expect(throws: JSONError.self) { try JSON(parsing: "[1, 2, 3]", limit: 8) }
    }

    @Test func writesWhatItRead() throws {
        let text = #"{"a":[1,2.5,NaN,-Infinity],"b":"\"\\\n\u0001é😀","c":{},"d":null}"#
        #expect(try JSON(parsing: text).description == text)
    }

    @Test func writesForPeople() {
        let value: JSON = [
            "shape": [28, 28], "layers": [["name": "a"], ["name": "b"]], "loss": .number(.nan), "none": [],
        ]
        #expect(
            value.indented == """
                {
                  "shape": [28,28],
                  "layers": [
                    {
                      "name": "a"
                    },
                    {
                      "name": "b"
                    }
                  ],
                  "loss": null,
                  "none": []
                }
                """)
        #expect(value.compact == #"{"shape":[28,28],"layers":[{"name":"a"},{"name":"b"}],"loss":null,"none":[]}"#)
    }
}
