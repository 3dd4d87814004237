import Datasets
import ModelFiles
import Models
import Tensors
import Training

// What of a request does not go together, with the data or with itself.

extension CompressionRequest {
    /// Refuses losses of layers that do not name the teacher clearly.
    func refuseUnclearTeachers() throws {
        let sources = teacherSources, names = sources.map(\.name),
            known = "the teachers are \(names.joined(separator: ", "))"
        var problems: [String] = []
        for term in allTerms where term.loss.comparesLayers {
            let loss = "loss '\(term.loss.name)'"
            switch term.teacher {
            case nil where names.count > 1:
                problems.append("\(loss) must name the teacher whose layers it compares, with 'teacher' (\(known))")
            case let name? where !names.contains(name):
                problems.append("\(loss) names the teacher '\(name)', but \(known)\(didYouMean(name, names))")
            case let name? where names.count(where: { $0 == name }) > 1:
                let paths = sources.filter { $0.name == name }.map(\.path)
                problems.append(
                    "\(loss) names the teacher '\(name)', which is \(paths.joined(separator: " and ")); give one "
                        + "of them another name: --teachers NAME=\(paths[paths.count - 1])")
            default: break
            }
        }
        if !problems.isEmpty { throw LossError(problems: problems) }
    }

    /// Refuses losses and augmentation that the data do not allow.
    func refuseLosses(labelKind: LabelKind, data: ExampleFile) throws {
        var problems = allTerms.compactMap { term in
            term.measure.refusal(labelKind: labelKind, classCount: data.classCount).map {
                "loss '\(term.loss.name)': \($0)"
            }
        }
        if let refusal = preset?.refusal(labelKind: labelKind) { problems.append(refusal) }
        let responses = loss.terms.filter { !$0.loss.comparesLayers && !$0.weight.isZero }
        if generations > 1, responses.isEmpty {
            problems.append("generations after the first learn from predictions alone: add a loss such as kl")
        }
        if responses.isEmpty, let stage = stages.first(where: \.trainsRounded) {
            problems.append("\(stage.name) learns from predictions alone: add a loss such as kl")
        }
        if unlabeled != nil, responses.allSatisfy({ $0.measure.response?.needsLabels == true }) {
            problems.append(
                "decoupled KD and losses of layers alone train no predictions on unlabeled examples: add kl")
        }
        if let refusal = softTargets.refusal(classCount: data.classCount) { problems.append(refusal) }
        if let augmentation {
            problems += augmentation.refusals(of: data)
            if augmentation.mixes, views != nil {
                problems.append("mixup needs teachers beside the student: leave --views out")
            }
        }
        if !problems.isEmpty { throw LossError(problems: problems) }
    }
}

extension Compressor {
    /// Refuses teachers that cannot see what they are to see: changed examples, and unlabeled ones.
    func refuseOtherInputs() throws {
        var problems: [String] = []
        for (index, teacher) in teachers.enumerated() {
            if teacher.model?.readsOnlyX != true, views != nil || liveTeachers.contains(index) {
                let fact =
                    teacher.model == nil
                    ? "predicts the data's own examples alone" : "is fed with other datasets than x"
                problems.append(
                    "teacher '\(teacher.path)' \(fact), and cannot see the student's changed examples; leave --augment "
                        + "and losses of its layers out")
            }
            if let unlabeled, let refusal = teacher.refusal(of: unlabeled) {
                problems.append("teacher '\(teacher.path)' \(refusal); leave --unlabeled out")
            }
        }
        if !problems.isEmpty { throw LossError(problems: problems) }
    }
}
