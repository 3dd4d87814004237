// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "Benchmarks",
    // Passed on to the package measured, so that Tools/build-flags serves both.
    traits: [.default(enabledTraits: ["OneDNN"]), .trait(name: "OneDNN")],
    dependencies: [
        .package(
            name: "compress", path: "../..", traits: [.trait(name: "OneDNN", condition: .when(traits: ["OneDNN"]))])
    ],
    targets: [
        .executableTarget(name: "benchmark", dependencies: [.product(name: "Compression", package: "compress")])
    ]
)
