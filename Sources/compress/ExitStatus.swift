import Datasets
import Distillation
import Foundation
import Gzip
import HDF5
import Isolation
import ModelFiles
import Models
import Ranks
import Records
import Storage
import Tensors
import Training
import Zip

/// What the program returns to its caller: the exit codes of the manual, after `sysexits.h`.
enum ExitStatus: Int32 {
    case success = 0
    /// The result is negative: over the budget.
    case overBudget = 1
    /// The command line is wrong.
    case usage = 64
    /// An input file is damaged, of the wrong shape, or unsupported.
    case badInput = 65
    /// An input file is missing or unreadable.
    case noInput = 66
    /// The system has not what the run needs.
    case unavailable = 69
    /// A mistake of ours.
    case internalError = 70
    /// The output cannot be created.
    case cannotCreate = 73
    /// Reading or writing failed midway.
    case inputOutput = 74
    case interrupted = 130
    case terminated = 143
}

/// Something that went wrong, with the code that it ends the program with.
struct Failure: Error, CustomStringConvertible {
    let status: ExitStatus
    let description: String

    /// - Parameter description: What went wrong; names and values in it may be of any length.
    init(_ status: ExitStatus, _ description: String) {
        self.status = status
        self.description = description.limited()
    }
}

extension Failure {
    /// The one place where errors become exit codes.
    init(_ error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let error as StorageError:
            self.init(error.kind == .create ? .cannotCreate : .inputOutput, error.description)
        case let error as HDF5Error: self.init(Self.status(error), error.description)
        case let error as ModelFileError: self.init(Self.status(error.kind), error.description)
        case let error as UnknownFormatError: self.init(.usage, error.description)
        case let error as PrecisionError: self.init(.usage, error.description)
        case let error as TeachersError: self.init(Self.status(error), error.description)
        case let error as InputDatasetError: self.init(.badInput, error.description)
        case let error as ExampleFileError: self.init(.badInput, error.description)
        case let error as TableError: self.init(.badInput, error.description)
        case let error as IsolationError: self.init(.inputOutput, error.description)
        case let error as GzipError: self.init(error.kind == .damaged ? .badInput : .noInput, error.description)
        case let error as ZipError: self.init(Self.status(error.kind), error.description)
        case let error as RecordError: self.init(Self.status(error.kind), error.description)
        case let error as BudgetError: self.init(.overBudget, error.description)
        case let error as MultiplyAddsError: self.init(.overBudget, error.description)
        case let error as LossError: self.init(.badInput, error.description)
        case let error as NotFiniteError: self.init(.badInput, error.description)
        case let error as MPIError: self.init(.unavailable, error.description)
        case let error as DifferentProcessesError: self.init(.unavailable, error.description)
        case let error as DifferentCheckpointsError: self.init(.inputOutput, error.description)
        case let error as MemoryError: self.init(.unavailable, error.description)
        case let error as ExampleValueError: self.init(.badInput, error.description)
        case let error as RunDirectoryError: self.init(.usage, error.description)
        case let error as LockError: self.init(.cannotCreate, error.description)
        case let error as InputChangedError: self.init(.inputOutput, error.description)
        case let error as EarlierRunError: self.init(.usage, error.description)
        case let error as OtherRunError: self.init(.usage, error.description)
        case let error as NoReportError: self.init(.noInput, error.description)
        case let error as DamagedReportError: self.init(.badInput, error.description)
        case let error as DamagedRunError: self.init(.badInput, error.description)
        case let error as DamagedCheckpointError: self.init(.badInput, error.description)
        case let error as CheckpointError: self.init(.usage, error.description)
        case let error as LostPredictionsError: self.init(.inputOutput, error.description)
        case is CancellationError: self = Interruption.failure("stopped")
        case let error as CocoaError: self.init(Self.status(error), Self.words(error))
        default: self.init(.internalError, "internal error: \(error)")
        }
    }

    private static func status(_ error: HDF5Error) -> ExitStatus {
        switch error.kind {
        case .missing, .unreadable: .noInput
        case .damaged, .absent, .unsupported: .badInput
        case .system: .inputOutput
        case .write: error.action == "create" && error.place.path == "/" ? .cannotCreate : .inputOutput
        }
    }

    private static func status(_ kind: ModelFileError.Kind) -> ExitStatus {
        switch kind {
        case .missing, .unreadable: .noInput
        case .refused: .badInput
        case .tooLarge: .overBudget
        case .write, .system: .inputOutput
        }
    }

    private static func status(_ kind: ZipError.Kind) -> ExitStatus {
        switch kind {
        case .missing, .unreadable: .noInput
        case .damaged, .unsupported: .badInput
        }
    }

    private static func status(_ kind: RecordError.Kind) -> ExitStatus {
        switch kind {
        case .missing, .unreadable: .noInput
        case .damaged: .badInput
        }
    }

    /// Missing, if nothing else is wrong with any of them; if the system has nothing left, that is what is wrong.
    private static func status(_ error: TeachersError) -> ExitStatus {
        let all = Set(error.errors.map { Failure($0).status })
        if all.contains(.inputOutput) { return .inputOutput }
        return all == [.noInput] ? .noInput : .badInput
    }

    private static func status(_ error: CocoaError) -> ExitStatus {
        switch error.code {
        case .fileReadNoSuchFile, .fileNoSuchFile, .fileReadNoPermission: .noInput
        case .fileWriteNoPermission, .fileWriteFileExists, .fileWriteVolumeReadOnly: .cannotCreate
        default: .inputOutput
        }
    }

    /// Foundation's errors in our form.
    private static func words(_ error: CocoaError) -> String {
        let place = error.filePath.map { "'\($0)': " } ?? ""
        let underlying = (error.underlying as? POSIXError).map { String(describing: $0.code) }
        return place + (underlying ?? error.localizedDescription)
    }
}
