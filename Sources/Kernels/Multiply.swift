import COpenBLAS
public import Tensors

#if OneDNN
    import COneDNN
#endif

extension KernelContext {
    /// C = A·B, or C += A·B when `adding`; C is never transposed.
    public func multiply(_ a: Matrix, _ b: Matrix, into c: Matrix, adding: Bool = false) {
        precondition(
            a.columns == b.rows && a.rows == c.rows && b.columns == c.columns && !c.isTransposed,
            "(\(a.rows) × \(a.columns)) · (\(b.rows) × \(b.columns)) does not give \(c.rows) × \(c.columns)")
        guard c.rows > 0, c.columns > 0 else { return }
        #if OneDNN
            if library == .oneDNN {
                let status = unsafe dnnl_sgemm(
                    CChar(UInt8(ascii: a.isTransposed ? "T" : "N")), CChar(UInt8(ascii: b.isTransposed ? "T" : "N")),
                    Int64(a.rows), Int64(b.columns), Int64(a.columns), 1, a.base, Int64(a.stride), b.base,
                    Int64(b.stride), adding ? 1 : 0, c.base, Int64(c.stride))
                precondition(status == dnnl_success, "oneDNN's sgemm failed with status \(status.rawValue)")
                return
            }
        #endif
        unsafe cblas_sgemm(
            CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans, b.isTransposed ? CblasTrans : CblasNoTrans,
            blasint(a.rows), blasint(b.columns), blasint(a.columns), 1, a.base, blasint(a.stride), b.base,
            blasint(b.stride), adding ? 1 : 0, c.base, blasint(c.stride))
    }
}
