import Foundation
public import HDF5
public import Images
import Storage

/// Folders of images, a folder for each class, as PNG and JPEG files.
///
/// They become bytes of shape (examples, height, width, channels), in an order that the seed shuffles; of 100,000 images
/// no more than some are in memory at a time. Cameras' notes of orientation (EXIF) are followed; palettes, and gray
/// values of fewer bits, are expanded; of 16 bits the upper 8 are taken.
public struct ImageImport: ExampleImport {
    /// What of colors is kept: Keras's words.
    public enum ColorMode: String, CaseIterable, Hashable, Sendable {
        /// Gray, if all images are.
        case automatic = "auto"
        case grayscale, rgb
    }

    /// The folder of the classes, or of `train`, `validation` and `test` with these.
    public var folder: String
    /// The size that all images are resized to; nil if they have one size.
    public var size: ImageDecoder.Size?
    public var colorMode = ColorMode.automatic
    /// 0xRRGGBB, the color behind transparent pixels; nil to refuse images that have any.
    public var background: Int?
    /// Nil for a share of 0.2, unless there is a folder for it.
    public var test: SplitOrigin?
    public var validation: SplitOrigin?
    public var seed: UInt64 = 0
    /// The names of the folders in the order of the classes; nil for their own.
    public var givenClasses: [String]?
    public var threads = 1
    /// Called with what is worth knowing.
    public var remark: @Sendable (String) -> Void = { _ in }

    public init(folder: String) { self.folder = folder }

    /// They are known when the folders were read.
    public var classNames: [String]? { nil }
    public var validationCount: Int { 0 }
    public var unit: String { "images" }

    public func amount() throws -> Int { try ImageSources(self).files.count }

    public func writeExamples(to root: borrowing HDF5Group, progress: (Int) throws -> Void) throws {
        let sources = try ImageSources(self)
        if let first = sources.hidden.first {
            remark(
                "passed over \(sources.hidden.count) hidden file\(sources.hidden.count == 1 ? "" : "s"), such as '\(first)'"
            )
        }
        let headers = try sources.headers(threads: threads)
        let form = try form(sources, headers)
        let size = form.size ?? ImageDecoder.Size(height: headers[0].height, width: headers[0].width)
        let shape = [size.height, size.width, form.channels]
        try root.attributes.write(sources.classes, to: "classes")
        var columns: [StratifiedSplit.Part: (x: ImportedColumn, y: ImportedColumn)] = [:]
        for part in StratifiedSplit.Part.allCases {
            let count = sources.parts.count { $0 == part }
            guard count > 0 else { continue }
            columns[part] = (
                try ImportedColumn("x", of: part.name, in: root, .uint8, shape: [count] + shape, validation: 0),
                try ImportedColumn("y", of: part.name, in: root, .int32, shape: [count], validation: 0)
            )
        }
        let batches = sources.batches(headers, shape)
        try OrderedJobs.run(batches.count, threads: threads) { number in
            try Self.decode(batches[number].map { sources.files[$0].path }, batches[number].map { headers[$0] }, form)
        } take: { number, images in
            for (index, pixels) in zip(batches[number], images) {
                guard let column = columns[sources.parts[index]] else { continue }
                try column.x.append(pixels)
                try column.y.append([sources.labels[index]])
            }
            try progress(batches[number].upperBound)
        }
    }

    /// The pixels of some files.
    private static func decode(_ paths: [String], _ headers: [ImageHeader], _ form: ImageDecoder.Form) throws
        -> [[UInt8]]
    {
        let sources = try zip(paths, headers).map { path, header in
            guard (WholeFile.byteCount(of: path) ?? 0) <= mostBytes else {
                throw refusal(path, ImageProblem(expected: "an image of at most \(mostBytes) bytes", found: "more"))
            }
            do throws(InputFile.Problem) {
                return ImageDecoder.Source(bytes: Array(try InputFile.bytes(of: path)), header: header)
            } catch {
                throw refusal(path, ImageProblem(expected: "a file that can be read", found: "that \(error)"))
            }
        }
        return try zip(paths, ImageDecoder.decode(sources, form)).map { path, answer in
            switch answer {
            case .success(let pixels): pixels
            case .failure(let problem): throw refusal(path, problem)
            }
        }
    }

    private static let mostBytes = 1 << 27

    static func refusal(_ path: String, _ problem: ImageProblem) -> ExampleFileError {
        let advice =
            switch problem.found {
            case "transparent pixels": "Give the color behind them: --background white, or black."
            case "a JPEG file in CMYK": "Save it in RGB."
            default: "Save it again as PNG or JPEG, or remove it."
            }
        return ExampleFileError(path, expected: problem.expected, found: problem.found, advice)
    }

    /// - Throws: `ExampleFileError` if images are of different sizes, and none was given.
    private func form(_ sources: ImageSources, _ headers: [ImageHeader]) throws(ExampleFileError) -> ImageDecoder.Form {
        if size == nil,
            let other = headers.firstIndex(where: { ($0.height, $0.width) != (headers[0].height, headers[0].width) })
        {
            let sizes = Set(headers.map { [$0.height, $0.width] }).count
            throw ExampleFileError(
                sources.files[other].path,
                expected: "\(headers[0].height) x \(headers[0].width) pixels (height x width), as "
                    + "'\(sources.files[0].path)' has",
                found: "\(headers[other].height) x \(headers[other].width), and \(sizes) sizes in all",
                "Choose one for all: --resize \(Self.usual(headers)).")
        }
        let pixels = (size?.height ?? headers[0].height) * (size?.width ?? headers[0].width)
        guard pixels <= Self.mostPixels else {
            throw ExampleFileError(
                sources.files[0].path, expected: "images of at most \(Self.mostPixels) pixels", found: "\(pixels)",
                "Choose a smaller size: --resize 224x224.")
        }
        let isGray = colorMode == .grayscale || colorMode == .automatic && headers.allSatisfy(\.isGray)
        return ImageDecoder.Form(channels: isGray ? 1 : 3, size: size, background: background)
    }

    private static let mostPixels = 1 << 25

    /// A size to propose: what Keras's networks take, or a smaller one for smaller images.
    private static func usual(_ headers: [ImageHeader]) -> ImageDecoder.Size {
        let sides = headers.map { min($0.height, $0.width) }.sorted(), median = sides[sides.count / 2]
        let side = [224, 128, 96, 64, 32].first { $0 <= median } ?? 32
        return ImageDecoder.Size(height: side, width: side)
    }
}
