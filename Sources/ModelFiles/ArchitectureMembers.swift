import Foundation
import Tensors

// An architecture file whose networks stand side by side:
//
//     input: [time, features]
//     members:
//       frames: {architecture: bag-of-frames.yaml, weight: 2}
//       end:
//         layers:
//           - GRU: {units: 32*width}
//           - Dense: {units: classes, activation: softmax}

extension ArchitectureFile.Reader {
    private static let weights = 1e-6...1e6

    mutating func readTraining(_ value: YAMLValue) -> ArchitectureFile.Training? {
        let known = ArchitectureFile.Training.allCases.map(\.rawValue), word = value.string
        if let training = word.flatMap(ArchitectureFile.Training.init) { return training }
        fail(
            value,
            "'training': expected \(known.joined(separator: " or ")), found \(value.json)"
                + (word.map { didYouMean($0, known) } ?? ""))
        return nil
    }

    mutating func addMembers(_ value: YAMLValue) {
        guard let named = value.members else {
            return fail(value, "'members': expected networks by their names, such as {frames: bag.yaml, end: gru.yaml}")
        }
        guard named.count > 1 else {
            return fail(value, "'members': expected two networks or more, found \(named.count == 0 ? "none" : "one")")
        }
        for member in named {
            // Layers, checkpoints and figures are named after it.
            guard !member.key.isEmpty, member.key.allSatisfy({ $0.isLetter || $0.isNumber || "_-.".contains($0) })
            else {
                fail(
                    member.value,
                    "'members': expected a name of letters, digits and '_', '-' or '.', found '\(member.key)'")
                continue
            }
            addMember(member.key, member.value)
        }
    }

    private mutating func addMember(_ name: String, _ value: YAMLValue) {
        func problem(_ text: String) -> String { "member '\(name)': \(text)" }
        let known = ["architecture", "layers", "weight"]
        for member in value.members ?? [] where !known.contains(member.key) {
            let advice = member.key == "members" ? "a member is one network" : nil
            fail(
                member.value,
                problem("there is no key '\(member.key)'\(advice.map { ": \($0)" } ?? didYouMean(member.key, known))"))
        }
        let weight = weight(value["weight"], problem)
        switch (value.string.map { _ in value } ?? value["architecture"], value["layers"]) {
        case (nil, let layers?):
            let before = problems.count, entries = layers.elements?.isEmpty == true ? [] : self.layers(layers)
            if entries.isEmpty && problems.count == before { fail(layers, problem("has no layers")) }
            add(
                ArchitectureFile.Network(
                    inputs: inputs.map(\.name), entries: entries,
                    member: ArchitectureFile.Member(name: name, weight: weight, file: nil)))
        case (let source?, nil): addFile(name, source, weight: weight, problem)
        case (nil, nil): fail(value, problem("expected 'layers', or the path of an 'architecture', found neither"))
        case (_?, _?): fail(value, problem("has 'layers' and an 'architecture', expected one of them"))
        }
    }

    private mutating func add(_ network: ArchitectureFile.Network) {
        // What has no entries has been reported.
        if !network.entries.isEmpty && !network.inputs.isEmpty { members.append(network) }
    }

    private mutating func weight(_ value: YAMLValue?, _ problem: (String) -> String) -> Double {
        guard let value else { return 1 }
        guard let weight = value.json.number, Self.weights.contains(weight) else {
            fail(
                value,
                problem(
                    "'weight': expected a number from 0.000001 to 1000000, found \(value.text ?? "\(value.json)")"))
            return 1
        }
        return weight
    }

    /// Adds the network of another architecture file, whose path is relative to the folder of this one.
    private mutating func addFile(_ name: String, _ source: YAMLValue, weight: Double, _ problem: (String) -> String) {
        guard let given = source.string, ArchitectureFile.isNamed(given) else {
            return fail(source, problem("expected the path of an architecture file (.yaml), found \(source.json)"))
        }
        let folder = (path as NSString).deletingLastPathComponent
        let isAbsolute = given.hasPrefix("/") || folder.isEmpty
        let member = isAbsolute ? given : (folder as NSString).appendingPathComponent(given)
        do throws(ModelFileError) {
            let file = try ArchitectureFile(parsing: ArchitectureFile.text(of: member), path: member, asMember: true)
            guard let names = shareInputs(with: file, source, problem) else { return }
            add(
                ArchitectureFile.Network(
                    inputs: names, entries: file.entries,
                    member: ArchitectureFile.Member(name: name, weight: weight, file: given)))
        } catch {
            if error.kind != .refused { failure = error.kind }
            fail(source, problem("\(error)"))
        }
    }

    /// Gives the inputs the extents that a member's file asks for.
    ///
    /// - Returns: The file's names of the inputs, in the order of this one's.
    private mutating func shareInputs(
        with file: ArchitectureFile, _ source: YAMLValue, _ problem: (String) -> String
    ) -> [String]? {
        var names: [String] = []
        for (position, input) in inputs.enumerated() {
            let isOnly = inputs.count == 1 && file.inputs.count == 1
            guard let other = isOnly ? file.inputs.first : file.inputs.first(where: { $0.name == input.name }),
                other.axes.count == input.axes.count,
                zip(input.axes, other.axes).allSatisfy({ $0 == nil || $1 == nil || $0 == $1 })
            else { return refuseInputs(of: file, source, problem) }
            inputs[position].axes = zip(input.axes, other.axes).map { $0 ?? $1 }
            names.append(other.name)
        }
        return names.count == file.inputs.count ? names : refuseInputs(of: file, source, problem)
    }

    private mutating func refuseInputs(
        of file: ArchitectureFile, _ source: YAMLValue, _ problem: (String) -> String
    ) -> [String]? {
        func list(_ inputs: [Architecture.Input]) -> String {
            inputs.map(\.description).joined(separator: " and ")
        }
        fail(source, problem("'\(file.path)' takes \(list(file.inputs)), but the mixture has \(list(inputs))"))
        return nil
    }
}
