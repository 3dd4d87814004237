public import Tensors

/// Pictures of another size: (…, H, W, C), or (H, W), to those of `y`.
///
/// A place of the result is where its center lies in the picture, (i + ½) · H / H′ − ½; between four pixels their values
/// are weighed by distance, and `isNearest` takes one of them instead. Small pictures of large ones are not smoothed. Keras's
/// `Resizing` and TensorFlow's `tf.image.resize` compute the same, in the same precision.
public func resizePictures(_ x: Tensor, isNearest: Bool, into y: Tensor) {
    let rank = x.shape.rank
    precondition(rank >= 2 && y.shape.rank == rank && x.count == y.count, "\(x.shape) cannot be resized to \(y.shape)")
    let channels = rank == 2 ? 1 : x.shape.channels, first = max(rank - 3, 0)
    let pictures = x.count * x.shape.axes[..<first].reduce(1, *)
    let (height, width) = (x.shape[first], x.shape[first + 1])
    let rows = taps(height, y.shape[first], isNearest), columns = taps(width, y.shape[first + 1], isNearest)
    x.withSpan { x in
        y.withMutableSpan { y in
            var place = 0
            for picture in 0..<pictures {
                for row in rows {
                    let top = (picture * height + row.lower) * width, bottom = (picture * height + row.upper) * width
                    for column in columns {
                        let (left, right) = (column.lower * channels, column.upper * channels)
                        for channel in 0..<channels {
                            let above = mix(
                                x[top * channels + left + channel], x[top * channels + right + channel], column.share)
                            let below = mix(
                                x[bottom * channels + left + channel], x[bottom * channels + right + channel],
                                column.share)
                            y[place] = mix(above, below, row.share)
                            place += 1
                        }
                    }
                }
            }
        }
    }
}

private func mix(_ a: Float, _ b: Float, _ share: Float) -> Float { a + (b - a) * share }

/// For each place of the result, the two pixels that it lies between, and how near it is to the second.
private func taps(_ count: Int, _ resultCount: Int, _ isNearest: Bool) -> [(lower: Int, upper: Int, share: Float)] {
    let scale = Float(count) / Float(resultCount)
    return (0..<resultCount).map { index in
        let center = (Float(index) + 0.5) * scale
        if isNearest {
            let pixel = min(Int(center), count - 1)
            return (pixel, pixel, 0)
        }
        let place = center - 0.5, below = place.rounded(.down)
        return (max(Int(below), 0), min(Int(place.rounded(.up)), count - 1), place - below)
    }
}
