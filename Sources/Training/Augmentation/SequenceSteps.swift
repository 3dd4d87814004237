import Tensors

/// What is done to frames along the first axis, in place; `Augmentation.Step` has the formulas.
extension Example {
    func shift(limit: Int, key: RandomKey) {
        let reach = min(limit, length - 1)
        guard reach > 0 else { return }
        let later = key.integer(0, below: 2 * reach + 1) - reach
        if later > 0 {
            move(0..<(length - later), to: later)
            blank(0..<later)
        } else if later < 0 {
            move(-later..<length, to: 0)
            blank((length + later)..<length)
        }
    }

    mutating func dropFrames(rate: Double, key: RandomKey) {
        var kept = (0..<length).filter { key.uniform($0) >= rate }
        if kept.isEmpty && length > 0 { kept = [key.integer(length, below: length)] }
        for (place, frame) in kept.enumerated() where place != frame { move(frame..<(frame + 1), to: place) }
        length = kept.count
        blank(length..<frameCount)
    }

    func addNoise(deviation: Float, key: RandomKey) {
        let places = places(0..<length), half = places.count / 2
        values.withMutableSpan { values in
            // Each pair of normal numbers serves two places, half of the example apart.
            for index in 0..<(places.count - half) {
                let (first, second) = key.normals(index)
                values[places.lowerBound + index] += deviation * Float(first)
                if index < half { values[places.upperBound - half + index] += deviation * Float(second) }
            }
        }
    }
}
