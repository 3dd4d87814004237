import ModelFiles
import Tensors

/// Called by libFuzzer with one text after another, each made to reach code that none before it did.
///
/// The text is an architecture, as JSON if it begins with a brace and as YAML otherwise: whatever it says, it becomes a
/// graph and a plan of its file, or an error.
@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    do {
        let architecture =
            text.hasPrefix("{")
            ? try Architecture(kerasConfiguration: text, origin: "fuzz.json")
            : try ArchitectureFile(parsing: text, path: "fuzz.yaml").architecture(classes: 3)
        let inputs = architecture.inputs.map { Shape($0.axes.map { $0 ?? 8 }) }
        let built = try architecture.graph(inputs: inputs)
        // Writing it without numbers takes no memory for them.
        if built.graph.layout.extent < 1 << 20 { _ = try ExportPlan(built) }
    } catch {}
    return 0
}

/// SwiftPM gives every executable's entry a name of its own; libFuzzer's `main` is called from there.
@_cdecl("fuzz_architecture_main")
public func main(
    _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> CInt {
    var count = count, arguments = arguments
    return runDriver(&count, &arguments, test)
}

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: inout CInt, _ arguments: inout UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
    _ test: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt
