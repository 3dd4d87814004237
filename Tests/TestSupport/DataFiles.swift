import HDF5
public import Tensors

/// A data file whose examples lie around a centre for each class, so that there is something to learn.
public struct DataFile {
    public var shape: Shape
    public var classes: Int
    public var train: Int, test: Int
    /// Examples of a group of their own; otherwise a part of train is held out.
    public var validation: Int?
    /// Whether each example has any number of labels, rather than one class.
    public var hasManyLabels = false
    /// How far examples are from their centre; centres are up to 1 from 0.
    public var noise = 0.6
    public var seed = 1
    /// Changes the inputs of a split.
    public var change: (_ split: String, _ x: inout [Float]) -> Void = { _, _ in }

    public init(_ shape: Shape = [6], classes: Int = 3, train: Int = 60, test: Int = 20, validation: Int? = nil) {
        (self.shape, self.classes, self.train, self.test, self.validation) = (shape, classes, train, test, validation)
    }

    /// The class of a row, or for many labels whether it has a label.
    private func label(_ key: RandomKey, _ row: Int, _ name: Int) -> Bool {
        hasManyLabels ? key[row].uniform(name) < 0.4 : key[row].integer(0, below: classes) == name
    }

    public func write(to path: String) throws {
        let file = try HDF5File(creating: path)
        try file.root.attributes.write((0..<classes).map { "class \($0)" }, to: "classes")
        for (name, count) in [("train", train), ("test", test), ("validation", validation ?? 0)] where count > 0 {
            let key = RandomKey(seed: seed)[name.utf8.reduce(0) { $0 * 31 + Int($1) }], labelKey = key[-1]
            var x: [Float] = []
            for row in 0..<count {
                let centres = (0..<classes).filter { label(labelKey, row, $0) }.map { RandomKey(seed: seed)[$0] }
                for element in 0..<shape.elementCount {
                    let centre = centres.reduce(0) { $0 + $1.uniform(element) * 2 - 1 }
                    x.append(Float(centre + noise * (key[row].uniform(element) * 2 - 1)))
                }
            }
            change(name, &x)
            try file.root.createDataset("\(name)/x", x, shape: [count] + shape.axes)
            if hasManyLabels {
                let y = (0..<count).flatMap { row in (0..<classes).map { label(labelKey, row, $0) ? UInt8(1) : 0 } }
                try file.root.createDataset("\(name)/y", y, shape: [count, classes])
            } else {
                let y = (0..<count).map { row in (0..<classes).first { label(labelKey, row, $0) } ?? 0 }
                try file.root.createDataset("\(name)/y", y, shape: [count], type: .int64)
            }
        }
        try file.close()
    }
}

/// A data file of given examples, which are its training, its validation and its test split.
public func writeExamples(_ x: [[Float]], shape: Shape, classes: [Int], names: Int, to path: String) throws {
    let file = try HDF5File(creating: path)
    try file.root.attributes.write((0..<names).map { "class \($0)" }, to: "classes")
    for split in ["train", "validation", "test"] {
        try file.root.createDataset("\(split)/x", x.flatMap(\.self), shape: [x.count] + shape.axes)
        try file.root.createDataset("\(split)/y", classes, shape: [x.count], type: .int64)
    }
    try file.close()
}

/// The same with any number of labels for each example.
public func writeExamples(_ x: [[Float]], shape: Shape, labels: [[UInt8]], to path: String) throws {
    let file = try HDF5File(creating: path)
    for split in ["train", "validation", "test"] {
        try file.root.createDataset("\(split)/x", x.flatMap(\.self), shape: [x.count] + shape.axes)
        try file.root.createDataset("\(split)/y", labels.flatMap(\.self), shape: [x.count, labels[0].count])
    }
    try file.close()
}
