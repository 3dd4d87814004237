import Tensors

/// What is done to images (H, W, C), in place; `Augmentation.Step` has the formulas.
extension Example {
    func crop(padding: Int, key: RandomKey) {
        let height = values.shape[0], width = values.shape[1], channels = values.shape[2]
        let down = key.integer(0, below: 2 * padding + 1) - padding
        let right = key.integer(1, below: 2 * padding + 1) - padding
        let before = max(-right, 0) * channels, kept = (width - abs(right)) * channels
        for step in 0..<height {
            // In the order in which no row is overwritten before it is read.
            let row = down >= 0 ? step : height - 1 - step, place = start + row * frameSize
            guard (0..<height).contains(row + down) else {
                blank(row..<(row + 1))
                continue
            }
            let origin = start + (row + down) * frameSize + max(right, 0) * channels
            values.copy(origin..<(origin + kept), of: values, to: place + before)
            clear(place..<(place + before))
            clear((place + before + kept)..<(place + frameSize))
        }
    }

    func flip(key: RandomKey) {
        guard key.integer(0, below: 2) == 1 else { return }
        let channels = values.shape[2]
        values.withMutableSpan { values in
            for row in 0..<frameCount {
                var left = start + row * frameSize, right = left + frameSize - channels
                while left < right {
                    for channel in 0..<channels { values.swapAt(left + channel, right + channel) }
                    left += channels
                    right -= channels
                }
            }
        }
    }

    func cutOut(side: Int, key: RandomKey) {
        let height = values.shape[0], width = values.shape[1], channels = values.shape[2]
        let top = key.integer(0, below: height) - side / 2, left = key.integer(1, below: width) - side / 2
        let first = max(left, 0) * channels, last = min(left + side, width) * channels
        for row in max(top, 0)..<min(top + side, height) {
            let place = start + row * frameSize
            clear((place + first)..<(place + last))
        }
    }
}
