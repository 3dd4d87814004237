import HDF5

/// Some examples, ready to be converted into memory that someone else owns.
///
/// It is a value that never changes: several threads may each convert their own shard of it.
public struct ExampleBatch: Sendable {
    /// The windows that hold its examples, in order of their positions.
    let windows: [LoadedWindow]
    /// Which positions of the epoch it holds.
    let positions: Range<Int>
    public let split: ExampleSplit

    public var count: Int { positions.count }

    /// The row of the file that an example lies in.
    public func row(_ example: Int) -> Int {
        let (window, slot) = locate(example)
        return window.data.rows[slot]
    }

    /// Converts the inputs of some of the examples, one after the other: x·scale + offset, and 0 behind the true length.
    ///
    /// - Parameter position: Which of the datasets that the split reads.
    public func readInputs(_ examples: Range<Int>, of position: Int = 0, into inputs: inout MutableSpan<Float>) {
        let source = split.inputs[position], width = source.dataset.elementsPerRow
        check(examples, inputs.count, width)
        let frameCounts = split.source.frameCounts(of: source), frameWidth = source.elementsPerFrame
        for (index, example) in examples.enumerated() {
            let (window, slot) = locate(example)
            let real = frameCounts.map { Int($0[window.data.rows[slot]]) * frameWidth } ?? width
            var output = inputs._mutatingExtracting((index * width)..<(index * width + real))
            let range = (slot * width)..<(slot * width + real)
            switch window.data.inputs[position] {
            case .uint8(let values): convert(values.span.extracting(range), into: &output)
            case .float16(let values): widen(values.span.extracting(range), into: &output)
            case .float32(let values): convert(values.span.extracting(range), into: &output)
            }
            source.scaling.apply(to: &output)
            var padding = inputs._mutatingExtracting((index * width + real)..<((index + 1) * width))
            padding.update(repeating: 0)
        }
    }

    /// Writes a row for each example with 1 for each of its labels and 0 elsewhere.
    public func readLabels(_ examples: Range<Int>, into labels: inout MutableSpan<Float>) {
        let width = split.classCount
        check(examples, labels.count, width)
        for (index, example) in examples.enumerated() {
            let (window, slot) = locate(example)
            var output = labels._mutatingExtracting((index * width)..<((index + 1) * width))
            if split.labelKind == .multilabel {
                let all = window.data.labels
                convert(all.span.extracting((slot * width)..<((slot + 1) * width)), into: &output)
            } else {
                output.update(repeating: 0)
                output[Int(split.source.labels[window.data.rows[slot]])] = 1
            }
        }
    }

    /// Writes the number of each example's class.
    public func readClasses(_ examples: Range<Int>, into classes: inout MutableSpan<Int32>) {
        precondition(split.labelKind == .multiclass, "a multi-label example has no single class")
        check(examples, classes.count, 1)
        for (index, example) in examples.enumerated() {
            classes[index] = split.source.labels[row(example)]
        }
    }

    /// Writes how many frames of each example are real; all of them if the file has no lengths.
    public func readFrameCounts(_ examples: Range<Int>, into counts: inout MutableSpan<Int32>) {
        check(examples, counts.count, 1)
        let all = Int32(split.exampleShape[0])
        for (index, example) in examples.enumerated() {
            counts[index] = split.source.frameCounts?[row(example)] ?? all
        }
    }

    private func check(_ examples: Range<Int>, _ count: Int, _ width: Int) {
        precondition(
            examples.lowerBound >= 0 && examples.upperBound <= self.count, "examples \(examples) of \(self.count)")
        precondition(count == examples.count * width, "\(examples.count) rows of \(width) do not fit \(count) places")
    }

    private func locate(_ example: Int) -> (window: LoadedWindow, slot: Int) {
        let position = positions.lowerBound + example
        var index = 0
        while windows[index].positions.upperBound <= position {
            index += 1
        }
        let window = windows[index]
        return (window, Int(window.slots[position - window.positions.lowerBound]))
    }
}

// MARK: - Conversion: loops that the compiler turns into vector instructions

private func convert(_ values: Span<UInt8>, into output: inout MutableSpan<Float>) {
    precondition(values.count == output.count, "unequal counts")
    for index in values.indices { output[index] = Float(values[index]) }
}

private func convert(_ values: Span<Float>, into output: inout MutableSpan<Float>) {
    precondition(values.count == output.count, "unequal counts")
    for index in values.indices { output[index] = values[index] }
}
