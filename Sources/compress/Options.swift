import ArgumentParser
import Foundation
import ModelFiles
import Networks
import Reports
import Storage
import Tensors

/// What every command understands.
struct CommonOptions: ParsableArguments {
    @Flag(help: "Print one JSON object on standard output, and nothing else there.")
    var json = false

    @Flag(name: .shortAndLong, help: "Print no progress and no messages, only results and errors.")
    var quiet = false

    /// Prints a result: the JSON if it is wanted, else the text.
    func print(_ text: @autoclosure () -> String, json object: @autoclosure () -> JSON) throws(Failure) {
        guard Launcher.isFirst else { return }
        if json {
            try Output.write(data: object().indented + "\n")
        } else {
            try Output.write(text())
        }
    }

    /// Says something that is no result.
    func note(_ text: String) {
        if !quiet { Terminal.error.write(text + "\n") }
    }

    var progress: Progress { Progress(isQuiet: quiet || !Launcher.isFirst) }
}

struct ThreadOptions: ParsableArguments {
    @Option(
        help: .init(
            "The number of threads. Results do not depend on it. (default: one for each processor)", valueName: "n"),
        transform: threadCount)
    var threads: Int?

    /// Threads are started here, not before there is work for them.
    var workers: Workers { Workers(threads) }

    /// How many threads there will be.
    var count: Int { threads ?? ProcessInfo.processInfo.activeProcessorCount }
}

/// Testing with a share of the training examples.
struct TestShareOptions: ParsableArguments {
    @Option(
        help: .init(
            "Which share of each class's training examples is for testing, in data without test examples, such as 0.1. "
                + "(default: none)", valueName: "share"), transform: share)
    var test: Double?
}

/// Reads a number of threads: more than some for each processor take memory and no time off.
@Sendable func threadCount(_ text: String) throws -> Int {
    let number = try wholeNumber(text), processors = ProcessInfo.processInfo.activeProcessorCount
    let most = max(256, 8 * processors)
    guard number <= most else {
        throw ValidationError(
            "expected at most \(most) threads, found \(number); this machine has \(processors) "
                + "processor\(processors == 1 ? "" : "s"), and more threads than that are not faster")
    }
    return number
}

/// Reads a whole number from 1 to a thousand million.
@Sendable func wholeNumber(_ text: String) throws -> Int {
    guard let number = Int(text), number >= 1 else {
        throw ValidationError("expected a whole number of at least 1, found '\(text)'")
    }
    guard number <= 1_000_000_000 else {
        throw ValidationError("expected a whole number of at most 1000000000, found '\(text)'")
    }
    return number
}

/// Reads a finite number above 0.
@Sendable func positiveNumber(_ text: String) throws -> Double {
    guard let number = Double(text), number > 0, number.isFinite else {
        throw ValidationError("expected a number above 0, found '\(text)'")
    }
    return number
}

/// Reads a size such as `1GB`.
@Sendable func byteCount(_ text: String) throws -> ByteCount {
    do throws(ByteCountError) {
        return try ByteCount(reading: text)
    } catch {
        throw ValidationError(error.description)
    }
}

/// The same words with `--lambda -1` as `--lambda=-1`: the parser takes words that begin with a dash for options, and
/// would say that the value is missing.
func joiningNegativeValues(_ arguments: [String]) -> [String] {
    func isOption(_ word: String) -> Bool { word.count > 2 && word.hasPrefix("--") && !word.contains("=") }
    func isNegative(_ word: String) -> Bool {
        guard word.hasPrefix("-") else { return false }
        let rest = word.dropFirst()
        return rest.drop { $0 == "." }.first?.isNumber == true || Double(rest)?.isInfinite == true
    }
    var words: [String] = []
    for (index, word) in arguments.enumerated() {
        if word == "--" { return words + arguments[index...] }
        if let last = words.last, isOption(last), isNegative(word) {
            words[words.count - 1] = "\(last)=\(word)"
        } else {
            words.append(word)
        }
    }
    return words
}

/// Standard output.
enum Output {
    /// Writes a result, or throws the reason.
    static func write(_ text: String) throws(Failure) { try check(Terminal.output.write(text)) }

    /// Writes a result for programs, or throws the reason.
    static func write(data text: String) throws(Failure) { try check(Terminal.output.write(data: text)) }

    /// Closes it: some file systems report only then that what was written did not fit.
    static func close() throws(Failure) { try check(Foundation.close(Terminal.output.descriptor) == 0) }

    private static func check(_ isDone: Bool) throws(Failure) {
        guard !isDone else { return }
        // Whoever closes the other end has seen enough, and needs no message.
        let words = SystemReason.words(errno)
        throw Failure(.inputOutput, errno == EPIPE ? "" : "could not write to standard output: \(words)")
    }
}
