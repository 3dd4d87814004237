// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "Benchmarks",
    dependencies: [.package(name: "compress", path: "../..")],
    targets: [
        .executableTarget(name: "benchmark", dependencies: [.product(name: "Compression", package: "compress")])
    ]
)
