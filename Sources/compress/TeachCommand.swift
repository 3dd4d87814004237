import ArgumentParser
import Datasets
import Distillation
import Models
import Ranks
import Reports
import Training

struct TeachCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "teach",
        abstract: "Compute some of the teachers' predictions for the main job, beside other processes.",
        discussion: """
            The main job keeps what its teachers predict in the run directory, in files of 65,536 rows. --part 3/16 makes \
            every 16th of them, beginning with the third. Parts may run in any order, at the same time, on any machine that \
            has the folder, and more than once; nobody coordinates them. The main job then finds the files there, whose bits \
            do not depend on who made them, and predicts only what is missing.

            All options must be those of the main job; a configuration file, such as that of its run directory, has them.

            Examples:
              compress teach --teachers a.h5 b.h5 --data d.h5 --run-directory s.run --part 1/2
              compress teach --configuration run.yaml --run-directory s.run \\
                --part "$((SLURM_ARRAY_TASK_ID + 1))/16"
              compress --configuration run.yaml --resume s.run
            """)

    @Option(
        parsing: .upToNextOption,
        help: .init("The teachers of the main job.", valueName: "[name=]path[:array]"), completion: .teachers)
    var teachers: [String] = []

    @OptionGroup(title: "Teachers that do not match the data") var teacherOptions: TeacherOptions

    @Option(help: .init("The examples of the main job.", valueName: "path"), completion: .data)
    var data: String?

    @Option(
        help: .init(
            "Which share of each class's training examples is for testing, in data without test examples, or none. "
                + "(default: none)", valueName: "share|none"), transform: { try switchable($0, share) })
    var test: Switchable<Double>?

    @Option(
        help: .init("Unlabeled examples, or none. (default: none)", valueName: "path|none"), completion: .data,
        transform: { switchable($0) { $0 } })
    var unlabeled: Switchable<String>?

    @Option(
        help: .init("How examples are changed, or none. (default: none)", valueName: "steps"),
        transform: { try switchable($0) { text in try Augmentation(text) } })
    var augment: Switchable<Augmentation>?

    @Option(
        help: .init(
            "The views of each example, varied by --augment, or none: teachers run beside the student, and only held-out and "
                + "test examples are predicted here. (default: none)", valueName: "n|none"),
        transform: { try switchable($0, wholeNumber) })
    var views: Switchable<Int>?

    @Option(help: .init("Decides how examples are changed. (default: 0)", valueName: "n"), transform: seedNumber)
    var seed: Int?

    @Option(
        help: .init("How predictions are stored. (default: float32)", valueName: "float32|float16|top:K"),
        completion: .words("float32", "float16", "top:20"),
        transform: softTargetForm)
    var softTargets: SoftTargetForm?

    @Option(
        help: .init("The run directory of the main job, which need not have begun.", valueName: "dir"),
        completion: .directory)
    var runDirectory: String

    @Option(
        help: .init(
            "Which of how many parts, such as 3/16. (default: 1/1, all; under mpirun or srun that of the process)",
            valueName: "i/n"),
        transform: teachingPart)
    var part: TeachingRequest.Part?

    @Option(
        help: .init(
            "A file of the main job's options, of which the others here are taken. The command line overrides it.",
            valueName: "path"), completion: .file(extensions: ["yaml", "yml"]))
    var configuration: String?

    @Flag(help: "Read data of more than 64 MiB again for its digest.")
    var verifyData = false

    @OptionGroup var threading: ThreadOptions
    @OptionGroup var common: CommonOptions

    func run() throws {
        let summary = try compress.teach(try request(), progress: common.progress)
        try common.print(summary.text, json: summary.json)
    }

    /// Of as many processes as a launcher has started each takes its part; they need no library of MPI for that.
    private var launched: TeachingRequest.Part? {
        Launcher.launch.flatMap { TeachingRequest.Part($0.rank + 1, of: $0.count) }
    }

    /// What is done: by the words of the command line, then by the configuration file.
    func request() throws -> TeachingRequest {
        let file = try configuration.map { try ConfigurationFile(reading: $0).command } ?? DistillCommand.parse([])
        let teachers = teachers.isEmpty ? file.teachers : teachers
        guard !teachers.isEmpty else { throw ValidationError("missing --teachers") }
        guard let data = data ?? file.data else { throw ValidationError("missing --data") }
        var request = TeachingRequest(
            teachers: teachers, data: data, runDirectory: runDirectory,
            part: try part ?? launched ?? teachingPart("1/1"))
        var options = teacherOptions
        options.fill(from: file.teacherOptions)
        request.teacherRules = try options.rules(of: teachers)
        request.testShare = (test ?? file.test)?.value
        request.unlabeled = (unlabeled ?? file.unlabeled)?.value
        request.augmentation = (augment ?? file.training.augment)?.value
        request.views = request.augmentation == nil && views == nil ? nil : (views ?? file.views)?.value
        guard request.views == nil || request.augmentation != nil else {
            throw ValidationError("--views is the number of augmented views of each example; add --augment")
        }
        request.seed = seed ?? file.training.seed ?? 0
        request.softTargets = softTargets ?? file.softTargets ?? request.softTargets
        request.verifiesData = verifyData
        request.threads = threading.threads ?? file.threading.threads
        return request
    }
}

/// Reads a part such as `3/16`.
@Sendable func teachingPart(_ text: String) throws -> TeachingRequest.Part {
    let numbers = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard numbers.count == 2, let part = TeachingRequest.Part(numbers[0], of: numbers[1]) else {
        throw ValidationError("expected a part and the number of parts, such as 3/16, found '\(text)'")
    }
    return part
}
