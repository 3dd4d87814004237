import Foundation

/// The images of a folder that has a folder of them for each class.
struct ImageFolder {
    struct File: Hashable {
        let path: String
        let label: String
    }

    let path: String
    private(set) var files: [File] = []
    /// The names of the classes, each of which has a file.
    private(set) var classes: [String] = []
    /// Files of the system that were passed over.
    private(set) var hidden: [String] = []
    private let manager = FileManager.default

    /// Deeper folders are links that lead back.
    private static let mostLevels = 16

    /// - Throws: `ExampleFileError` if it is not a folder for each class.
    init(_ path: String) throws {
        self.path = path
        try Self.check(path)
        for name in try names(of: path) {
            let child = path + "/" + name
            guard Self.isFolder(child) else {
                throw ExampleFileError(
                    path, expected: "a folder of images for each class", found: "a file \(quoted(name))",
                    "Put it into the folder of its class, or remove it.")
            }
            let count = files.count
            try add(child, label: name, level: 1)
            guard files.count > count else {
                throw ExampleFileError(
                    path, expected: "images in the folder of each class", found: "none in \(quoted(name))",
                    "Remove the folder, or fill it.")
            }
            classes.append(name)
        }
        guard !classes.isEmpty else {
            throw ExampleFileError(
                path, expected: "a folder of images for each class", found: "an empty folder", "Is it the right one?")
        }
    }

    private mutating func add(_ folder: String, label: String, level: Int) throws {
        guard level <= Self.mostLevels else {
            throw ExampleFileError(
                folder, expected: "at most \(Self.mostLevels) folders in each other", found: "more",
                "Does a link lead back to a folder that it is in?")
        }
        for name in try names(of: folder) {
            let child = folder + "/" + name
            if Self.isFolder(child) {
                try add(child, label: label, level: level + 1)
            } else {
                files.append(File(path: child, label: label))
            }
        }
    }

    /// The names in a folder, sorted, without those that systems leave everywhere.
    private mutating func names(of folder: String) throws -> [String] {
        let names = try manager.contentsOfDirectory(atPath: folder).sorted()
        let isHidden = { (name: String) in
            name.hasPrefix(".") || ["Thumbs.db", "desktop.ini", "__MACOSX"].contains(name)
        }
        hidden += names.filter(isHidden).map { folder + "/" + $0 }
        return names.filter { !isHidden($0) }
    }

    private static func check(_ path: String) throws(ExampleFileError) {
        guard !isFolder(path) else { return }
        throw ExampleFileError(
            path, expected: "a folder of images for each class", found: "a file", "Name the folder with the classes.")
    }

    private static func isFolder(_ path: String) -> Bool {
        let target = URL(filePath: path).resolvingSymlinksInPath()
        return (try? target.resourceValues(forKeys: [.isDirectoryKey]))?.isDirectory == true
    }

    /// The folders of splits in a folder: `train`, and perhaps `validation` and `test`; nil if its folders are classes.
    static func splits(of path: String) throws -> [StratifiedSplit.Part: String]? {
        try check(path)
        let names = try FileManager.default.contentsOfDirectory(atPath: path).filter { !$0.hasPrefix(".") }.sorted()
        let words: [String: StratifiedSplit.Part] = [
            "train": .train, "training": .train, "validation": .validation, "valid": .validation, "val": .validation,
            "test": .test, "testing": .test,
        ]
        var splits: [StratifiedSplit.Part: String] = [:]
        for name in names where isFolder("\(path)/\(name)") {
            guard let part = words[name.lowercased()] else { return nil }
            guard splits[part] == nil else {
                throw ExampleFileError(
                    path, expected: "one folder for \(part)", found: "\(quoted(name)) beside another", "Remove one.")
            }
            splits[part] = "\(path)/\(name)"
        }
        return splits[.train] == nil ? nil : splits
    }
}
