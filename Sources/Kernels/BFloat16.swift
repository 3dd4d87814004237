import CVector
public import Tensors

/// Rounds to bfloat16, the upper half of a float32: to the nearest, ties to even; what is no number stays none.
public func roundToBFloat16(_ x: Tensor) { unsafe cv_round_bfloat16(x.elementCount, x.base) }

/// Writes numbers as bfloat16, two of them in each element of `packed`, which has half as many, rounded up.
public func packBFloat16(_ x: Tensor, into packed: Tensor) {
    precondition(packed.elementCount == (x.elementCount + 1) / 2)
    unsafe packed.base.withMemoryRebound(to: UInt16.self, capacity: x.elementCount) {
        unsafe cv_pack_bfloat16(x.elementCount, x.base, $0)
    }
}

/// Reads the numbers that `packBFloat16` has written.
public func unpackBFloat16(_ packed: Tensor, into x: Tensor) {
    precondition(packed.elementCount == (x.elementCount + 1) / 2)
    unsafe packed.base.withMemoryRebound(to: UInt16.self, capacity: x.elementCount) {
        unsafe cv_unpack_bfloat16(x.elementCount, $0, x.base)
    }
}
