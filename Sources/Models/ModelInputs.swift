public import Datasets
public import ModelFiles
public import Tensors

/// How examples become what a model takes: for each of its inputs a dataset, perhaps a part of its last axis, and steps.
///
/// Without rules an input takes the dataset of its own name; the only input of a model else takes the first dataset, x, and
/// several inputs take those datasets that fit them, where there is one way to do so. In the end axes of size 1 may come
/// and go.
public struct ModelInputs: Hashable, Sendable {
    public struct Binding: Hashable, Sendable {
        public let input: Architecture.Input
        public let dataset: ExampleInput
        /// The dataset's place among those that there are.
        let place: Int
        /// The part of the dataset's last axis.
        public let part: Range<Int>
        public let steps: [InputStep]
        /// The shapes of an example before the first step, and after each.
        public let shapes: [Shape]
        /// The shape in which the model takes it.
        public let shape: Shape

        /// Whether nothing is done to the numbers.
        var isPlain: Bool { steps.isEmpty && part.count == dataset.shape.last }

        /// `x`, or `x[0..1024]`.
        public var source: String {
            part.count == dataset.shape.last ? dataset.name : "\(dataset.name)[\(part.lowerBound)..\(part.upperBound)]"
        }
    }

    /// One for each input of the model, in its order.
    public let bindings: [Binding]
    /// The places of the datasets that are read, each once.
    public let datasets: [Int]

    /// The shapes of the model's inputs.
    public var shapes: [Shape] { bindings.map(\.shape) }

    /// Finds what each input is fed with.
    ///
    /// - Parameters:
    ///   - datasets: What there is, x or its like first.
    ///   - inOrder: Whether the datasets are the model's inputs in its order, whatever their names.
    ///   - holder: Where the datasets are, as a sentence begins: `'digits.h5' has`.
    ///   - option: What rules are called, in advice: `--teacher-input conv=`.
    /// - Throws: `ModelFileError` with everything that does not fit.
    public init(
        _ architecture: Architecture, _ datasets: [ExampleInput], inOrder: Bool = false, rules: InputRules?,
        holder: String, option: String
    ) throws(ModelFileError) {
        var search = InputMatcher(
            inputs: architecture.inputs, datasets: datasets, inOrder: inOrder, rules: rules ?? InputRules(),
            holder: holder, option: option)
        let bindings = search.bindings()
        guard let bindings, search.problems.isEmpty else {
            throw ModelFileError(.refused, architecture.origin, search.problems)
        }
        self.bindings = bindings
        self.datasets = bindings.reduce(into: []) { places, binding in
            if !places.contains(binding.place) { places.append(binding.place) }
        }
    }

    /// Whether the model sees its first dataset as it is.
    var isPlain: Bool { bindings.count == 1 && bindings[0].dataset.name == "x" && bindings[0].isPlain }

    /// Fills a model's inputs with examples.
    ///
    /// - Parameter read: Reads the examples of the dataset at a position of `datasets`.
    public func fill(_ inputs: [Tensor], read: (_ position: Int, _ into: Tensor) -> Void) {
        for (position, dataset) in datasets.enumerated() {
            let users = bindings.indices.filter { bindings[$0].place == dataset }
            if users.count == 1, bindings[users[0]].isPlain {
                read(position, inputs[users[0]])
                continue
            }
            let shape = Shape(bindings[users[0]].dataset.shape), count = inputs[users[0]].count
            let examples = Buffer(zeros: count * shape.elementCount).tensor.viewed(count: count, shape: shape)
            read(position, examples)
            for user in users { bindings[user].fill(inputs[user], with: examples) }
        }
    }
}

extension ModelInputs.Binding {
    fileprivate func fill(_ input: Tensor, with examples: Tensor) {
        func memory(_ shape: Shape) -> Tensor {
            Buffer(zeros: input.count * shape.elementCount).tensor.viewed(count: input.count, shape: shape)
        }
        var value = examples
        if part.count < examples.shape.channels {
            let cut = memory(shapes[0])
            InputStep.channels(Array(part)).apply(value, into: cut)
            value = cut
        }
        for (step, shape) in zip(steps, shapes.dropFirst()) {
            let next = memory(shape)
            step.apply(value, into: next)
            value = next
        }
        input.copy(from: value)
    }
}
