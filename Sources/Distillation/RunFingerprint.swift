import Kernels
import ModelFiles
import Models
import Ranks

/// Processes of a job that would not give the same bits.
public struct DifferentProcessesError: Error, CustomStringConvertible {
    let rank: Int
    let differences: [String]

    public var description: String {
        "the processes of this job do not do the same: beside number 0, number \(rank) has other words for "
            + (differences.isEmpty ? "something" : differences.prefix(3).joined(separator: "; "))
            + ". Start all with the same program and files, on processors with the same instructions"
    }
}

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

    /// Makes sure that all processes of a job would give the same bits.
    func refuseOthers(_ peers: any Peers) throws {
        let all = peers.gather(Array(Self.json(members).compact.utf8)).map { String(decoding: $0, as: UTF8.self) }
        for (rank, text) in all.enumerated() where text != all[0] {
            let differences = try? differences(from: JSON(parsing: text))
            throw DifferentProcessesError(rank: rank, differences: differences ?? [])
        }
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
