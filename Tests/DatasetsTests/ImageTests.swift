import Foundation
import HDF5
import Images
import Testing

@testable import Datasets

/// Images and pixels that `Tools/reference/image_fixtures.py` wrote with Pillow.
private func fixture(_ name: String) -> String {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/images/\(name)").path
}

@Suite struct ImageDecoderTests {
    private func decode(_ name: String, _ form: ImageDecoder.Form) throws -> [UInt8] {
        let path = fixture(name), bytes = try Data(contentsOf: URL(filePath: path))
        let source = ImageDecoder.Source(bytes: Array(bytes), header: try ImageHeader(of: path))
        return try ImageDecoder.decode([source], form)[0].get()
    }

    private static let names = [
        "rgb.png", "gray.png", "bilevel.png", "palette.png", "palette-4bit.png", "palette-transparent.png",
        "transparent.png", "opaque.png", "gray-transparent.png", "interlaced.png", "rgb-16bit.png", "rgb.jpg",
        "rgb-444.jpg", "gray.jpg", "progressive.jpg",
    ]

    /// Every kind, in color and gray, and every size, to the bit.
    @Test(arguments: names + (1...8).map { "orientation-\($0).jpg" })
    func decodesAndResizesAsPillowDoes(name: String) throws {
        let pixels = try HDF5File(opening: fixture("images.h5")).root.group(name),
            header = try ImageHeader(of: fixture(name))
        for key in try pixels.names() {
            let wanted = try pixels.dataset(key), words = key.split(separator: "-")
            var form = ImageDecoder.Form(channels: words[0] == "gray" ? 1 : 3, background: 0xFF_FFFF)
            if words.count == 2 { form.size = .init(height: wanted.shape[0], width: wanted.shape[1]) }
            if words.count == 1 { #expect([header.height, header.width] == Array(wanted.shape[..<2])) }
            #expect(try decode(name, form) == wanted.read(as: UInt8.self), "\(key)")
        }
    }

    @Test func headersKnowGray() throws {
        for name in Self.names {
            let isGray = ["gray.png", "bilevel.png", "gray-transparent.png", "gray.jpg"].contains(name)
            #expect(try ImageHeader(of: fixture(name)).isGray == isGray, "\(name)")
        }
    }

    /// Of 16 bits the upper 8: the picture of gray.png.
    @Test func takesTheUpperBits() throws {
        let form = ImageDecoder.Form(channels: 1)
        #expect(try decode("gray-16bit.png", form) == decode("gray.png", form))
    }

    @Test(arguments: [
        ("transparent.png", "transparent pixels"), ("gray-transparent.png", "transparent pixels"),
        ("cmyk.jpg", "a JPEG file in CMYK"),
    ])
    func refusesByName(name: String, found: String) throws {
        let problem = #expect(throws: ImageProblem.self) { try decode(name, .init(channels: 3)) }
        #expect(problem?.found == found)
    }

    @Test func refusesOtherFormats() throws {
        let problem = #expect(throws: ImageProblem.self) { try ImageHeader(of: fixture("other.gif")) }
        #expect(problem?.found == "a GIF image")
    }

    /// Pixels are never made up: a file that is cut off anywhere is refused.
    @Test(arguments: ["rgb.jpg", "progressive.jpg", "rgb.png", "interlaced.png"])
    func refusesWhatIsCutOff(name: String) throws {
        let bytes = try Data(contentsOf: URL(filePath: fixture(name))), header = try ImageHeader(of: fixture(name))
        // The last two bytes of a JPEG file, and twelve of a PNG file, only say that it ends.
        for count in stride(from: 0, to: bytes.count - (name.hasSuffix("png") ? 12 : 2), by: 7) {
            let source = ImageDecoder.Source(bytes: Array(bytes.prefix(count)), header: header)
            #expect(throws: ImageProblem.self, "\(count)") {
                try ImageDecoder.decode([source], .init(channels: 3))[0].get()
            }
        }
    }
}

@Suite struct ImageImportTests {
    /// A folder of folders of fixtures.
    private func withFolder(_ files: [String: [String]], _ body: (URL, String) throws -> Void) throws {
        try withTemporaryFolder { folder in
            let images = folder.appending(path: "images")
            for (name, files) in files {
                let child = images.appending(path: name)
                try FileManager.default.createDirectory(at: child, withIntermediateDirectories: true)
                for (index, file) in files.enumerated() {
                    let suffix = file.split(separator: ".").last ?? ""
                    try FileManager.default.copyItem(
                        at: URL(filePath: fixture(file)), to: child.appending(path: "\(index).\(suffix)"))
                }
            }
            try body(images, folder.appending(path: "d.h5").path)
        }
    }

    private func pixels(_ key: String) throws -> [UInt8] {
        try HDF5File(opening: fixture("images.h5")).root.dataset(key).read(as: UInt8.self)
    }

    /// Each row is the image of its class, whatever the order.
    @Test(arguments: [1, 3])
    func writesPixelsAndClasses(threads: Int) throws {
        let kinds = ["cat": "rgb.png", "dog": "rgb.jpg", "eel": "gray.png"]
        try withFolder(kinds.mapValues { [String](repeating: $0, count: 10) }) { folder, output in
            var images = ImageImport(folder: folder.path)
            (images.threads, images.validation) = (threads, .share(0.1))
            var done = 0
            let report = try images.write(to: output) { done = $0 }
            #expect(try done == images.amount() && done == 30)
            #expect([report.trainCount, report.validationCount, report.testCount] == [21, 3, 6])
            let file = try HDF5File(opening: output)
            #expect(try file.root.attributes.strings("classes") == ["cat", "dog", "eel"])
            let wanted = try ["rgb.png/rgb", "rgb.jpg/rgb", "gray.png/rgb"].map(pixels)
            for split in ["train", "validation", "test"] {
                let x = try file.root.dataset("\(split)/x"), y = try file.root.dataset("\(split)/y").read(as: Int.self)
                #expect(Array(x.shape.dropFirst()) == [17, 24, 3] && x.type == .uint8)
                let values = try x.read(as: UInt8.self), width = 17 * 24 * 3
                for row in y.indices { #expect(Array(values[(row * width)..<((row + 1) * width)]) == wanted[y[row]]) }
                // Classes are mixed, and each gives its share.
                #expect(split != "train" || y != y.sorted())
                #expect((0..<3).allSatisfy { label in y.count { $0 == label } == y.count / 3 })
            }
        }
    }

    @Test func grayImagesHaveOneChannelUnlessColorsAreWanted() throws {
        try withFolder(["a": ["gray.png", "gray.png"], "b": ["gray.png", "bilevel.png"]]) { folder, output in
            for (mode, channels) in [(ImageImport.ColorMode.automatic, 1), (.rgb, 3), (.grayscale, 1)] {
                var images = ImageImport(folder: folder.path)
                (images.colorMode, images.test) = (mode, .share(0.5))
                _ = try images.write(to: output)
                #expect(try ExampleFile(opening: output).exampleShape == [17, 24, channels])
            }
        }
    }

    @Test func resizesWhatIsOfSeveralSizes() throws {
        try withFolder(["a": ["rgb.png", "orientation-6.jpg"], "b": ["rgb.png", "rgb.png"]]) { folder, output in
            var images = ImageImport(folder: folder.path)
            images.test = .share(0.5)
            let error = #expect(throws: ExampleFileError.self) { try images.write(to: output) }
            let found = try #require(error)
            #expect(["24 x 17", "17 x 24"].contains { found.found == "\($0), and 2 sizes in all" }, "\(found)")
            #expect(found.advice == "Choose one for all: --resize 32x32.")
            images.size = .init(height: 5, width: 7)
            _ = try images.write(to: output)
            let file = try HDF5File(opening: output)
            let rows =
                try file.root.dataset("train/x").read(as: UInt8.self) + file.root.dataset("test/x").read(as: UInt8.self)
            let wanted = try Set([pixels("rgb.png/rgb-5x7"), pixels("orientation-6.jpg/rgb-5x7")])
            #expect(Set((0..<4).map { Array(rows[($0 * 105)..<(($0 + 1) * 105)]) }) == wanted)
        }
    }

    @Test func foldersOfSplitsAreSplits() throws {
        let files = [
            "train/a": ["rgb.png", "rgb.png", "rgb.png"], "train/b": ["rgb.png"], "val/a": ["rgb.png"],
            "val/b": ["rgb.png"], "test/b": ["rgb.png"],
        ]
        try withFolder(files) { folder, output in
            var images = ImageImport(folder: folder.path)
            let report = try images.write(to: output)
            #expect([report.trainCount, report.validationCount, report.testCount] == [4, 2, 1])
            #expect(try ExampleFile(opening: output).test.source.labels == [1])
            images.test = .share(0.5)
            let error = #expect(throws: ExampleFileError.self) { try images.write(to: output) }
            #expect(error?.expected == "no folder for test, as --test is given")
        }
        try withFolder(["a": ["rgb.png", "rgb.png"], "b": ["rgb.png"]]) { folder, output in
            var images = ImageImport(folder: folder.path)
            images.test = .path(folder.path)
            images.givenClasses = ["b", "a"]
            let report = try images.write(to: output)
            #expect(report.trainCount == 3 && report.testCount == 3)
            #expect(try ExampleFile(opening: output).classNames == ["b", "a"])
        }
    }

    @Test func passesOverHiddenFilesAndNamesOthers() throws {
        try withFolder(["a": ["rgb.png", "rgb.png"], "b": ["rgb.png", "rgb.png"]]) { folder, output in
            var images = ImageImport(folder: folder.path)
            images.test = .share(0.5)
            for name in ["a/.DS_Store", ".DS_Store", "b/Thumbs.db"] {
                try Data([1]).write(to: folder.appending(path: name))
            }
            _ = try images.write(to: output)
            try FileManager.default.removeItem(atPath: output)
            func refuse(_ words: String, _ name: String, _ content: Data) throws {
                let file = folder.appending(path: name)
                try content.write(to: file)
                let error = #expect(throws: ExampleFileError.self) { try images.write(to: output) }
                #expect("\(try #require(error))".contains(words), "\(error!)")
                #expect(!FileManager.default.fileExists(atPath: output))
                try FileManager.default.removeItem(at: file)
            }
            try refuse("a/notes.txt': expected a PNG or JPEG image, found text.", "a/notes.txt", Data("a cat\n".utf8))
            images.folder = folder.path + "/a/0.png"
            #expect(throws: ExampleFileError.self) { try images.write(to: output) }
            images.folder = folder.path
            try refuse("found a file 'labels.csv'", "labels.csv", Data("a\n".utf8))
            try refuse("b/empty.jpg': expected a PNG or JPEG image, found an empty file.", "b/empty.jpg", Data())
            let whole = try Data(contentsOf: URL(filePath: fixture("rgb.png")))
            try refuse(
                "b/cut.png': expected a PNG or JPEG image, gray or in color, found a damaged PNG", "b/cut.png",
                whole.prefix(600))
            try refuse(
                "b/t.png': expected a PNG or JPEG image, gray or in color, found transparent pixels. Give the color",
                "b/t.png",
                try Data(contentsOf: URL(filePath: fixture("transparent.png"))))
        }
    }
}

@Suite struct OrderedJobsTests {
    @Test(arguments: [1, 2, 7])
    func takesResultsInOrder(threads: Int) throws {
        var taken: [Int] = []
        try OrderedJobs.run(100, threads: threads) { number in
            number * number
        } take: {
            taken.append($1)
        }
        #expect(taken == (0..<100).map { $0 * $0 })
    }

    @Test func throwsWhatTheFirstJobThrows() {
        struct Problem: Error, Equatable { let number: Int }
        var taken: [Int] = []
        #expect(throws: Problem(number: 11)) {
            try OrderedJobs.run(1000, threads: 3) { number in
                if number > 10 { throw Problem(number: number) }
                return number
            } take: {
                taken.append($1)
            }
        }
        #expect(taken == Array(0...10))
    }
}
