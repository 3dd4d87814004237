public import Datasets
import ModelFiles
public import Networks
public import Tensors
public import Training

/// Predictions in a file in the place of a model: what a model, of any framework, said for the rows of the data.
public struct PredictionTeacher: Teacher, OpenTeacher {
    public let path: String
    public let name: String
    public let plan: TeacherPlan
    public let classNames: [String]?
    private let source: TeacherSource
    private let file: PredictionFile
    private let output: ModelOutput
    private let reading: OutputReading
    private let classes: ClassMatch
    private let labelKind: LabelKind

    public var size: TeacherSize? { nil }
    public var model: ModelTeacher? { nil }

    /// Opens a file of predictions for the rows of the data, and finds out what its numbers are.
    ///
    /// - Throws: `ExampleFileError` and `ModelFileError` for predictions that do not fit; what reading the file throws.
    public init(_ source: TeacherSource, data: ExampleFile, rules: TeacherRules = TeacherRules()) throws {
        let file = try PredictionFile(opening: source.file, object: source.object, for: data)
        (self.source, self.file, path, name) = (source, file, source.path, source.name)
        if let digest = file.facts[.dataDigest] {
            try Self.refuseOtherRows(digest, thanOf: data.path, source.file)
        }
        labelKind = data.labelKind
        let names = rules.classes?.names ?? file.classNames
        do throws(ClassMismatch) {
            (classes, classNames) = try Self.match(
                names, rules.order, rules.classes.map { "'\($0.path)'" } ?? "its list of classes", data)
        } catch {
            throw ModelFileError(.refused, source.path, ["\(error)"])
        }
        reading = try Self.reading(file, rules.output, data, "--teacher-output \(source.name)=")
        output = ModelOutput(
            head: nil, given: reading, isDense: false, isBinaryLogit: file[.train]?.columns == 1,
            classCount: data.classCount, labelKind: data.labelKind, order: classes.order)
        plan = Self.plan(source, file, output, classes, isFed: rules.input != nil)
    }

    public func key(fileDigest: String) -> String {
        let order = classes.order.map { $0.map(String.init).joined(separator: ",") } ?? ""
        return sha256(of: "\(fileDigest)\npredictions \(source.object ?? "") as \(reading.rawValue) \(order)")
    }

    public func refusal(of split: ExampleSplit) -> String? {
        let part = split.part
        guard let rows = file[part] else {
            return "has no predictions '\(part.rawValue)' for the \(grouped(split.partCount)) rows of '\(split.path)'"
        }
        guard part == .unlabeled else { return nil }
        do throws(ExampleFileError) {
            try rows.refuseOthers(than: split)
            if let digest = file.facts[.unlabeledDigest], (try? FileDigests.hasFile(split.path, digest: digest)) != true
            {
                return "was made for another file of unlabeled examples"
            }
            return nil
        } catch {
            return "does not fit: \(error)"
        }
    }

    /// Looks through all predictions.
    ///
    /// - Throws: `ExampleFileError` with the first row that is not what it should be.
    public func open() throws -> any OpenTeacher {
        for part in file.all {
            guard let rows = file[part] else { continue }
            let size = Self.rowsAtOnce(rows.columns)
            for start in stride(from: 0, to: rows.count, by: size) {
                let some = start..<min(start + size, rows.count)
                try PredictionCheck(rows, reading, labelKind, name).check(try rows.read(Array(some)), from: start)
            }
        }
        return self
    }

    public func predict(
        _ split: ExampleSplit, changing change: ExampleChange?, workers: Workers,
        take: (ExampleBatch, Tensor) throws -> Void
    ) throws {
        precondition(change == nil, "predictions are for the examples as they are")
        guard let rows = file[split.part] else { preconditionFailure("'\(path)' \(refusal(of: split) ?? "")") }
        // Of the examples nothing is read.
        let reader = ExampleReader(
            split.reading([]), batchSize: Self.rowsAtOnce(split.classCount), order: .sequential)
        for step in 0..<reader.stepsPerEpoch {
            let batch = try reader.batch(epoch: 0, step: step)
            let values = try rows.read((0..<batch.count).map(batch.row))
            let logits = Buffer(zeros: batch.count * split.classCount)
                .tensor(count: batch.count, shape: [split.classCount])
            if rows.columns == split.classCount {
                logits.copy(from: values)
            } else {
                // One number for two classes is the second one's.
                for (row, value) in values.enumerated() { logits[2 * row + 1] = value }
            }
            output.convertToLogits(logits, as: reading)
            try take(batch, logits)
        }
    }

    public func memory(threads: Int) -> Int { 0 }

    public func memory(of split: ExampleSplit, threads: Int) -> Int {
        3 * Self.rowsAtOnce(split.classCount) * split.classCount * MemoryLayout<Float>.stride
    }

    private static func rowsAtOnce(_ columns: Int) -> Int { min(max((1 << 20) / columns, 1), 4096) }
}

// MARK: - What its numbers are

extension PredictionTeacher {
    private static func refuseOtherRows(_ digest: String, thanOf data: String, _ path: String) throws {
        guard try !FileDigests.hasFile(data, digest: digest) else { return }
        throw ModelFileError(
            .refused, path, ["was made for the rows of another data file than '\(data)' (the SHA-256 differs)"],
            advice: "Predict this data: compress predict MODEL --data \(data) --output \(path)")
    }

    /// Matches its classes with the data's: by name, or by number where they are called 0, 1, 2 and so on.
    private static func match(
        _ names: [String]?, _ order: [Int]?, _ source: String, _ data: ExampleFile
    ) throws(ClassMismatch) -> (ClassMatch, names: [String]?) {
        if let order { return (try ClassMatch(order: order, with: data), nil) }
        let numbers = names?.compactMap { Int($0) } ?? []
        let areNumbers = names?.count == data.classCount && numbers.sorted() == Array(0..<data.classCount)
        guard areNumbers, data.classNames.map({ Set($0) != Set(names ?? []) }) ?? true else {
            return (try ClassMatch(names, in: source, with: data), names)
        }
        let places = numbers.indices.sorted { numbers[$0] < numbers[$1] }
        return (places == Array(places.indices) ? .assumed : .permuted(places), nil)
    }

    /// How many rows show what the numbers are.
    private static let probeCount = 256

    /// What the numbers are: what the user or the file says, else what most of the first rows look like.
    private static func reading(
        _ file: PredictionFile, _ given: OutputReading?, _ data: ExampleFile, _ option: String
    ) throws -> OutputReading {
        if let known = given ?? file.facts[.output].flatMap({ OutputReading(rawValue: $0) }) { return known }
        guard let rows = file[.train] else { return .logits }
        let count = min(rows.count, probeCount), values = try rows.read(Array(0..<count))
        let probabilities: OutputReading =
            data.labelKind == .multilabel || rows.columns == 1 ? .sigmoid : .softmax
        let check = PredictionCheck(rows, probabilities, data.labelKind, "")
        let wrong = (0..<count).filter { !check.isRight(values, row: $0) }
        if 2 * wrong.count <= count { return probabilities }
        let isClear = probabilities == .sigmoid || !values.allSatisfy { $0 >= 0 } || !check.areShares(values)
        guard !isClear else { return .logits }
        throw rows.error(
            expected: "probabilities that add up to 1, or logits", found: check.found(values, row: wrong[0]),
            row: wrong[0],
            "Divide each row by its sum, or say what they are: \(option)sigmoid for a probability of each class by itself, "
                + "\(option)logits.")
    }

    private static func plan(
        _ source: TeacherSource, _ file: PredictionFile, _ output: ModelOutput, _ classes: ClassMatch, isFed: Bool
    ) -> TeacherPlan {
        let folds = file.facts[.folds].map { "out of fold, of \($0) models" }
        var notes = [
            folds == nil
                ? "predictions: for rows that their model was trained on they are surer than for others, unless they are "
                    + "out of fold" : nil, output.note,
            classes == .assumed
                ? "assumed: the data and the teacher do not both name their classes; their order is taken to be the same"
                : nil,
        ].compactMap(\.self)
        if isFed { notes.append("--teacher-input is for models, and changes no predictions") }
        return TeacherPlan(
            path: source.path, name: source.givenName, parameters: nil, bytes: nil, bindings: [],
            recorded: "predictions of \(file.all.map(\.rawValue).joined(separator: ", "))"
                + (folds.map { " (\($0))" } ?? ""),
            output: output.description, classes: classes, notes: notes)
    }
}

/// What predictions have to be, by what they are read as.
struct PredictionCheck {
    private let rows: PredictionRows
    private let reading: OutputReading
    private let name: String
    private let addsUp: Bool
    /// How far the sum of a row may be from 1: as far as models' may, and further by what rounding to float16 may do.
    private let tolerance: Float

    init(_ rows: PredictionRows, _ reading: OutputReading, _ labelKind: LabelKind, _ name: String) {
        (self.rows, self.reading, self.name) = (rows, reading, name)
        addsUp = reading == .softmax
        // float16 rounds the smallest numbers to multiples of 2⁻²⁴.
        tolerance = 1e-3 + (rows.isFloat16 ? Float(rows.columns) * 0x1p-25 : 0)
    }

    private func range(_ row: Int) -> Range<Int> { (row * rows.columns)..<((row + 1) * rows.columns) }

    func isRight(_ values: [Float], row: Int) -> Bool {
        let values = values[range(row)]
        guard values.allSatisfy(\.isFinite) else { return false }
        guard reading != .logits else { return true }
        return values.allSatisfy { $0 >= 0 && $0 <= 1 + tolerance }
            && (!addsUp || abs(values.reduce(0, +) - 1) <= tolerance)
    }

    /// Whether rows are shares of something else than 1, or probabilities of each class by itself.
    func areShares(_ values: [Float]) -> Bool {
        if values.allSatisfy({ $0 <= 1 }) { return true }
        let sums = (0..<(values.count / rows.columns)).map { values[range($0)].reduce(0, +) }
        return sums.allSatisfy { abs($0 - sums[0]) <= tolerance * sums[0] }
    }

    /// What is wrong with a row, in a few words.
    func found(_ values: [Float], row: Int) -> String {
        let values = values[range(row)]
        if let value = values.first(where: { !$0.isFinite }) { return value.isNaN ? "NaN" : "an infinite number" }
        if let value = values.first(where: { $0 < 0 }) { return "\(value)" }
        return addsUp ? "a sum of \(values.reduce(0, +))" : "\(values.max() ?? 0)"
    }

    /// - Parameter first: The row that the values begin with.
    /// - Throws: `ExampleFileError` with the first row that is wrong.
    func check(_ values: [Float], from first: Int) throws(ExampleFileError) {
        for row in 0..<(values.count / rows.columns) where !isRight(values, row: row) {
            let found = found(values, row: row)
            guard values[range(row)].allSatisfy(\.isFinite) else {
                throw rows.error(
                    expected: "finite numbers", found: found, row: first + row, "Predict that row again.")
            }
            throw rows.error(
                expected: addsUp ? "probabilities that add up to 1" : "probabilities from 0 to 1", found: found,
                row: first + row,
                "If they are logits, pass --teacher-output \(name)=logits; else predict that row again.")
        }
    }
}
