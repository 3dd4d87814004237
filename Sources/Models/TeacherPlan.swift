public import ModelFiles
public import Tensors

/// How one teacher's inputs and outputs will be converted, for people to check before the work starts.
public struct TeacherPlan: Hashable, Sendable {
    public struct Binding: Hashable, Sendable {
        /// The model's name of the input.
        public let input: String
        /// What is read: `x`, or a part of it such as `x[0..1024]`.
        public let source: String
        /// One example as it is read, and as the model takes it.
        public let read: Shape, taken: Shape
        public let steps: [InputStep]

        public init(input: String, source: String, read: Shape, steps: [InputStep], taken: Shape) {
            (self.input, self.source, self.read, self.steps, self.taken) = (input, source, read, steps, taken)
        }
    }

    public let path: String
    /// What the user calls it; nil for its path.
    public let givenName: String?
    /// Nil where there is no model.
    public let parameters: Int?
    public let bytes: ByteCount?
    public let bindings: [Binding]
    /// What is there instead of inputs, where there is no model, in a few words.
    public let recorded: String?
    /// What it outputs: `softmax of 10`.
    public let output: String
    public let classes: ClassMatch
    /// What should be known of it, in sentences.
    public let notes: [String]

    public init(
        path: String, name givenName: String? = nil, parameters: Int?, bytes: ByteCount?, bindings: [Binding],
        recorded: String? = nil, output: String, classes: ClassMatch, notes: [String] = []
    ) {
        (self.path, self.givenName, self.parameters, self.bytes) = (path, givenName, parameters, bytes)
        (self.bindings, self.recorded) = (bindings, recorded)
        (self.output, self.classes, self.notes) = (output, classes, notes)
    }

    /// What tables call it.
    public var title: String { givenName ?? path }

    /// What the run directory keeps of it.
    public var jsonMembers: [JSON.Object.Member] {
        let bindings = bindings.map { binding -> JSON in
            [
                "input": .string(binding.input), "dataset": .string(binding.source), "read": numbers(binding.read.axes),
                "steps": .array(binding.steps.map { .string($0.description) }), "taken": numbers(binding.taken.axes),
            ]
        }
        return (givenName.map { [.init("name", .string($0))] } ?? []) + [
            .init("inputs", .array(bindings)), .init("output", .string(output)),
            .init("classes", .string(classes.description)),
        ] + (classes.order.map { [.init("order", numbers($0))] } ?? [])
    }
}

private func numbers(_ values: [Int]) -> JSON { .array(values.map { .integer($0) }) }

extension ModelTeacher {
    public var plan: TeacherPlan {
        TeacherPlan(
            path: path, name: givenName, parameters: modelSize.parameters, bytes: modelSize.bytes,
            bindings: inputs.bindings.map { binding in
                TeacherPlan.Binding(
                    input: binding.input.name, source: binding.source, read: binding.shapes[0], steps: binding.steps,
                    taken: binding.shape)
            }, output: output.description, classes: classes,
            notes: [output.note, classes == .assumed ? assumption : nil].compactMap(\.self))
    }

    private var assumption: String {
        "assumed: the data and the teacher do not both name their classes; their order is taken to be the same"
    }

    /// Whether nothing is converted, so that there is nothing to report.
    public var isPlain: Bool { manner == nil && output.note == nil }
}
