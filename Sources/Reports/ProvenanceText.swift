public import ModelFiles
import Tensors

/// The provenance of a student, for people: one line for each fact.
///
/// - Parameter provenance: The attribute of the same name, whatever a file has there.
public func provenanceText(_ provenance: JSON, width: Int?) -> String {
    func words(_ json: JSON?) -> String? { json?.string ?? json?.number.map { "\($0)" } }
    var lines: [String] = []
    func add(_ name: String, _ text: String?) {
        guard let text, !text.isEmpty else { return }
        let indentation = 21
        lines.append(
            wrapped(
                name.padding(to: indentation) + text.withoutControlCharacters, width: width, indentation: indentation))
    }
    add("made by", words(provenance["tool"]))
    let teachers = (provenance["teachers"]?.array ?? []).compactMap { teacher -> String? in
        guard let file = teacher["file"]?.string else { return nil }
        return file + (teacher["weight"]?.number.map { " (\(fixed($0, digits: 3)))" } ?? "")
    }
    add("teachers", teachers.joined(separator: ", "))
    add("loss", words(provenance["loss"]))
    add("data", words(provenance["data"]))
    add("precision", words(provenance["precision"]))
    add("unlabeled", words(provenance["unlabeled"]))
    let views = provenance["views"]?.integer.map { ", \($0) views" } ?? ""
    add("augmentation", words(provenance["augmentation"]).map { $0 + views })
    add("generations", provenance["generations"]?.integer.map { "\($0)" })
    for score in provenance["scores"]?.object?.members ?? [] {
        let metrics = (score.value.object?.members ?? []).compactMap { metric in
            metric.value.number.map { "\(metric.key.replacing("_", with: " ")) \(fixed($0, digits: 4))" }
        }
        add(score.key.replacing("_", with: " "), metrics.joined(separator: ", "))
    }
    return lines.joined(separator: "\n") + (lines.isEmpty ? "" : "\n")
}

extension String {
    fileprivate func padding(to count: Int) -> String {
        self + String(repeating: " ", count: Swift.max(1, count - self.count))
    }
}
