import Foundation
import ModelFiles
import Testing
import Zip

/// What is found out, and what may happen, before there is anything to keep.
extension ReliabilityTests {
    // MARK: - Files that are none

    /// A pipe with the name of a file of a run makes nothing wait.
    @Test(arguments: ["run.json", "configuration.yaml", "metrics.jsonl", "manifest.json", "soft-targets"])
    func waitsForNoPipeInARunDirectory(name: String) throws {
        try withJob { folder, arguments in
            #expect(try Program.run(arguments, in: folder).code == 0)
            let replaced = name == "soft-targets" ? "s.run/soft-targets/*-train-0.h5" : "s.run/\(name)"
            let script = "for f in \(replaced); do rm $f; mkfifo $f; done; timeout 20 $compress "
            let again = try Program.shell(
                script + (arguments + ["--force", "--quiet"]).joined(separator: " "), in: folder)
            #expect([0, 64].contains(again.code), "\(again.code): \(again.errors)")
            let resumed = try Program.shell("rm -f s.run/run.lock; " + script + "--resume s.run --quiet", in: folder)
            #expect([0, 64, 65, 66].contains(resumed.code), "\(resumed.code): \(resumed.errors)")
        }
    }

    // MARK: - What a dry run says of the run directory

    @Test func aDryRunSaysThatTheRunDirectoryIsTaken() throws {
        try withJob { folder, arguments in
            #expect(try Program.run(arguments, in: folder).code == 0)
            for more in [[], ["--learning-rate", "0.5"]] {
                let (plan, run) = try (
                    Program.run(arguments + more + ["--dry-run"], in: folder), Program.run(arguments + more, in: folder)
                )
                #expect(plan.code == 64)
                #expect(plan.errors == run.errors)
            }
            #expect(try Program.run(arguments + ["--dry-run", "--force"], in: folder).code == 0)
            #expect(try Program.run(arguments + ["--dry-run", "--run-directory", "other.run"], in: folder).code == 0)
            let before = try names(in: folder)
            #expect(try Program.run("--resume", "s.run", "--dry-run", in: folder).code == 0)
            #expect(try names(in: folder) == before)
        }
    }

    @Test func aDryRunSaysThatTheRunDirectoryIsInUse() throws {
        try withJob { folder, arguments in
            let started = try start(arguments + ["--epochs", "3000"], in: folder, until: "s.run/student-checkpoint.h5")
            let plan = try Program.run(arguments + ["--dry-run"], in: folder)
            #expect(plan.code == 73)
            #expect(plan.errors.hasPrefix("error: the run directory 's.run' is in use by process "), "\(plan.errors)")
            kill(started.process.processIdentifier, SIGTERM)
            #expect(try Program.finish(started).code == 143)
        }
    }

    // MARK: - Being stopped while files are read

    /// Unpacking 200 MB takes a while. There is no state to keep, so that the program ends at once, and leaves nothing.
    @Test(
        arguments: [(SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)], ["evaluate", "distill", "predict", "import"])
    func endsAtOnceWhileAnArchiveIsUnpacked(_ signal: (number: Int32, code: Int32), command: String) throws {
        try withJob { folder, arguments in
            try writeArchive(folder.appending(path: "big.npz").path, examples: 1 << 20)
            let temporary = folder.appending(path: "temporary"), unpacked = ["evaluate", "distill", "predict"]
            try FileManager.default.createDirectory(at: temporary, withIntermediateDirectories: true)
            let words =
                switch command {
                case "evaluate": ["evaluate", "digits.h5", "--data", "big.npz"]
                case "predict": ["predict", "digits.h5", "--inputs", "big.npz:x_train", "--output", "p.h5"]
                case "import": ["import", "npz", "big.npz", "--output", "p.h5"]
                default: arguments.map { $0 == "d.h5" ? "big.npz" : $0 }
                }
            let before = try names(in: folder)
            let started = try Program.start(words, in: folder, environment: ["TMPDIR": temporary.path])
            let place = unpacked.contains(command) ? temporary : folder
            let deadline = Date(timeIntervalSinceNow: 60)
            while try !names(in: place).contains(where: { $0.hasSuffix(".partial") }), Date() < deadline,
                started.process.isRunning
            {
                Thread.sleep(forTimeInterval: 0.001)
            }
            kill(started.process.processIdentifier, signal.number)
            let run = try Program.finish(started)
            #expect(run.code == signal.code, "\(run.errors)")
            #expect(run.errors.hasSuffix("error: stopped\n"), "\(run.errors)")
            #expect(try names(in: folder) == before)
            #expect(try names(in: temporary) == [])
        }
    }

    /// A NumPy archive with images of 12 × 12 pixels, all black.
    private func writeArchive(_ path: String, examples: Int) throws {
        func array(_ type: String, _ shape: String, _ byteCount: Int) -> [UInt8] {
            let text = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(shape)), }"
            let padded = text + String(repeating: " ", count: 117 - text.utf8.count) + "\n"
            return [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(padded.utf8)
                + [UInt8](repeating: 0, count: byteCount)
        }
        var archive = try ZipWriter(creating: path, as: path)
        for (name, count) in [("train", examples), ("test", 10)] {
            try archive.add("x_\(name).npy", array("|u1", "\(count), 12, 12", 144 * count))
            try archive.add("y_\(name).npy", array("|u1", "\(count),", count))
        }
        try archive.finish()
    }
}
