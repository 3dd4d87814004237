import Foundation
import Testing

@Suite struct IsolationTests {
    private func probe(_ arguments: String...) throws -> [String] {
        let bundles = CommandLine.arguments.filter { $0.hasSuffix(".xctest") } + [Bundle.main.bundlePath]
        let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
        let folders = bundles.flatMap { [URL(fileURLWithPath: $0).deletingLastPathComponent().path, $0] } + [program]
        let path = try #require(
            folders.map { $0 + "/IsolationProbe" }.first { FileManager.default.isExecutableFile(atPath: $0) })
        let process = Process(), output = Pipe()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return text.split(separator: "\n").map(String.init)
    }

    /// What breaks a service is an error for the one who asked, and the next one is served.
    @Test func survivesWhatItsServicesDo() throws {
        let lines = try probe()
        #expect(
            lines == [
                "hello",
                "reading it broke down (signal 11)",
                "reading it broke down (exit code 3)",
                "reading it did not end within 1 seconds of work",
                "refused",
                // A file could be opened before the doors were closed, and none after.
                "true false",
                "1048576 bytes",
                "hello",
                "4",
                "seen",
            ])
    }

    @Test func runsServicesInTheSameProcessUnlessStarted() throws {
        #expect(try probe("unstarted") == ["here"])
    }
}
