/// The architectures in this folder, as they are part of the program: `--student NAME` finds them wherever it runs.
public enum Students {
    private static let files: [String: [UInt8]] = [
        "bag-of-frames": PackageResources.bag_of_frames_yaml,
        "conv": PackageResources.conv_yaml,
        "crnn": PackageResources.crnn_yaml,
        "mlp": PackageResources.mlp_yaml,
        "rnn": PackageResources.rnn_yaml,
        "vgg": PackageResources.vgg_yaml,
    ]

    /// What `--student` takes, in the order of the alphabet.
    public static let names = files.keys.sorted()

    /// The text of a student's architecture file; nil if there is none of that name.
    public static func text(_ name: String) -> String? { files[name].map { String(decoding: $0, as: UTF8.self) } }
}
