// swift-tools-version: 6.2
import PackageDescription

// Apart from the program's own package: nobody but the fuzzer needs its instrumentation.
let package = Package(
    name: "Fuzzing",
    dependencies: [.package(name: "compress", path: "../..")],
    targets: [
        .executableTarget(
            name: "fuzz-architecture", dependencies: [.product(name: "Compression", package: "compress")],
            swiftSettings: [.unsafeFlags(["-parse-as-library"])])
    ]
)
