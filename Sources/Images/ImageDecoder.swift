import CImages
public import Isolation

/// Decodes images in a process of their own: whatever their bytes, they cannot harm this one.
public enum ImageDecoder {
    /// What images become: pixels of 8 bits, row by row, channels last.
    public struct Form: Hashable, Sendable {
        /// 1, gray, or 3, red, green and blue.
        public var channels: Int
        /// The size that images are resized to, bilinearly with antialiasing; nil for as they are.
        public var size: Size?
        /// 0xRRGGBB, the color behind transparent pixels; nil to refuse images that have any.
        public var background: Int?

        public init(channels: Int, size: Size? = nil, background: Int? = nil) {
            (self.channels, self.size, self.background) = (channels, size, background)
        }
    }

    public struct Size: Hashable, Sendable, CustomStringConvertible {
        public let height: Int
        public let width: Int

        public init(height: Int, width: Int) { (self.height, self.width) = (height, width) }

        /// As options say it: `224x224`, height first.
        public var description: String { "\(height)x\(width)" }
    }

    /// A file's bytes, and how its pixels are to be turned.
    public struct Source: Hashable, Sendable {
        public let bytes: [UInt8]
        public let header: ImageHeader

        public init(bytes: [UInt8], header: ImageHeader) { (self.bytes, self.header) = (bytes, header) }
    }

    /// The pixels of each image, or what is wrong with it.
    public typealias Answer = Result<[UInt8], ImageProblem>

    /// What to start `Isolation` with.
    public static let services: [String: Isolation.Service] = [name: { request, _ in serve(request) }]

    private static let name = "images"
    private static let memory = 1 << 30
    private static let secondsToBegin = 5, pixelsPerSecond = 10_000_000

    /// Decodes some images. Any number of threads may.
    ///
    /// - Throws: `IsolationError.unavailable` if the system has no process for it.
    public static func decode(_ sources: [Source], _ form: Form) throws(IsolationError) -> [Answer] {
        do throws(IsolationError) {
            return try decodeTogether(sources, form)
        } catch {
            if case .unavailable = error { throw error }
            // One of them broke the process: which one?
            guard sources.count > 1 else {
                return [.failure(ImageProblem(expected: "an image that can be decoded", found: "that \(error)"))]
            }
            var answers: [Answer] = []
            for source in sources { answers += try decode([source], form) }
            return answers
        }
    }

    private static func decodeTogether(_ sources: [Source], _ form: Form) throws(IsolationError) -> [Answer] {
        var request = Message()
        for number in [form.channels, form.size?.height ?? 0, form.size?.width ?? 0, form.background ?? -1] {
            request.append(number)
        }
        request.append(sources.count)
        for source in sources {
            request.append(source.header.orientation)
            request.append(source.bytes)
        }
        let pixels = sources.reduce(0) { $0 + $1.header.height * $1.header.width }
        let limits = Isolation.Limits(seconds: secondsToBegin + min(pixels, 1 << 30) / pixelsPerSecond, memory: memory)
        var response = Message(
            try Isolation.run(name, request.bytes, limits: limits) { request, _ in serve(request) })
        return sources.map { source in
            let height = form.size?.height ?? source.header.height, width = form.size?.width ?? source.header.width
            guard let isDone = response.number(), let bytes = response.take() else {
                return .failure(ImageProblem(expected: "an image that can be decoded", found: "no answer"))
            }
            guard isDone == 1 else {
                return .failure(
                    ImageProblem(
                        expected: "a PNG or JPEG image, gray or in color", found: String(decoding: bytes, as: UTF8.self)
                    ))
            }
            guard bytes.count == height * width * form.channels else {
                return .failure(ImageProblem(expected: "\(height) x \(width) pixels, as it says", found: "others"))
            }
            return .success(bytes)
        }
    }

    // MARK: In the process of the images

    private static func serve(_ bytes: [UInt8]) -> [UInt8] {
        Isolation.closeDoors()
        var request = Message(bytes), response = Message()
        guard let channels = request.number(), let height = request.number(), let width = request.number(),
            let background = request.number(), let count = request.number()
        else { return [] }
        for _ in 0..<count {
            guard let orientation = request.number(), let file = request.take() else { break }
            let form = image_form_t(
                channels: Int32(channels), height: Int32(height), width: Int32(width), orientation: Int32(orientation),
                background: Int32(background))
            switch decode(file, form) {
            case .success(let pixels):
                response.append(1)
                response.append(pixels)
            case .failure(let problem):
                response.append(0)
                response.append(Array(problem.found.utf8))
            }
        }
        return response.bytes
    }

    private static func decode(_ file: [UInt8], _ form: image_form_t) -> Answer {
        var image = unsafe image_t(), message = [CChar](repeating: 0, count: Int(IMAGES_MESSAGE_SIZE))
        let isDone = unsafe file.withUnsafeBufferPointer { bytes in
            unsafe image_decode(bytes.baseAddress, bytes.count, form, &image, &message) == 0
        }
        guard isDone, let pixels = unsafe image.pixels else {
            let text = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            return .failure(ImageProblem(expected: "", found: String(decoding: text, as: UTF8.self)))
        }
        defer { unsafe image_free(&image) }
        let count = unsafe Int(image.height) * Int(image.width) * Int(image.channels)
        return .success(unsafe Array(UnsafeBufferPointer(start: pixels, count: count)))
    }
}

/// Numbers and runs of bytes one after another.
private struct Message {
    private(set) var bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8] = []) { self.bytes = bytes }

    mutating func append(_ number: Int) {
        for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
    }

    mutating func append(_ content: [UInt8]) {
        append(content.count)
        bytes += content
    }

    /// The next number; nil if there is none.
    mutating func number() -> Int? {
        guard place + 4 <= bytes.count else { return nil }
        let value = bytes[place..<(place + 4)].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        place += 4
        return Int(Int32(bitPattern: value))
    }

    /// The next run of bytes; nil if it is not there.
    mutating func take() -> [UInt8]? {
        guard let count = number(), count >= 0, place + count <= bytes.count else { return nil }
        place += count
        return Array(bytes[(place - count)..<place])
    }
}
