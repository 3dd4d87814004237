import Foundation

/// log(1 + eˣ) without overflow.
func softplus(_ x: Float) -> Float { log1p(exp(-abs(x))) + max(x, 0) }
func sigmoid(_ x: Float) -> Float { 1 / (1 + exp(-x)) }
