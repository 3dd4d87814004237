import ArgumentParser
import Foundation
import ModelFiles

struct Compress: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compress",
        abstract: "Distil several Keras models into one small student that fits a byte budget.",
        version: "0.1.0",
        subcommands: [PredictCommand.self, InspectCommand.self])
}

@main
enum Program {
    static func main() {
        Interruption.install()
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            var command = try Compress.parseAsRoot(arguments)
            try command.run()
        } catch {
            Foundation.exit(report(error, wantsJSON: arguments.contains("--json")).rawValue)
        }
    }

    /// Tells what went wrong, and returns the exit code.
    private static func report(_ error: any Error, wantsJSON: Bool) -> ExitStatus {
        if let code = error as? ExitCode { return ExitStatus(rawValue: code.rawValue) ?? .internalError }
        guard let failure = failure(error) else { return .success }
        if wantsJSON {
            let object: JSON = [
                "error": ["code": .integer(Int(failure.status.rawValue)), "message": .string(failure.description)]
            ]
            Terminal.output.write(object.indented + "\n")
        }
        Progress.clearLine()
        if !failure.description.isEmpty { Terminal.error.write(errorText(failure.description)) }
        return failure.status
    }

    /// The failure that an error is; nil if it is a wish for help, which is then granted.
    private static func failure(_ error: any Error) -> Failure? {
        switch Compress.exitCode(for: error) {
        case .success:
            Terminal.output.write(Compress.fullMessage(for: error) + "\n")
            return nil
        case .validationFailure:
            let message = Compress.message(for: error)
            return Failure(.usage, message.prefix(1).lowercased() + message.dropFirst())
        default: return Failure(error)
        }
    }

    /// One or two lines; those after the first are indented.
    private static func errorText(_ message: String) -> String {
        "error: " + message.split(separator: "\n").joined(separator: "\n       ") + "\n"
    }
}
