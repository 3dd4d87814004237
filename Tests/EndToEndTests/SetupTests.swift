import Foundation
import Testing

/// `Tools/setup` on machines where `swift` is there and cannot start, which programs in a folder before all others play.
@Suite struct SetupTests {
    private static let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Tools/setup").path

    /// Runs the script where `swift` needs two libraries, which a package manager has if `isOffering`.
    private func setUp(isOffering: Bool, version: String = "6.2") throws -> (run: Run, installed: String) {
        var result: (Run, String)?
        try withFolder { folder in
            let programs = [
                "swift": "[ -e there ] && echo 'Swift version \(version)' || exit 127",
                "ldd": "[ -e there ] || printf '\\tlibncurses.so.6 => not found\\n\\tlibxml2.so.2 => not found\\n'",
                "dpkg-query": "printf installed", "apt-cache": "echo Package", "sudo": "exec \"$@\"",
                "apt-get": "case \"$*\" in *install*) echo \"$*\" >>log; \(isOffering ? "touch there" : "true");; esac",
            ]
            for (name, text) in programs {
                let path = folder.appending(path: name).path
                try "#!/bin/sh\ncd \"$(dirname \"$0\")\"\n\(text)\n".write(
                    toFile: path, atomically: true, encoding: .utf8)
                try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
            }
            let run = try Program.shell("PATH=\"$PWD:$PATH\" \(Self.script)", in: folder)
            let log = try? String(contentsOf: folder.appending(path: "log"), encoding: .utf8)
            result = (run, log ?? "")
        }
        return try #require(result)
    }

    @Test func installsWhatSwiftNeedsToStart() throws {
        let (run, installed) = try setUp(isOffering: true)
        #expect(run.code == 0)
        #expect(run.errors == "Tools/setup: installing libncurses6 libxml2\n")
        #expect(installed.hasSuffix("install libncurses6 libxml2\n"))
    }

    @Test func saysWhichLibrariesSwiftLacks() throws {
        let run = try setUp(isOffering: false).run
        #expect(run.code == 1)
        #expect(
            run.errors.hasSuffix(
                "Tools/setup: swift cannot start: these libraries are missing: libncurses.so.6 libxml2.so.2. Install the "
                    + "packages that have them.\n"))
    }

    @Test func refusesAnOlderSwift() throws {
        let run = try setUp(isOffering: true, version: "5.9").run
        #expect(run.code == 1)
        #expect(run.errors.contains("found Swift 5.9; version 6.2 or later is needed"))
    }
}
