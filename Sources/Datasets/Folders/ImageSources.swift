import Images
import Storage

/// All images of an import: their classes, and what they are for, in the order in which they are written.
struct ImageSources {
    private(set) var files: [ImageFolder.File] = []
    private(set) var labels: [Int32] = []
    private(set) var parts: [StratifiedSplit.Part] = []
    let classes: [String]
    private(set) var hidden: [String] = []

    /// - Throws: `ExampleFileError` if the folders are no classes or splits.
    init(_ source: ImageImport) throws {
        var folders: [(StratifiedSplit.Part, ImageFolder)] = []
        var test = source.test, validation = source.validation
        if let splits = try ImageFolder.splits(of: source.folder) {
            for (part, origin) in [(StratifiedSplit.Part.validation, validation), (.test, test)] {
                guard origin != nil, let path = splits[part] else { continue }
                throw ExampleFileError(
                    source.folder, expected: "no folder for \(part), as --\(part) is given", found: "'\(path)'",
                    "Leave --\(part) out, or name the folder with the classes alone.")
            }
            test = splits[.test].map { .path($0) } ?? test
            validation = splits[.validation].map { .path($0) } ?? validation
            folders.append((.train, try ImageFolder(splits[.train] ?? source.folder)))
        } else {
            folders.append((.train, try ImageFolder(source.folder)))
        }
        let origins = [(StratifiedSplit.Part.validation, validation), (.test, test ?? .share(0.2))]
        for (part, origin) in origins {
            if let path = origin?.path { folders.append((part, try ImageFolder(path))) }
        }
        classes = try Self.classes(folders.map(\.1), source)
        let numbers = Dictionary(uniqueKeysWithValues: classes.enumerated().map { ($1, Int32($0)) })
        for (part, folder) in folders {
            let own = folder.files.map { numbers[$0.label] ?? 0 }
            let isUndivided = part == .train
            let split = StratifiedSplit(
                own, validation: isUndivided ? origins[0].1?.share ?? 0 : 0,
                test: isUndivided ? origins[1].1?.share ?? 0 : 0,
                seed: source.seed)
            files += folder.files
            labels += own
            parts += isUndivided ? split.parts : own.map { _ in part }
            hidden += folder.hidden
        }
        for (part, origin) in [(.train, .share(1))] + origins where origin != nil && !parts.contains(part) {
            throw ExampleFileError(
                source.folder, expected: "enough images for train, validation and test",
                found: "\(files.count), of which none is left for \(part)", "Give more, or choose other shares.")
        }
        shuffle(source.seed)
    }

    /// Those of a class lie beside each other in folders, and must not in batches.
    private mutating func shuffle(_ seed: UInt64) {
        var random = KeyedRandom(seed, files.count), order = Array(files.indices)
        random.shuffle(&order)
        files = order.map { files[$0] }
        labels = order.map { labels[$0] }
        parts = order.map { parts[$0] }
    }

    private static func classes(_ folders: [ImageFolder], _ source: ImageImport) throws(ExampleFileError) -> [String] {
        let found = Set(folders.flatMap(\.classes)).sorted()
        guard let given = source.givenClasses else { return found }
        guard given.count == Set(given).count, let other = found.first(where: { !given.contains($0) }) else {
            return given
        }
        throw ExampleFileError(
            source.folder, expected: "folders with the names of --class-names", found: quoted(other),
            "Name every folder, in the order of the classes.")
    }

    /// What each file says of its image.
    ///
    /// - Throws: `ExampleFileError` with the files that are no images.
    func headers(threads: Int) throws -> [ImageHeader] {
        var headers: [ImageHeader] = [], problems: [(path: String, problem: ImageProblem)] = []
        let size = 256
        try OrderedJobs.run((files.count + size - 1) / size, threads: threads) { number in
            files[(number * size)..<min((number + 1) * size, files.count)].map { file in
                Result { try Self.header(file.path) }
            }
        } take: { number, results in
            for (index, result) in results.enumerated() {
                switch result {
                case .success(let header): headers.append(header)
                case .failure(let error as ImageProblem):
                    problems.append((files[number * size + index].path, error))
                case .failure(let error): throw error
                }
            }
        }
        problems.sort { $0.path < $1.path }
        guard let first = problems.first else { return headers }
        guard problems.count > 1 else { throw ImageImport.refusal(first.path, first.problem) }
        throw ExampleFileError(
            first.path, expected: first.problem.expected,
            found: "\(first.problem.found), as in \(problems.count) files: \(quoted(problems.map(\.path), limit: 4))",
            "Save them again as PNG or JPEG, or remove them.")
    }

    private static func header(_ path: String) throws -> ImageHeader {
        do {
            return try ImageHeader(of: path)
        } catch let problem as InputFile.Problem {
            throw ImageProblem(expected: "a file that can be read", found: "that \(problem)")
        }
    }

    /// Files that are decoded together: so many that their pixels, before and after resizing, are some megabytes.
    func batches(_ headers: [ImageHeader], _ shape: [Int]) -> [Range<Int>] {
        var batches: [Range<Int>] = [], start = 0, size = 0
        let after = shape.reduce(1, *)
        for index in files.indices {
            size += headers[index].height * headers[index].width + after + Self.fileByteCount
            if size >= Self.batchByteCount || index == files.count - 1 {
                batches.append(start..<(index + 1))
                (start, size) = (index + 1, 0)
            }
        }
        return batches
    }

    private static let batchByteCount = 1 << 23, fileByteCount = 1 << 14
}
