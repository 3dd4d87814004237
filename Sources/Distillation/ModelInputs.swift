public import Datasets
public import ModelFiles
public import Tensors

/// How examples become what a model takes: for each of its inputs a dataset, perhaps a part of its last axis, and steps.
///
/// Without rules an input takes the dataset of its own name; the only input of a model else takes the first dataset, x, and
/// several inputs take those datasets that fit them, where there is one way to do so. In the end axes of size 1 may come
/// and go.
public struct ModelInputs: Hashable, Sendable {
    public struct Feed: Hashable, Sendable {
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
    public let feeds: [Feed]
    /// The places of the datasets that are read, each once.
    public let datasets: [Int]

    /// The shapes of the model's inputs.
    public var shapes: [Shape] { feeds.map(\.shape) }

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
        var search = FeedSearch(
            inputs: architecture.inputs, datasets: datasets, inOrder: inOrder, rules: rules ?? InputRules(),
            holder: holder, option: option)
        let feeds = search.feeds()
        guard let feeds, search.problems.isEmpty else {
            throw ModelFileError(.refused, architecture.origin, search.problems)
        }
        self.feeds = feeds
        self.datasets = feeds.reduce(into: []) { places, feed in
            if !places.contains(feed.place) { places.append(feed.place) }
        }
    }

    /// Whether the model sees its first dataset as it is.
    var isPlain: Bool { feeds.count == 1 && feeds[0].dataset.name == "x" && feeds[0].isPlain }

    /// Fills a model's inputs with examples.
    ///
    /// - Parameter read: Reads the examples of the dataset at a position of `datasets`.
    public func fill(_ inputs: [Tensor], read: (_ position: Int, _ into: Tensor) -> Void) {
        for (position, dataset) in datasets.enumerated() {
            let users = feeds.indices.filter { feeds[$0].place == dataset }
            if users.count == 1, feeds[users[0]].isPlain {
                read(position, inputs[users[0]])
                continue
            }
            let shape = Shape(feeds[users[0]].dataset.shape), count = inputs[users[0]].count
            let examples = Buffer(zeros: count * shape.elementCount).tensor.viewed(count: count, shape: shape)
            read(position, examples)
            for user in users { feeds[user].fill(inputs[user], with: examples) }
        }
    }
}

extension ModelInputs.Feed {
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

// MARK: - Finding datasets

private struct FeedSearch {
    let inputs: [Architecture.Input]
    let datasets: [ExampleInput]
    let inOrder: Bool
    let rules: InputRules
    let holder: String
    let option: String
    var problems: [String] = []

    mutating func feeds() -> [ModelInputs.Feed]? {
        if !rules.feeds.isEmpty { return ruled() }
        if inOrder {
            guard datasets.count == inputs.count else { return refuse(wants) }
            return all(zip(inputs, datasets.indices).map { feed($0, $1, nil, rules.steps) })
        }
        guard inputs.count > 1 else {
            let named = datasets.firstIndex { $0.name == inputs.first?.name } ?? 0
            return all(inputs.map { feed($0, named, nil, rules.steps) })
        }
        let ways = ways(from: 0, taken: [])
        guard ways.count == 1 else {
            let parts = partsInWords
            return refuse(
                wants + (ways.isEmpty ? "" : ", which fit in \(ways.count) ways")
                    + (parts.isEmpty ? "; say which with \(option)INPUT:DATASET,…" : "; \(option)\(parts) would fit"))
        }
        return all(zip(inputs, ways[0]).map { feed($0, $1, nil, rules.steps) })
    }

    private func all(_ feeds: [ModelInputs.Feed?]) -> [ModelInputs.Feed]? {
        let found = feeds.compactMap(\.self)
        return found.count == feeds.count && found.count == inputs.count ? found : nil
    }

    private mutating func refuse(_ problem: String) -> [ModelInputs.Feed]? {
        problems.append(problem)
        return nil
    }

    private var wants: String {
        "takes \(inputs.count == 1 ? "" : "\(inputs.count) inputs, ")\(inputs.map(\.description).joined(separator: ", ")), "
            + "but \(holder) \(found)"
    }

    private var found: String { datasets.map { "\($0.name) \(Shape($0.shape))" }.joined(separator: ", ") }

    /// Every way to give the inputs datasets of their own that fit; a dataset of an input's name is that input's.
    private func ways(from position: Int, taken: [Int]) -> [[Int]] {
        guard position < inputs.count else { return [taken] }
        let names = Set(inputs.map(\.name)), input = inputs[position]
        let candidates = datasets.indices.filter { index in
            let dataset = datasets[index]
            if datasets.contains(where: { $0.name == input.name }) { return dataset.name == input.name }
            guard !taken.contains(index), !names.contains(dataset.name) else { return false }
            return Self.shapes(Shape(dataset.shape), rules.steps)?.last.flatMap {
                Architecture.fit($0.axes, to: input)
            } != nil
        }
        return candidates.flatMap { ways(from: position + 1, taken: taken + [$0]) }
    }

    private static func shapes(_ shape: Shape, _ steps: [InputStep]) -> [Shape]? {
        var shapes = [shape]
        for step in steps {
            guard let next = try? step.shape(after: shapes[shapes.count - 1]) else { return nil }
            shapes.append(next)
        }
        return shapes
    }

    // MARK: Rules

    private mutating func ruled() -> [ModelInputs.Feed]? {
        let named = rules.feeds.compactMap(\.input)
        for name in named where !inputs.contains(where: { $0.name == name }) {
            problems.append(
                "--teacher-input names the input '\(name)', but it takes "
                    + "\(inputs.map(\.description).joined(separator: ", "))\(didYouMean(name, inputs.map(\.name)))")
        }
        for name in Set(named).sorted() where named.count(where: { $0 == name }) > 1 {
            problems.append("--teacher-input feeds the input '\(name)' twice")
        }
        guard problems.isEmpty else { return nil }
        var rows: [(Architecture.Input, InputRules.Feed)] = []
        if named.isEmpty {
            guard rules.feeds.count == inputs.count else {
                return refuse("\(wants); --teacher-input names \(rules.feeds.count) datasets")
            }
            rows = Array(zip(inputs, rules.feeds))
        } else {
            for input in inputs {
                guard let rule = rules.feeds.first(where: { $0.input == input.name }) else {
                    problems.append("takes \(input) too, but --teacher-input names no dataset for it")
                    continue
                }
                rows.append((input, rule))
            }
        }
        let feeds = rows.map { input, rule -> ModelInputs.Feed? in
            guard let dataset = datasets.firstIndex(where: { $0.name == rule.dataset }) else {
                problems.append(
                    "--teacher-input names the dataset '\(rule.dataset)', but \(holder) \(found)"
                        + didYouMean(rule.dataset, datasets.map(\.name)))
                return nil
            }
            return feed(input, dataset, rule.part, rules.steps + rule.steps)
        }
        return all(feeds)
    }

    /// What feeds one input, or nil and what is wrong with it.
    private mutating func feed(
        _ input: Architecture.Input, _ place: Int, _ part: InputRules.Part?, _ steps: [InputStep]
    ) -> ModelInputs.Feed? {
        let dataset = datasets[place], whole = Shape(dataset.shape), from = part?.from ?? 0,
            to = part?.to ?? whole.channels
        guard from < to, to <= whole.channels else {
            problems.append(
                "--teacher-input takes \(dataset.name)\(part?.description ?? ""), but \(holder) "
                    + "\(dataset.name) \(whole)")
            return nil
        }
        var shapes = [whole.replacingChannels(with: to - from)]
        for step in steps {
            do throws(ShapeError) {
                shapes.append(try step.shape(after: shapes[shapes.count - 1]))
            } catch {
                problems.append("the step \(step) of --teacher-input \(error)")
                return nil
            }
        }
        guard let shape = Architecture.fit(shapes[shapes.count - 1].axes, to: input) else {
            problems.append(mismatch(input, dataset, shapes, steps, isWhole: part == nil))
            return nil
        }
        return ModelInputs.Feed(
            input: input, dataset: dataset, place: place, part: from..<to, steps: steps, shapes: shapes,
            shape: shape)
    }

    private func mismatch(
        _ input: Architecture.Input, _ dataset: ExampleInput, _ shapes: [Shape], _ steps: [InputStep], isWhole: Bool
    ) -> String {
        guard steps.isEmpty, isWhole else {
            let chain = shapes.map(\.description).joined(separator: " → ")
            return "takes \(input), but --teacher-input makes \(dataset.name) \(chain)"
        }
        let cure = Self.steps(from: shapes[0], to: input).map { $0.map(\.description).joined(separator: ",") }
        let target = inputs.count == 1 ? "" : "INPUT:DATASET,"
        return "takes \(input), but \(holder) \(dataset.name) \(shapes[0])"
            + (cure.map { "; \(option)\(target)\($0) would fit" } ?? "; say how they fit with \(option)\(target)…")
    }

    // MARK: Advice

    /// Steps that would make examples fit an input, if some are likely to be meant.
    private static func steps(from shape: Shape, to input: Architecture.Input) -> [InputStep]? {
        func fits(_ steps: [InputStep]) -> Bool {
            shapes(shape, steps)?.last.flatMap { Architecture.fit($0.axes, to: input) } != nil
        }
        // Pictures: rows, columns, then colors, or colors first. Two axes that differ may be frames and features.
        let axes = input.axes, isColorsFirst = axes.count == 3 && (axes[0] == 1 || axes[0] == 3) && axes[2] != axes[0]
        let channels = axes.count == 3 ? (isColorsFirst ? axes[0] : axes[2]) : 1
        let first: [InputStep] = shape.rank == 2 ? [.reshape([shape[0], shape[1], 1])] : []
        var colors: [InputStep] = []
        if let channels, shape.rank == 2 || shape.channels == 1 {
            colors = [.channels([Int](repeating: 0, count: channels))]
        }
        var sizes: [InputStep] = []
        let size = isColorsFirst ? axes.dropFirst() : axes.dropLast(axes.count == 3 ? 1 : 0)
        if size.count == 2, let height = size[size.startIndex], let width = size[size.startIndex + 1],
            axes.count == 3 || height == width
        {
            sizes = [.resize(height: height, width: width, isNearest: false)]
        }
        let last: [InputStep] = isColorsFirst ? [.transpose([2, 0, 1])] : []
        let turned = permutations(of: shape.rank).map { [InputStep.transpose($0)] }
        let flat: [[InputStep]] = axes.contains { $0 == nil } ? [] : [[.reshape(Shape(axes.compactMap(\.self)))]]
        let pictures = [
            colors, sizes, sizes + colors, first + colors, first + sizes + colors, last, sizes + last,
            first + colors + last, first + sizes + colors + last,
        ]
        return (turned + pictures + flat).first { !$0.isEmpty && fits($0) }
    }

    /// The orders of a few axes, those that move most of them last; none for many.
    private static func permutations(of count: Int) -> [[Int]] {
        guard (2...4).contains(count) else { return [] }
        func extend(_ start: [Int]) -> [[Int]] {
            start.count == count
                ? [start] : (0..<count).filter { !start.contains($0) }.flatMap { extend(start + [$0]) }
        }
        return extend([]).filter { $0 != Array(0..<count) }
    }

    /// Rules that cut the first dataset into the inputs, if it is as wide as all of them together.
    private var partsInWords: String {
        let widths = inputs.map { $0.axes.last.flatMap(\.self) ?? 0 }
        guard let first = datasets.first, let width = first.shape.last, widths.allSatisfy({ $0 > 0 }),
            widths.reduce(0, +) == width,
            inputs.allSatisfy({ input in
                let axes = first.shape.dropLast() + [input.axes.last.flatMap(\.self) ?? 0]
                return Architecture.fit(Array(axes), to: input) != nil
            })
        else { return "" }
        var start = 0
        return zip(inputs, widths).map { input, width in
            defer { start += width }
            return "\(input.name):\(first.name)[\(start)..\(start + width)]"
        }.joined(separator: ",")
    }
}
