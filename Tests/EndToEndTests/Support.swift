import Foundation
import HDF5
import ModelFiles
import Testing

/// What a run of the program came to.
struct Run {
    let code: Int32
    let output: String
    let errors: String

    /// Standard output as JSON, which must be all there is.
    func json() throws -> JSON { try JSON(parsing: output) }
}

/// The program as it was built beside these tests.
enum Program {
    /// The folder of the test bundle is that of the products; the runner's arguments say where the bundle is.
    private static let path: String? = {
        let bundles = CommandLine.arguments.filter { $0.hasSuffix(".xctest") } + [Bundle.main.bundlePath]
        let folders = bundles.flatMap { [URL(fileURLWithPath: $0).deletingLastPathComponent().path, $0] }
        let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
        return (folders + [program]).map { $0 + "/compress" }.first {
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: $0, isDirectory: &isFolder) && !isFolder.boolValue
        }
    }()

    /// Runs the program in a folder and waits for its end.
    static func run(_ arguments: String..., in folder: URL, environment: [String: String] = [:]) throws -> Run {
        try run(arguments, in: folder, environment: environment)
    }

    static func run(_ arguments: [String], in folder: URL, environment: [String: String] = [:]) throws -> Run {
        try finish(start(arguments, in: folder, environment: environment))
    }

    /// Runs it by a shell script, in which `$compress` is the program.
    static func shell(_ script: String, in folder: URL) throws -> Run {
        let path = try #require(path, "the program is not beside the tests")
        return try finish(start("/bin/sh", ["-c", script], in: folder, environment: ["compress": path]))
    }

    struct Started {
        let process: Process
        fileprivate let output: URL
        fileprivate let errors: URL
    }

    static func start(_ arguments: [String], in folder: URL, environment: [String: String] = [:]) throws -> Started {
        let path = try #require(path, "the program is not beside the tests")
        return try start(path, arguments, in: folder, environment: environment)
    }

    /// Starts it by another program, behind that one's own words.
    static func start(
        by launcher: String, _ own: [String], _ arguments: [String], in folder: URL, environment: [String: String] = [:]
    ) throws -> Started {
        let path = try #require(path, "the program is not beside the tests")
        return try start(launcher, own + [path] + arguments, in: folder, environment: environment)
    }

    private static func start(
        _ path: String, _ arguments: [String], in folder: URL, environment: [String: String]
    ) throws -> Started {
        // Files rather than pipes: they never fill up. They lie outside the folder, which tests look through.
        let name = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
        let (output, errors) = (URL(filePath: name + ".out"), URL(filePath: name + ".err"))
        for url in [output, errors] { try Data().write(to: url) }
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.currentDirectoryURL = folder
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        return Started(process: process, output: output, errors: errors)
    }

    static func finish(_ started: Started) throws -> Run {
        // Whatever hangs is ended, so that the test says so.
        let timer = DispatchSource.makeTimerSource()
        timer.schedule(deadline: .now() + 120)
        timer.setEventHandler { [process = started.process] in kill(process.processIdentifier, SIGKILL) }
        timer.resume()
        started.process.waitUntilExit()
        timer.cancel()
        defer { for url in [started.output, started.errors] { try? FileManager.default.removeItem(at: url) } }
        let output = try String(contentsOf: started.output, encoding: .utf8)
        let errors = try String(contentsOf: started.errors, encoding: .utf8)
        // A crash is nobody's exit code.
        #expect(started.process.terminationReason == .exit, "\(errors)")
        return Run(code: started.process.terminationStatus, output: output, errors: errors)
    }
}

/// Lends a folder with what the tests need; it is removed afterwards.
func withFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder.resolvingSymlinksInPath())
}

/// The names of what is in a folder.
func names(in folder: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
}

/// Copies a model that Keras wrote into a folder.
func copyFixture(_ name: String, to folder: URL) throws {
    let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "ModelFilesTests/Fixtures/\(name)")
    try FileManager.default.copyItem(at: fixtures, to: folder.appending(path: name))
}

/// Writes examples that suit the fixture `digits.h5`: images of 12 × 12, ten classes.
func writeDigits(to url: URL, train: Int = 60, test: Int = 20, labels: Int = 1) throws {
    let file = try HDF5File(creating: url.path)
    for (name, count) in [("train", train), ("test", test)] where count > 0 {
        let pixels: [UInt8] = (0..<(count * 144)).map { place -> UInt8 in
            UInt8(truncatingIfNeeded: place * 37 + place / 144 * 11)
        }
        try file.root.createDataset("\(name)/x", pixels, shape: [count, 12, 12])
        if labels == 1 {
            try file.root.createDataset(
                "\(name)/y", (0..<count).map { row -> UInt8 in UInt8(row % 10) }, shape: [count])
        } else {
            let rows: [UInt8] = (0..<(count * 10)).map { place -> UInt8 in
                let sum: Int = place % 10 + place / 10
                return sum.isMultiple(of: 5) ? 1 : 0
            }
            try file.root.createDataset("\(name)/y", rows, shape: [count, 10])
        }
    }
    try file.close()
}
