public import Distillation
import Foundation
public import ModelFiles
import Models
import Tensors

/// What `report.json` holds, of which the page is made: every figure in it.
extension CompressionReport {
    /// - Parameter program: The name and version of this program.
    public func facts(program: String) -> JSON.Object {
        var facts: JSON.Object = ["program": .string(program), "result": json, "test_examples": .integer(testCount)]
        facts["metrics"] = .array(student.test.map { ["name": .string($0.name), "title": .string(title($0.name))] })
        facts["architecture"] = .string(student.name)
        facts["verdict"] = .string("\(verdict)")
        facts["remarks"] = .array(findings.map { .string($0) })
        guard let details else { return facts }
        facts["data"] = details.data.json
        facts["loss"] = .string(details.loss)
        facts["settings"] = .object(details.settings)
        facts["trainings"] = .array(TrainingCurve.all(details.lines).map(\.json))
        facts["layers"] = .array(details.size.rows.filter { $0.size.bytes > 0 }.map(\.facts))
        facts["beside_layers"] = .integer(details.size.overhead.bytes)
        facts["predictions"] = details.predictions
        facts["disagreements"] = .array(details.disagreements.map { $0.json(details.data) })
        return facts
    }
}

extension SizeReport.Row {
    fileprivate var facts: JSON {
        [
            "name": .string(name), "class": .string(className), "parameters": .integer(parameters),
            "bytes": .integer(size.bytes),
            "bits_per_weight": .number(Double(8 * size.bytes) / Double(max(parameters, 1))),
        ]
    }
}

extension RunDetails.Data {
    fileprivate var json: JSON {
        [
            "path": .string(path), "train": .integer(train), "validation": .integer(validation),
            "test": .integer(test), "classes": .integer(classCount),
            "labels": .string(isMultilabel ? "multilabel" : "multiclass"),
            "example_shape": .array(exampleShape.map { .integer($0) }), "lengths": .bool(hasLengths),
        ]
    }

    func name(_ label: Int) -> String {
        guard let classNames, classNames.indices.contains(label) else { return "\(label)" }
        return classNames[label]
    }
}

extension RunDetails.Example {
    fileprivate func json(_ data: RunDetails.Data) -> JSON {
        func guess(_ guess: Disagreement.Guess) -> JSON {
            [
                "class": .integer(guess.label), "name": .string(data.name(guess.label)),
                "probability": .number(Double(guess.probability)),
            ]
        }
        var object: JSON.Object = [
            "example": .integer(place.example), "distance": .number(Double(place.distance)),
            "labels": .array(place.labels.map { .integer($0) }),
            "names": .array(place.labels.map { .string(data.name($0)) }),
            "ensemble": guess(place.first), "student": guess(place.second),
        ]
        object["png"] = DrawnImage(numbers, shape: data.exampleShape, isSpectrogram: data.hasLengths).map {
            .string(Data($0.png).base64EncodedString())
        }
        return .object(object)
    }
}

// MARK: - Classes

extension RunDetails {
    /// Where ensemble and student are right: class by class, by how sure they are, and what the student takes for what.
    fileprivate var predictions: JSON {
        var object: JSON.Object = [:]
        object["ensemble"] = ensemble.map { $0.calibration }
        object["student"] = student.map { $0.calibration }
        object["classes"] = student.map { classes($0) }
        object["confusion"] = student.flatMap { $0.confusion(data.name) }
        return .object(object)
    }

    /// Classes that are shown at most: those in which the student is worst beside the ensemble, and by itself.
    private static let mostClasses = 1_000

    private func classes(_ student: PredictionDetails) -> JSON {
        let others = ensemble?.classes
        let all = student.classes.indices.filter {
            student.classes[$0].support > 0 || student.classes[$0].predicted > 0
        }
        let shown =
            all.count <= Self.mostClasses
            ? all
            : Array(
                all.sorted { (student.classes[$0].recall ?? 1, $0) < (student.classes[$1].recall ?? 1, $1) }
                    .prefix(Self.mostClasses)
            ).sorted()
        return [
            "count": .integer(all.count),
            "shown": .array(
                shown.map { index in
                    var object = JSON.Object([
                        .init("class", .integer(index)), .init("name", .string(data.name(index))),
                        .init("examples", .integer(student.classes[index].support)),
                        .init("student", student.classes[index].json),
                    ])
                    object["ensemble"] = others.map { $0[index].json }
                    return .object(object)
                }),
        ]
    }
}

extension PredictionDetails.ClassCounts {
    var json: JSON {
        [
            "recall": recall.map { .number($0) } ?? .null, "precision": precision.map { .number($0) } ?? .null,
            "f1": f1.map { .number($0) } ?? .null,
        ]
    }
}

extension PredictionDetails {
    /// The expected calibration error, and what it is made of.
    var calibration: JSON {
        [
            "calibration_error": .number(calibrationError),
            "bins": .array(
                bins.filter { $0.count > 0 }.map { bin in
                    [
                        "count": .integer(bin.count), "confidence": .number(bin.confidence),
                        "accuracy": .number(bin.accuracy),
                    ]
                }),
        ]
    }

    /// What can be read of a matrix on a page, and of a list of pairs.
    static let legible = (classes: 24, pairs: 200)

    /// How often each class is taken for each: of many classes those with the most mistakes, and all pairs of classes with the
    /// most mistakes. Nil for multi-label data, where no class is taken for another.
    func confusion(limits: (classes: Int, pairs: Int) = legible, _ name: (Int) -> String) -> JSON? {
        guard !isMultilabel else { return nil }
        var mistakes = [Int](repeating: 0, count: classes.count)
        for (pair, count) in confusions {
            mistakes[pair.label] += count
            mistakes[pair.predicted] += count
        }
        let present = classes.indices.filter { classes[$0].support > 0 || mistakes[$0] > 0 }
        let shown =
            present.count <= limits.classes
            ? present
            : Array(
                present.sorted { (mistakes[$1], $0) < (mistakes[$0], $1) }.prefix(limits.classes)
            ).sorted()
        func count(_ label: Int, _ predicted: Int) -> Int {
            label == predicted ? classes[label].right : confusions[Confusion(label: label, predicted: predicted)] ?? 0
        }
        let pairs = mostFrequentConfusions
        return [
            "classes": .array(shown.map { .integer($0) }), "names": .array(shown.map { .string(name($0)) }),
            "of": .integer(present.count),
            "counts": .array(shown.map { label in .array(shown.map { .integer(count(label, $0)) }) }),
            "pairs": .array(
                pairs.prefix(limits.pairs).map { pair in
                    [
                        "label": .integer(pair.label), "predicted": .integer(pair.predicted),
                        "label_name": .string(name(pair.label)),
                        "predicted_name": .string(name(pair.predicted)), "count": .integer(pair.count),
                    ]
                }),
            "pair_count": .integer(pairs.count),
        ]
    }
}
