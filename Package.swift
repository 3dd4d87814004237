// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
]

/// A library target in `Sources/NAME`.
func library(
    _ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource]? = nil,
    settings: [SwiftSetting] = []
) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict + settings)
}

/// A C library of the system, seen through `Sources/NAME/module.modulemap`.
func system(_ name: String, pkgConfig: String? = nil, package: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([package])])
}

/// What tests, reports and the command line call is optimized; they themselves are not, and compile in half of the time.
let unoptimized: [SwiftSetting] = [.unsafeFlags(["-Onone"])]
let forTests: [SwiftSetting] = [.enableUpcomingFeature("ExistentialAny")] + unoptimized

/// The tests of the target of the same name, in `Tests/NAMETests`; their fixtures are opened where they lie.
func tests(_ name: String, _ dependencies: [Target.Dependency] = [], hasFixtures: Bool = false) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.byName(name: name)] + dependencies,
        exclude: hasFixtures ? ["Fixtures"] : [], swiftSettings: forTests)
}

let package = Package(
    name: "compress",
    products: [
        .executable(name: "compress", targets: ["compress"]),
        .library(
            name: "Compression",
            targets: [
                "Storage", "HDF5", "Records", "Tensors", "Ranks", "Kernels", "Networks", "Training", "ModelFiles",
                "Datasets", "Models", "Distillation", "Reports",
            ]),
    ],
    traits: [
        .default(enabledTraits: ["OneDNN"]),
        .trait(name: "OneDNN", description: "Convolutions and matrix products by oneDNN (else OpenBLAS alone)."),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        system("CHDF5", pkgConfig: "hdf5-serial", package: "libhdf5-dev"),
        system("CZlib", pkgConfig: "zlib", package: "zlib1g-dev"),
        system("CPNG", pkgConfig: "libpng", package: "libpng-dev"),
        system("CJPEG", pkgConfig: "libjpeg", package: "libjpeg-dev"),
        system("COpenSSL", pkgConfig: "libcrypto", package: "libssl-dev"),
        system("COpenBLAS", pkgConfig: "openblas", package: "libopenblas-dev"),
        system("COneDNN", package: "libdnnl-dev"),
        .target(name: "CVector"),
        .target(name: "CIsolation"),
        .target(name: "CMPI", linkerSettings: [.linkedLibrary("dl")]),
        .target(name: "CImages", dependencies: ["CPNG", "CJPEG"]),

        library("Isolation", ["CIsolation"]),
        library("Tensors"),
        library("Threads"),
        library(
            "Kernels",
            [
                "Tensors", "CVector", "COpenBLAS", .target(name: "COneDNN", condition: .when(traits: ["OneDNN"])),
            ]),
        library("Ranks", ["CMPI"]),
        library("Networks", ["Tensors", "Threads", "Ranks", "Kernels"]),
        library("Storage", ["COpenSSL"]),
        library("HDF5", ["CHDF5", "CZlib", "CIsolation", "Storage"]),
        library("Deflate"),
        library("Gzip", ["Storage", "CZlib"]),
        library("Zip", ["CZlib", "Storage"]),
        library("Records", ["Gzip", "CVector", "Storage"]),
        library("Protobuf"),
        library("Images", ["CImages", "Isolation", "Storage"]),
        library(
            "Datasets", ["Storage", "HDF5", "Gzip", "Zip", "Records", "Protobuf", "Isolation", "Threads", "Images"]),
        library(
            "ModelFiles",
            [
                "Storage", "HDF5", "Deflate", "Zip", "Protobuf", "Isolation", "Tensors", "Kernels", "Networks",
                .product(name: "Yams", package: "Yams"),
            ]),
        .target(
            name: "Students", path: "Architectures/students", exclude: ["mixture.yaml"],
            resources: ["bag-of-frames", "conv", "crnn", "mlp", "rnn", "vgg"].map { .embedInCode("\($0).yaml") },
            swiftSettings: strict),
        library(
            "Training",
            ["Storage", "Tensors", "Ranks", "Kernels", "Networks", "Datasets", "HDF5", "Records", "Protobuf"]),
        library("Models", ["Storage", "HDF5", "Tensors", "Kernels", "Networks", "Datasets", "ModelFiles", "Training"]),

        library(
            "Distillation",
            [
                "Storage", "Tensors", "Ranks", "Kernels", "Networks", "Training", "ModelFiles", "Models", "Datasets",
                "HDF5", "Records", "Students",
            ]),
        library(
            "Reports", ["Deflate", "Tensors", "Datasets", "ModelFiles", "Models", "Training", "Distillation"],
            settings: unoptimized),
        .executableTarget(
            name: "compress",
            dependencies: [
                "Storage", "HDF5", "Gzip", "Zip", "Records", "Isolation", "Images", "Tensors", "Ranks", "Kernels",
                "Networks",
                "ModelFiles", "Models", "Datasets", "Training", "Distillation", "Reports",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict + unoptimized),

        .target(
            name: "TestSupport",
            dependencies: ["HDF5", "Tensors", "Ranks", "Kernels", "Networks", "ModelFiles", "Datasets", "Training"],
            path: "Tests/TestSupport"),

        .executableTarget(name: "IsolationProbe", dependencies: ["Isolation"], path: "Tests/IsolationProbe"),

        tests("Tensors"),
        tests("Ranks", ["TestSupport"]),
        tests("Kernels", ["Tensors"]),
        tests("Networks", ["Tensors", "Kernels", "TestSupport"]),
        tests("Storage"),
        tests("HDF5", hasFixtures: true),
        tests("Deflate", ["CZlib"]),
        tests("Gzip"),
        tests("Zip"),
        tests("Records", ["Storage"], hasFixtures: true),
        tests("Protobuf"),
        tests("Isolation", ["IsolationProbe"]),
        tests("Datasets", ["CZlib", "HDF5", "Images", "Zip", "Records"], hasFixtures: true),
        tests("ModelFiles", ["Storage", "HDF5", "Protobuf", "Tensors", "Kernels", "Networks"], hasFixtures: true),
        tests(
            "Training",
            [
                "Storage", "HDF5", "Records", "Tensors", "Ranks", "Kernels", "Networks", "ModelFiles", "Datasets",
                "TestSupport",
            ],
            hasFixtures: true),
        tests(
            "Models",
            ["Storage", "HDF5", "Tensors", "Kernels", "Networks", "ModelFiles", "Datasets", "Training", "TestSupport"],
            hasFixtures: true),
        tests(
            "Distillation",
            [
                "HDF5", "Students", "Tensors", "Kernels", "Networks", "ModelFiles", "Models", "Datasets", "Training",
                "TestSupport",
            ],
            hasFixtures: true),
        tests("Reports", ["Tensors", "ModelFiles", "Models", "Training"]),
        .testTarget(
            name: "EndToEndTests", dependencies: ["compress", "HDF5", "ModelFiles", "Networks", "Tensors", "Zip"],
            exclude: ["Hostile"], swiftSettings: forTests),
    ]
)

// Tools/check makes every warning of ours an error; whoever only builds, perhaps with a later compiler, is not stopped.
// Tests are left out: what the macros of Swift Testing expand to has warnings of its own.
if Context.environment["COMPRESS_CHECK"] != nil {
    for target in package.targets where target.type != .system && target.type != .test {
        target.swiftSettings = (target.swiftSettings ?? []) + [.treatAllWarnings(as: .error)]
        target.cSettings = (target.cSettings ?? []) + [.treatAllWarnings(as: .error)]
    }
}
