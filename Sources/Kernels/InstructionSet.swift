import COpenBLAS
import CVector

#if OneDNN
    import COneDNN
#endif

/// Which instructions of the processor the kernels use, and by which libraries: what their last bits depend on.
///
/// Another processor, or a variable such as `DNNL_MAX_CPU_ISA` or `OPENBLAS_CORETYPE`, may give others.
public func instructionSet() -> String { found }

/// Found out once: OpenBLAS writes its configuration into memory that all threads share, so that two at a time get a mixture.
private let found: String = {
    var parts = ["vectors \(unsafe String(cString: cv_instruction_set()))"]
    #if OneDNN
        if KernelLibrary.available.contains(.oneDNN), let version = unsafe dnnl_version() {
            let (major, minor, patch) = unsafe (version.pointee.major, version.pointee.minor, version.pointee.patch)
            parts.append("oneDNN \(major).\(minor).\(patch) \(instructionSetName(dnnl_get_effective_cpu_isa()))")
        }
    #endif
    // The configuration names the version, the options it was built with and the kind of processor it works for.
    if let configuration = unsafe openblas_get_config() {
        parts.append(unsafe String(cString: configuration).split(separator: " ").joined(separator: " "))
    }
    if let core = unsafe openblas_get_corename() { parts.append(unsafe String(cString: core)) }
    return parts.joined(separator: ", ")
}()

#if OneDNN
    private func instructionSetName(_ set: dnnl_cpu_isa_t) -> String {
        switch set {
        case dnnl_cpu_isa_sse41: "SSE4.1"
        case dnnl_cpu_isa_avx: "AVX"
        case dnnl_cpu_isa_avx2: "AVX2"
        case dnnl_cpu_isa_avx512_core: "AVX-512"
        case dnnl_cpu_isa_avx512_core_vnni: "AVX-512 VNNI"
        case dnnl_cpu_isa_avx512_core_bf16: "AVX-512 BF16"
        default: "set \(set.rawValue)"
        }
    }
#endif
