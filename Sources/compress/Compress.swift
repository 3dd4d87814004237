import ArgumentParser
import Datasets
import Distillation
import Foundation
import Images
import Isolation
import ModelFiles
import Models
import Reports
import Storage
import Tensors

struct Compress: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compress",
        abstract: "Distil several models into one small student that fits a byte budget.",
        discussion: """
            'compress help distill' says more of schedules, of teachers that do not match the data, and of \
            configuration files; 'compress help COMMAND' has the options of a command.

            Examples:
              compress --teachers a.h5 b.h5 c.h5 --data digits.h5 --budget 1MB \\
                --output student.h5
              compress import idx fashion-mnist/ --output fashion.h5
              compress evaluate student.h5 a.h5 b.h5 --data digits.h5 --ensemble
              compress inspect student.h5 --budget 1MB
              compress convert student.h5 --output student.keras

            Results go to standard output, progress and messages to standard error.

            Exit codes: 0 done; 1 over the budget; 64 wrong command line; 65 an input is damaged, of the wrong shape or \
            unsupported; 66 an input is missing or unreadable; 69 the system has not what the run needs, such as memory; 70 a mistake of this \
            program; 73 the output cannot be created, or is in use; 74 reading or writing failed midway; 130, 143 stopped.
            """,
        version: Provenance.version,
        subcommands: [
            DistillCommand.self, TeachCommand.self, TrainCommand.self, EvaluateCommand.self, PredictCommand.self,
            InspectCommand.self, ReportCommand.self, ConvertCommand.self, LayersCommand.self, ImportCommand.self,
        ],
        defaultSubcommand: DistillCommand.self)
}

@main
enum Program {
    static func main() {
        // Where a standard descriptor is closed, the next file that is opened would take its place.
        for standard in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(standard, F_GETFD) < 0 {
            _ = unsafe open("/dev/null", O_RDWR)
        }
        startWithOneBLASThread()
        ScratchFile.own()
        allowManyFiles()
        // First of all, while there is one thread and nothing is open.
        Isolation.start(
            [ReadingService.services, SandboxedProbe.services, ImageDecoder.services].reduce(into: [:]) {
                $0.merge($1) { first, _ in first }
            })
        Isolation.watchMappings()
        let arguments = ImportCommand.formatFirst(joiningNegativeValues(Array(CommandLine.arguments.dropFirst())))
        Interruption.install {
            // A launcher ends the others when one of them has said why.
            if Launcher.isFirst { _ = report($0, wantsJSON: arguments.contains("--json")) }
        }
        MemoryExhaustion.handle { byteCount in
            let words =
                "the system has no memory left for another \(ByteCount(byteCount).short); choose a smaller model, a smaller "
                + "--batch-size or fewer --threads, or a machine with more"
            _exit(report(Failure(.unavailable, words), wantsJSON: arguments.contains("--json")).rawValue)
        }
        var status = ExitStatus.success
        do {
            status = try run(arguments)
            try Output.close()
        } catch {
            let failure = Failure(error), start = Launcher.waitForTheFirst(failure.status)
            let told = Failure(failure.status, start + failure.description)
            status = report(start.isEmpty ? failure : told, wantsJSON: arguments.contains("--json"))
        }
        Launcher.end(status)
        if status != .success { Foundation.exit(status.rawValue) }
    }

    /// Teachers' predictions for millions of rows are in hundreds of files, all open at a time: as many as the system allows.
    private static func allowManyFiles() {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard unsafe getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        // Where this fails, all goes on as it would have.
        unsafe setrlimit(resource, &limit)
    }

    /// Where the shell limits the address space, starts the program again without the threads of OpenBLAS.
    ///
    /// OpenBLAS starts a thread for each processor when it is loaded, before `main`. Each takes memory of its own, and
    /// where there is none they try for ever, with a lock held that `fork` waits for. Workers are our only threads.
    private static func startWithOneBLASThread() {
        let name = "OPENBLAS_NUM_THREADS"
        var limit = rlimit()
        guard unsafe getenv(name) == nil, unsafe getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0,
            limit.rlim_cur != rlim_t.max
        else { return }
        unsafe setenv(name, "1", 1)
        // Where this fails, all goes on as it would have.
        unsafe execv("/proc/self/exe", CommandLine.unsafeArgv)
    }

    /// Runs the command of the arguments, which may be to print help.
    private static func run(_ arguments: [String]) throws -> ExitStatus {
        guard !arguments.isEmpty else {
            Terminal.error.write(ShortHelp.beginning(width: Terminal.error.limit ?? 80))
            return .usage
        }
        if let help = Help.asked(by: arguments, width: Terminal.output.limit ?? 80) {
            try Output.write(help)
            return .success
        }
        if let text = try CompletionScript.asked(by: arguments) ?? ManualPage.asked(by: arguments) {
            try Output.write(data: text)
            return .success
        }
        try ImportCommand.checkFormat(arguments)
        do {
            var command = try Compress.parseAsRoot(arguments)
            try MemoryError.check(0, threads: 1)
            try command.run()
        } catch let code as ExitCode {
            return ExitStatus(rawValue: code.rawValue) ?? .internalError
        } catch {
            switch Compress.exitCode(for: error) {
            case .success: try Output.write(Compress.fullMessage(for: error) + "\n")
            case .validationFailure: throw Failure(.usage, usageText(error, arguments))
            default: throw error
            }
        }
        return .success
    }

    /// Tells what went wrong, and returns the exit code.
    private static func report(_ failure: Failure, wantsJSON: Bool) -> ExitStatus {
        if wantsJSON {
            let object: JSON = [
                "error": ["code": .integer(Int(failure.status.rawValue)), "message": .string(failure.description)]
            ]
            _ = Terminal.output.write(data: object.indented + "\n")
        }
        Progress.clearLine()
        if !failure.description.isEmpty { Terminal.error.write(errorText(failure.description)) }
        return failure.status
    }

    /// What is wrong with the command line, and where to read how it should be.
    private static func usageText(_ error: any Error, _ arguments: [String]) -> String {
        let lines = Compress.message(for: error).split(separator: "\n")
        // More than five choices stand in lines of their own.
        let choices = lines.dropFirst().prefix { $0.hasPrefix("  - ") }.map { "'\($0.dropFirst(4))'" }
        let first = lines.first.map(String.init) ?? ""
        let message =
            choices.isEmpty
            ? first
            : first.replacing("one of the following:", with: "one of \(choices.joined(separator: ", ")).")
        let names = Compress.configuration.subcommands.compactMap { $0.configuration.commandName }
        let words = arguments.drop { !names.contains($0) }, path = Help.path(of: words)
        let name = path.isEmpty ? "distill" : path.compactMap { $0.configuration.commandName }.joined(separator: " ")
        let isCommand = words.isEmpty && message.contains("argument '\(arguments[0])'")
        let meant = isCommand ? didYouMean(arguments[0], names) : ""
        return message.prefix(1).lowercased() + message.dropFirst() + meant + "\nSee 'compress help \(name)'."
    }

    /// One or two lines; those after the first are indented.
    private static func errorText(_ message: String) -> String {
        // Names in messages come from files of others.
        let message = message.split(separator: "\n", omittingEmptySubsequences: false)
            .map { String($0).withoutControlCharacters }.joined(separator: "\n")
        let label = "error: "
        return label.styled(.red, on: .error)
            + wrapped(label + message, width: Terminal.error.limit, indentation: label.count).dropFirst(label.count)
            + "\n"
    }
}
