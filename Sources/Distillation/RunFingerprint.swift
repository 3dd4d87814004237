import Kernels
import ModelFiles
import Models

/// Everything that the bits of a run's result depend on, by name, as `run.json` has it.
///
/// A stopped run goes on only where all of it is the same, which is found out before any teacher runs.
struct RunFingerprint: Equatable {
    private(set) var members: [(name: String, value: String)] = [
        ("program", "compress \(Provenance.version)"), ("instruction set", instructionSet()),
    ]

    static func == (one: Self, other: Self) -> Bool { one.digest == other.digest }

    /// - Parameters:
    ///   - inputs: The SHA-256 of what is read, by name.
    ///   - teachers: The key of each teacher's stored predictions.
    ///   - student: What the student's layers and their options are.
    init(_ request: CompressionRequest, inputs: [(name: String, digest: String)], teachers: [String], student: String) {
        members += inputs.map { ($0.name, $0.digest) }
        members += [("teachers", teachers.joined(separator: ", ")), ("student", student)]
        members += request.settings.fingerprint
    }

    /// The same of one model that learns from labels.
    init(_ request: TrainingRequest, data: String, model: String) {
        members += [("data", data), ("model", model)] + request.settings.fingerprint
    }

    var json: JSON { Self.json(members) }

    /// The same in few letters, whatever the order of the settings.
    var digest: String { sha256(of: Self.json(members.sorted { $0.name < $1.name }).compact) }

    private static func json(_ members: [(name: String, value: String)]) -> JSON {
        .object(JSON.Object(members.map { .init($0.name, .string($0.value)) }))
    }

    /// What another run had otherwise, in words: `learning-rate is 0.5, was 0.003`.
    ///
    /// - Parameter saved: What `json` was of that run.
    func differences(from saved: JSON) -> [String] {
        let known = Set(members.map(\.name))
        let lost = saved.object?.keys.filter { !known.contains($0) } ?? []
        return members.compactMap { name, value in
            guard let before = saved[name]?.string else { return "\(name) is new" }
            guard before != value else { return nil }
            // Digests and long texts mean nothing to people.
            return max(before.count, value.count) > 40 ? "\(name) changed" : "\(name) is \(value), was \(before)"
        } + lost.map { "\($0) is gone" }
    }
}
