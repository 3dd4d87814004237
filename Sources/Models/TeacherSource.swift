public import Datasets
import Foundation
import ModelFiles

/// What `--teachers` names: `[NAME=]FILE`, and of predictions perhaps what is meant in the file, `[NAME=]FILE:OBJECT`.
///
/// A file of the whole text goes before its parts, so that `lr=0.1.h5` may be one.
public struct TeacherSource: Hashable, Sendable {
    /// What tables and options call it; nil for what its file is called.
    public let givenName: String?
    public let file: String
    /// An array, a group or a kind of arrays in a file of predictions.
    public let object: String?

    public init(_ text: String) {
        if let (file, object) = Self.file(text) {
            (givenName, self.file, self.object) = (nil, file, object)
            return
        }
        guard let sign = text.firstIndex(of: "="), sign != text.startIndex, text.index(after: sign) < text.endIndex,
            !text[..<sign].contains("/")
        else {
            (givenName, file, object) = (nil, text, nil)
            return
        }
        let rest = String(text[sign...].dropFirst())
        givenName = String(text[..<sign])
        (file, object) = Self.file(rest) ?? (rest, nil)
    }

    /// A file that is there, and perhaps what is behind a colon.
    private static func file(_ text: String) -> (file: String, object: String?)? {
        func isThere(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
        if isThere(text) { return (text, nil) }
        guard let colon = text.lastIndex(of: ":"), text.index(after: colon) < text.endIndex else { return nil }
        let file = String(text[..<colon])
        return isThere(file) ? (file, String(text[colon...].dropFirst())) : nil
    }

    /// What messages call it.
    public var path: String { file + (object.map { ":\($0)" } ?? "") }
    /// What options call it: the name that it was given, that of the object, or that of its file.
    public var name: String {
        let steps = object?.split(separator: "/").map(String.init) ?? []
        return givenName ?? steps.last { PredictedPart(rawValue: $0) == nil } ?? modelName(ofFile: file)
    }

    /// The same with another path of its file.
    public func text(_ path: (String) -> String) -> String {
        (givenName.map { "\($0)=" } ?? "") + path(file) + (object.map { ":\($0)" } ?? "")
    }
}

/// Opens teachers, and finds everything that is wrong with any of them: models, and predictions in their place.
///
/// - Parameters:
///   - texts: As `TeacherSource` reads them.
///   - rules: Settings of some of them, by the same texts.
/// - Throws: The error of the only teacher that does not fit, or `TeachersError`.
public func openTeachers(
    _ texts: [String], data: ExampleFile, rules: [String: TeacherRules] = [:]
) throws -> [any Teacher] {
    var teachers: [any Teacher] = []
    try tellAll(texts) { text in
        teachers.append(try openTeacher(TeacherSource(text), data: data, rules: rules[text] ?? TeacherRules()))
    } and: {
        orderConflict(teachers, data)
    }
    return teachers
}

private func openTeacher(_ source: TeacherSource, data: ExampleFile, rules: TeacherRules) throws -> any Teacher {
    if source.object != nil || PredictionFile.isNamed(source.file) {
        return try PredictionTeacher(source, data: data, rules: rules)
    }
    do {
        return try ModelTeacher(source.file, data: data, rules: rules, name: source.givenName)
    } catch let error as ModelFileError where error.isOfOtherContent {
        guard PredictionFile.isFound(in: source.file) else { throw error }
        return try PredictionTeacher(source, data: data, rules: rules)
    }
}

/// Teachers that name the classes in different orders, between which data without names cannot decide.
func orderConflict(_ teachers: [any Teacher], _ data: ExampleFile) -> ModelFileError? {
    guard data.classNames == nil else { return nil }
    let named = teachers.filter { $0.classNames != nil }
    guard let first = named.first, let other = named.first(where: { $0.classNames != first.classNames }) else {
        return nil
    }
    return ModelFileError(
        .refused, other.path, ["names other classes, or the same in another order, than '\(first.path)'"],
        advice: "Which order the labels have is not known: write the names into the attribute 'classes' of "
            + "'\(data.path)'")
}
