import ArgumentParser
import Datasets
import Images

struct ImagesCommand: ImportFormat {
    static let configuration = CommandConfiguration(
        commandName: "images",
        abstract: "PNG and JPEG files in a folder for each class.",
        discussion: """
            FOLDER has a folder for each class, whose names in order are the classes; or folders train, and validation or \
            test, with those. x is (examples, height, width, channels) of bytes: one channel if all images are gray, else \
            three. Images are turned as their cameras noted (EXIF), palettes and fewer bits are expanded, of 16 bits the upper \
            8 are taken. Images in CMYK and files that are no images are refused; hidden files are passed over.

            Images have one size, or are resized to one: bilinearly with antialiasing, without regard to their proportions.

            Examples:
              compress import images flowers/ --resize 96x96 --output flowers.h5
              compress import images digits/ --test 0.1 --validation 0.1 \\
                --output digits.h5
            """)

    @Argument(help: "The folder.", completion: .directory)
    var source: [String]

    @Option(
        help: .init(
            "The height and width that all images are resized to, such as 96x128. (default: none)", valueName: "size"),
        transform: imageSize)
    var resize: ImageDecoder.Size?

    @Option(
        help: .init("grayscale or rgb. (default: grayscale if all images are gray, else rgb)", valueName: "mode"),
        transform: imageColorMode)
    var colorMode: ImageImport.ColorMode = .automatic

    @Option(
        help: .init(
            "The color behind transparent pixels: white, black, or RRGGBB in hexadecimal digits. (default: none: they are "
                + "refused)", valueName: "color"),
        transform: backgroundColor)
    var background: Int?

    @OptionGroup var splits: SplitOptions

    @OptionGroup var threading: ThreadOptions

    @OptionGroup var options: ImportOptions

    var sources: [String] { source + splits.paths }

    func validate() throws {
        guard source.count == 1 else { throw ValidationError("images takes one folder, found \(source.count) sources") }
    }

    func job(_ progress: Progress) throws -> ImportJob {
        var images = ImageImport(folder: source[0])
        images.size = resize
        images.colorMode = colorMode
        images.background = background
        images.test = splits.test
        images.validation = splits.validation
        images.seed = UInt64(splits.seed)
        images.givenClasses = options.names
        images.threads = threading.count
        images.remark = { progress.message($0) }
        return ImportJob(files: images)
    }
}

/// Reads a height and a width, or one number for both.
@Sendable private func imageSize(_ text: String) throws -> ImageDecoder.Size {
    let sides = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard (1...2).contains(sides.count), sides.allSatisfy({ (1...8192).contains($0) }) else {
        throw ValidationError("expected a height and a width from 1 to 8192, such as 96x128, found '\(text)'")
    }
    return ImageDecoder.Size(height: sides[0], width: sides.count == 2 ? sides[1] : sides[0])
}

@Sendable private func imageColorMode(_ text: String) throws -> ImageImport.ColorMode {
    try choice(text, of: "--color-mode")
}

/// Reads a color as 0xRRGGBB.
@Sendable private func backgroundColor(_ text: String) throws -> Int {
    if let named = ["white": 0xFF_FFFF, "black": 0][text] { return named }
    let digits = text.drop { $0 == "#" }
    guard digits.count == 6, let number = Int(digits, radix: 16), number >= 0 else {
        throw ValidationError("expected white, black, or a color such as F0F0F0, found '\(text)'")
    }
    return number
}
