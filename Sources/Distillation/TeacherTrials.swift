import Datasets
import ModelFiles
import Networks
import Tensors

/// What a compression has warned of so far.
final class Warnings {
    var texts: [String] = []
}

extension Compressor {
    /// How many numbers of each teacher are looked at, at most.
    private static let mostNumbers = 16 << 20

    /// Measures the teachers on the held-out examples, or on as many of them as fit into memory, and warns of what is
    /// wrong with them.
    ///
    /// - Parameter teaching: It has their answers to all held-out examples.
    @discardableResult
    func measureTeachers(
        _ teaching: Teaching, _ validation: ExampleSplit, _ workers: Workers
    ) throws -> [TeacherMeasurement] {
        let limit = max(Self.mostNumbers / validation.classCount, 1)
        let examples = try HeldOutExamples(validation, atMost: limit)
        let rows = sampledRows(of: validation.count, atMost: limit)
        return try measureTeachers(
            try teaching.targets(validation).map { $0.rows(rows) }, keys: teaching.keys, examples, workers)
    }

    /// - Parameters:
    ///   - logits: Each teacher's answers to the examples.
    ///   - keys: Equal for teachers that are the same.
    @discardableResult
    func measureTeachers(
        _ logits: [Tensor], keys: [String], _ examples: HeldOutExamples, _ workers: Workers
    ) throws -> [TeacherMeasurement] {
        guard examples.count > 0 else { return [] }
        let (teachers, data, isInterrupted) = (teachers, data, isInterrupted)
        // One teacher is in memory at a time.
        var last: (index: Int, shapes: [Shape], network: Network)?
        let measuring = TeacherMeasuring(
            teachers: teachers, keys: keys, examples: examples,
            ask: { index, rules, some in
                if isInterrupted() { throw CancellationError() }
                guard let teacher = try teachers[index].fed(rules, data) else { return nil }
                if last?.index != index || last?.shapes != teacher.inputs.shapes {
                    last = nil
                    last = (index, teacher.inputs.shapes, try teacher.network())
                }
                guard let network = last?.network else { return nil }
                do {
                    return try teacher.logits(network, of: some, workers: workers)
                        .tensor(count: some.count, shape: [some.classCount])
                } catch let error as ModelFileError where error.kind == .refused {
                    // Numbers beyond float32, for one.
                    return nil
                }
            },
            numbers: { try InputCures.Numbers(data.trainAndValidation().train) }, classNames: data.classNames)
        let measured = try measuring.measure(logits)
        for warning in measured.flatMap(\.warnings) { tell(.warning(warning)) }
        return measured
    }
}
