import Foundation
import Storage
public import Tensors

/// A file of `Architectures/`: a network in words, whose sizes may depend on the data and on a width.
public struct ArchitectureFile: Sendable {
    /// How the members of a mixture learn.
    public enum Training: String, Sendable, CaseIterable {
        /// As one network, whose loss is that of their mean.
        case jointly
        /// Each as a student of its own, for the whole recipe; side by side when all are done.
        case oneAfterAnother = "one-after-another"
    }

    public let path: String
    public let name: String
    /// How its members learn, if it has any.
    public let training: Training
    /// What the network reads, as the file says it: nil for extents that the data decides.
    public let inputs: [Architecture.Input]
    /// The file's only network, or its members.
    let networks: [Network]

    /// Layers that lead from the inputs to an output.
    struct Network: Sendable {
        /// The inputs as its entries name them.
        let inputs: [String]
        let entries: [Entry]
        /// What it is among others, if it is.
        var member: Member?
    }

    struct Member: Sendable {
        let name: String
        let weight: Double
        /// The file that its entries are from, where it is another, in the words of this one: the same from wherever the
        /// program runs.
        let file: String?
    }

    struct Entry: Sendable {
        let line: Int
        let className: String
        let options: JSON.Object
        let name: String?
        /// What it reads; nil for the entry before.
        let from: [String]?
        /// What it passes by name: texts are names of tensors.
        let call: JSON.Object
    }

    /// Whether a path is that of an architecture file, rather than of a model.
    public static func isNamed(_ path: String) -> Bool {
        let lowercased = path.lowercased()
        return lowercased.hasSuffix(".yaml") || lowercased.hasSuffix(".yml")
    }

    public init(reading path: String) throws(ModelFileError) {
        try self.init(parsing: Self.text(of: path), path: path)
    }

    /// The text of a file.
    static func text(of path: String) throws(ModelFileError) -> String {
        let data: Data
        do throws(InputFile.Problem) {
            data = try InputFile.bytes(of: path)
        } catch {
            throw ModelFileError(error == .missing ? .missing : .unreadable, path, [error.description])
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw ModelFileError(.refused, path, ["is not text in UTF-8"])
        }
        return text
    }

    public init(parsing text: String, path: String) throws(ModelFileError) {
        try self.init(parsing: text, path: path, asMember: false)
    }

    init(parsing text: String, path: String, asMember isMember: Bool) throws(ModelFileError) {
        let reader: Reader
        do throws(YAMLProblem) {
            reader = Reader(try YAMLValue(parsing: text), path: path, asMember: isMember)
        } catch {
            throw ModelFileError(.refused, path, [error.description])
        }
        guard reader.problems.isEmpty else { throw ModelFileError(reader.failure, path, reader.problems) }
        self.path = path
        name = reader.name ?? URL(filePath: path).deletingPathExtension().lastPathComponent
        training = reader.training ?? .jointly
        inputs = reader.inputs
        networks =
            reader.members.isEmpty
            ? [Network(inputs: inputs.map(\.name), entries: reader.entries)] : reader.members
    }

    /// A file like another one, with another input and network.
    init(_ other: ArchitectureFile, inputs: [Architecture.Input], network: Network) {
        (path, name, training) = (other.path, other.name, other.training)
        self.inputs = inputs
        networks = [network]
    }

    /// The file's entries, if it is no mixture.
    var entries: [Entry] { networks[0].entries }
}

// MARK: - Reading

extension ArchitectureFile {
    /// Goes through the file and notes everything that is wrong.
    struct Reader {
        let path: String
        var problems: [String] = []
        /// What the error is that has these problems.
        var failure = ModelFileError.Kind.refused
        var name: String?
        var training: Training?
        var inputs: [Architecture.Input] = []
        var entries: [Entry] = []
        var members: [Network] = []

        private static let keys = ["name", "input", "inputs", "layers", "members", "training"]

        init(_ root: YAMLValue, path: String, asMember isMember: Bool) {
            self.path = path
            guard let members = root.members else {
                problems.append("expected the keys 'name', 'input' and 'layers'")
                return
            }
            for member in members {
                let value = member.value
                switch member.key {
                case "name": name = value.json.string ?? "\(value.json)"
                case "input": addInput("input", value)
                case "inputs": for member in value.members ?? [] { addInput(member.key, member.value) }
                case "layers": entries = layers(value)
                case "members" where isMember: fail(value, "has 'members', and a member is one network")
                case "members": break
                case "training": training = readTraining(value)
                default: fail(value, "there is no key '\(member.key)'\(didYouMean(member.key, Self.keys))")
                }
            }
            if inputs.isEmpty && problems.isEmpty { problems.append("has no 'input'") }
            guard let value = root["members"], !isMember else {
                if entries.isEmpty && problems.isEmpty { problems.append("has no 'layers'") }
                if let value = root["training"] { fail(value, "'training' is how 'members' learn, and there are none") }
                return
            }
            if let layers = root["layers"] { fail(layers, "has 'layers' and 'members', expected one of them") }
            // After the inputs, which they share.
            addMembers(value)
        }

        mutating func fail(_ value: YAMLValue, _ problem: String) {
            problems.append("line \(value.line): \(problem)")
        }

        private mutating func addInput(_ name: String, _ value: YAMLValue) {
            var axes: [Int?] = []
            for element in value.elements ?? [] {
                // A word, such as `time`, stands for an extent that the data decides.
                let axis = element.json.integer, isWord = element.string?.allSatisfy(\.isLetter) ?? false
                let isExtent = axis.map { (1...LayerSettings.largestInteger).contains($0) } ?? false
                guard element.isNull || isWord || isExtent else {
                    return fail(element, "input '\(name)': expected a whole number of 1 or more, found \(element.json)")
                }
                axes.append(axis)
            }
            guard value.elements != nil else {
                return fail(value, "input '\(name)': expected a shape such as [28, 28, 1], found \(value.json)")
            }
            inputs.append(Architecture.Input(name, axes))
        }

        mutating func layers(_ value: YAMLValue) -> [Entry] {
            guard let elements = value.elements else {
                fail(value, "'layers' is no list")
                return []
            }
            return elements.compactMap { layer($0) }
        }

        private mutating func layer(_ value: YAMLValue) -> Entry? {
            if let className = value.string {
                return Entry(line: value.line, className: className, options: [:], name: nil, from: nil, call: [:])
            }
            let layers = (value.members ?? []).filter { !["name", "from", "call"].contains($0.key) }
            guard layers.count == 1 else {
                fail(value, "expected one layer with 'name', 'from' and 'call' beside it, found \(layers.map(\.key))")
                return nil
            }
            guard let options = layerOptions(layers[0].value) else {
                fail(value, "layer '\(layers[0].key)': expected options in braces, found \(layers[0].value.json)")
                return nil
            }
            return Entry(
                line: value.line, className: layers[0].key, options: options,
                name: givenName(value["name"] ?? layers[0].value["name"]), from: sources(value["from"]),
                call: arguments(value["call"]))
        }

        private mutating func givenName(_ value: YAMLValue?) -> String? {
            guard let value else { return nil }
            guard let name = value.json.string ?? value.json.integer.map(String.init), !name.isEmpty,
                !name.contains("/")
            else {
                fail(value, "'name': expected a word without slashes, found \(value.json)")
                return nil
            }
            return name
        }

        private mutating func sources(_ value: YAMLValue?) -> [String]? {
            guard let value else { return nil }
            let names = value.elements?.compactMap { $0.json.string ?? $0.json.integer.map(String.init) }
            if let names, !names.isEmpty, names.count == value.elements?.count { return names }
            guard let name = value.string else {
                fail(value, "'from': expected a name or a list of names, found \(value.json)")
                return nil
            }
            return [name]
        }

        private mutating func arguments(_ value: YAMLValue?) -> JSON.Object {
            guard let value else { return [:] }
            guard let arguments = value.json.object else {
                fail(value, "'call': expected arguments in braces, found \(value.json)")
                return [:]
            }
            return arguments
        }

        /// Options as Keras writes them: a layer inside a layer is an object with its class.
        private func layerOptions(_ value: YAMLValue) -> JSON.Object? {
            if value.isNull { return [:] }
            guard let members = value.members else { return nil }
            return JSON.Object(
                members.map { member in
                    switch member.key {
                    case "layer", "backward_layer": JSON.Object.Member(member.key, wrapped(member.value))
                    case "cell", "cells": JSON.Object.Member(member.key, cells(member.value))
                    default: JSON.Object.Member(member.key, member.value.json)
                    }
                })
        }

        /// One cell, or a list of them.
        private func cells(_ value: YAMLValue) -> JSON {
            value.elements.map { .array($0.map(wrapped)) } ?? wrapped(value)
        }

        private func wrapped(_ value: YAMLValue) -> JSON {
            if let className = value.string { return ["class_name": .string(className), "config": [:]] }
            guard let members = value.members, members.count == 1, let options = layerOptions(members[0].value) else {
                return value.json
            }
            return ["class_name": .string(members[0].key), "config": .object(options)]
        }
    }
}

// MARK: - Putting in numbers

extension ArchitectureFile {
    /// Whether any size is a multiple of the width.
    public var usesWidth: Bool { containsOption { Self.widthFactor($0) != nil } }

    /// Whether any size is the number of classes.
    public var usesClasses: Bool { containsOption { $0 == "classes" } }

    private func containsOption(_ condition: (String) -> Bool) -> Bool {
        networks.contains { $0.entries.contains { Self.contains(.object($0.options), condition) } }
    }

    /// The architecture with all its numbers.
    ///
    /// - Parameter input: The shape of the data, for an input whose shape the file leaves open.
    public func architecture(
        classes: Int? = nil, input: Shape? = nil, width: Double = 1
    ) throws(ModelFileError) -> Architecture {
        guard classes != nil || !usesClasses else {
            throw ModelFileError(.refused, path, ["needs the number of classes, which comes with the data"])
        }
        var layers: [Architecture.Layer] = [], members: [Architecture.Member] = [], problems: [String] = []
        let weights = networks.reduce(0) { $0 + ($1.member?.weight ?? 0) }
        for network in networks {
            let first = layers.count
            layers += self.layers(of: network, classes: classes ?? 0, width: width, &problems)
            if let member = network.member, let last = layers.last {
                members.append(
                    Architecture.Member(
                        name: member.name, share: member.weight / weights, layers: first..<layers.count,
                        output: Architecture.Source(last.name)))
            }
        }
        guard problems.isEmpty else { throw ModelFileError(.refused, path, problems) }
        if !members.isEmpty {
            layers += Self.mean(of: members, besides: Set((layers.map(\.name)) + inputs.map(\.name)))
        }
        var architecture = Architecture(
            origin: path, name: name, dialect: .keras3, inputs: filled(inputs, with: input), layers: layers,
            outputs: [Architecture.Source(layers[layers.count - 1].name)], isStrict: true)
        architecture.members = members
        var stores = StoreNames()
        for position in architecture.kerasOrder {
            architecture.layers[position].store = "layers/" + stores.next(layers[position].className)
        }
        return architecture
    }

    /// The layers of a network; those of a member have its name before their own.
    private func layers(
        of network: Network, classes: Int, width: Double, _ problems: inout [String]
    ) -> [Architecture.Layer] {
        let prefix = network.member.map { $0.name + "/" } ?? "", file = network.member?.file
        func fail(_ entry: Entry, _ problem: String) {
            problems.append((file.map { "'\($0)', " } ?? "") + "line \(entry.line): \(problem)")
        }
        let names = layerNames(of: network, fail)
        let known = Set(names + network.inputs)
        let inputNames = Dictionary(zip(network.inputs, inputs.map(\.name))) { first, _ in first }
        var layers: [Architecture.Layer] = []
        for (index, entry) in network.entries.enumerated() {
            if index == 0, inputs.count > 1, entry.from == nil {
                fail(entry, "the first layer needs 'from', as there are several inputs")
            }
            let previous = index == 0 ? network.inputs[0] : names[index - 1]
            let tensors = entry.call.members.compactMap { member in
                member.value.string.map { (keyword: member.key, name: $0) }
            }
            let sources = ((entry.from ?? [previous]) + tensors.map(\.name)).map { text in
                var source = Self.source(text, among: known)
                source.layer = inputNames[source.layer] ?? prefix + source.layer
                return source
            }
            let options = Self.evaluated(.object(entry.options), classes: classes, width: width).object ?? [:]
            var layer = Architecture.Layer(
                prefix + names[index], entry.className, options, calls: [sources], keywords: tensors.map(\.keyword),
                arguments: JSON.Object(entry.call.members.filter { $0.value.string == nil }), line: entry.line)
            layer.file = file
            layers.append(layer)
        }
        return layers
    }

    /// `name`, or `name:1` for the second result of a layer that has several.
    private static func source(_ text: String, among names: Set<String>) -> Architecture.Source {
        guard !names.contains(text), let colon = text.lastIndex(of: ":"),
            let tensor = Int(text[text.index(after: colon)...])
        else { return Architecture.Source(text) }
        return Architecture.Source(String(text[..<colon]), tensor: tensor)
    }

    /// The layers that take the weighted mean of what members predict.
    private static func mean(
        of members: [Architecture.Member], besides names: Set<String>
    ) -> [Architecture.Layer] {
        var taken = names
        func free(_ wanted: String) -> String {
            var name = wanted
            while !taken.insert(name).inserted { name += "_" }
            return name
        }
        guard Set(members.map(\.share)).count > 1 else {
            return [Architecture.Layer(free("mean"), "Average", [:], calls: [members.map(\.output)])]
        }
        let shares = members.map { member in
            Architecture.Layer(
                free("\(member.name)/share"), "Rescaling", ["scale": .number(member.share)], calls: [[member.output]])
        }
        let sum = Architecture.Layer(
            free("mean"), "Add", [:], calls: [shares.map { Architecture.Source($0.name) }])
        return shares + [sum]
    }

    private func filled(_ inputs: [Architecture.Input], with shape: Shape?) -> [Architecture.Input] {
        guard let shape, inputs.count == 1, let fitted = Architecture.fit(shape.axes, to: inputs[0]) else {
            return inputs
        }
        return [Architecture.Input(inputs[0].name, fitted.axes)]
    }

    /// The names given, and for the others those that Keras would give, with numbers behind.
    private func layerNames(of network: Network, _ fail: (Entry, String) -> Void) -> [String] {
        var taken = Set(network.inputs)
        for entry in network.entries {
            if let name = entry.name, !taken.insert(name).inserted { fail(entry, "the name '\(name)' is taken") }
        }
        return network.entries.map { entry in
            if let name = entry.name { return name }
            let plain = kerasName(ofClass: entry.className)
            var name = plain, number = 0
            while !taken.insert(name).inserted {
                number += 1
                name = "\(plain)_\(number)"
            }
            return name
        }
    }

    /// `N` of `N*width` or `width*N`.
    private static func widthFactor(_ text: String) -> Double? {
        let parts = text.split(separator: "*", omittingEmptySubsequences: false).map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        guard parts.count == 2, parts.contains("width"), let number = parts.first(where: { $0 != "width" }),
            let factor = Double(number), factor > 0, factor.isFinite
        else { return nil }
        return factor
    }

    private static func contains(_ json: JSON, _ condition: (String) -> Bool) -> Bool {
        switch json {
        case .string(let text): condition(text)
        case .array(let elements): elements.contains { contains($0, condition) }
        case .object(let object): object.members.contains { contains($0.value, condition) }
        default: false
        }
    }

    private static func evaluated(_ json: JSON, classes: Int, width: Double) -> JSON {
        switch json {
        case .string("classes"): return .integer(classes)
        case .string(let text):
            guard let factor = widthFactor(text) else { return json }
            let units = (factor * width).rounded()
            return .integer(Int(min(max(units, 1), Double(LayerSettings.largestInteger) * 2)))
        case .array(let elements): return .array(elements.map { evaluated($0, classes: classes, width: width) })
        case .object(let object):
            return .object(
                JSON.Object(
                    object.members.map { member in
                        JSON.Object.Member(member.key, evaluated(member.value, classes: classes, width: width))
                    }))
        default: return json
        }
    }
}

/// The name that Keras gives to the first layer of a class: `Conv2D` becomes `conv2d`, `MaxPooling2D` `max_pooling2d`.
func kerasName(ofClass className: String) -> String {
    // An operation is named like its function: `ops.mean`.
    let letters = Array(
        className.replacing(/^ops\./, with: "").unicodeScalars.filter {
            $0.properties.isAlphabetic || $0.properties.numericType != nil
        })
    func isUpper(_ index: Int) -> Bool { ("A"..."Z").contains(letters[index]) }
    func isLower(_ index: Int) -> Bool { letters.indices.contains(index) && ("a"..."z").contains(letters[index]) }
    var name = ""
    for index in letters.indices {
        // A capital begins a word if a small letter follows or goes before.
        if index > 0, isUpper(index), isLower(index + 1) || isLower(index - 1) { name += "_" }
        name.unicodeScalars.append(letters[index])
    }
    return name.lowercased()
}
