import Datasets
import ModelFiles
import Tensors

/// Finds which dataset feeds which input, by rules, names or shapes, and everything that does not fit.
struct InputMatcher {
    let inputs: [Architecture.Input]
    let datasets: [ExampleInput]
    let inOrder: Bool
    let rules: InputRules
    let holder: String
    let option: String
    var problems: [String] = []

    mutating func bindings() -> [ModelInputs.Binding]? {
        if !rules.bindings.isEmpty { return ruled() }
        if inOrder {
            guard datasets.count == inputs.count else { return refuse(wants) }
            return all(zip(inputs, datasets.indices).map { binding($0, $1, nil, rules.steps) })
        }
        guard inputs.count > 1 else {
            let named = datasets.firstIndex { $0.name == inputs.first?.name } ?? 0
            return all(inputs.map { binding($0, named, nil, rules.steps) })
        }
        var ways: [[Int]] = []
        findWays(&ways, taken: [])
        guard ways.count == 1 else {
            let parts = partsInWords
            return refuse(
                wants + (ways.isEmpty ? "" : ", which fit in several ways")
                    + (parts.isEmpty ? "; choose with \(option)INPUT:DATASET,…" : "; \(option)\(parts) would fit"))
        }
        return all(zip(inputs, ways[0]).map { binding($0, $1, nil, rules.steps) })
    }

    private func all(_ bindings: [ModelInputs.Binding?]) -> [ModelInputs.Binding]? {
        let found = bindings.compactMap(\.self)
        return found.count == bindings.count && found.count == inputs.count ? found : nil
    }

    private mutating func refuse(_ problem: String) -> [ModelInputs.Binding]? {
        problems.append(problem)
        return nil
    }

    private var wants: String {
        "takes \(inputs.count == 1 ? "" : "\(inputs.count) inputs, ")\(inputs.map(\.description).joined(separator: ", ")), "
            + "but \(holder) \(found)"
    }

    private var found: String { datasets.map { "\($0.name) \(Shape($0.shape))" }.joined(separator: ", ") }

    /// Finds ways to give the inputs datasets of their own that fit, up to two; a dataset of an input's name is that
    /// input's.
    private func findWays(_ ways: inout [[Int]], taken: [Int]) {
        guard taken.count < inputs.count else { return ways.append(taken) }
        let input = inputs[taken.count]
        for index in datasets.indices where ways.count < 2 && canTake(input, index, taken) {
            findWays(&ways, taken: taken + [index])
        }
    }

    private func canTake(_ input: Architecture.Input, _ index: Int, _ taken: [Int]) -> Bool {
        let dataset = datasets[index]
        if datasets.contains(where: { $0.name == input.name }) { return dataset.name == input.name }
        guard !taken.contains(index), !inputs.contains(where: { $0.name == dataset.name }) else { return false }
        let shape = Self.shapes(Shape(dataset.shape), rules.steps)?.last
        return shape.flatMap { Architecture.fit($0.axes, to: input) } != nil
    }

    /// The shapes of an example before the first step and after each; nil if one of them cannot be done.
    static func shapes(_ shape: Shape, _ steps: [InputStep]) -> [Shape]? {
        var shapes = [shape]
        for step in steps {
            guard let next = try? step.shape(after: shapes[shapes.count - 1]) else { return nil }
            shapes.append(next)
        }
        return shapes
    }

    // MARK: Rules

    private mutating func ruled() -> [ModelInputs.Binding]? {
        let named = rules.bindings.compactMap(\.input)
        for name in named where !inputs.contains(where: { $0.name == name }) {
            problems.append(
                "--teacher-input names the input '\(name)', but it takes "
                    + "\(inputs.map(\.description).joined(separator: ", "))\(didYouMean(name, inputs.map(\.name)))")
        }
        for name in Set(named).sorted() where named.count(where: { $0 == name }) > 1 {
            problems.append("--teacher-input feeds the input '\(name)' twice")
        }
        guard problems.isEmpty else { return nil }
        var rows: [(Architecture.Input, InputRules.Binding)] = []
        if named.isEmpty {
            guard rules.bindings.count == inputs.count else {
                return refuse("\(wants); --teacher-input names \(rules.bindings.count) datasets")
            }
            rows = Array(zip(inputs, rules.bindings))
        } else {
            for input in inputs {
                guard let rule = rules.bindings.first(where: { $0.input == input.name }) else {
                    problems.append("takes \(input) too, but --teacher-input names no dataset for it")
                    continue
                }
                rows.append((input, rule))
            }
        }
        let bindings = rows.map { input, rule -> ModelInputs.Binding? in
            guard let dataset = datasets.firstIndex(where: { $0.name == rule.dataset }) else {
                problems.append(
                    "--teacher-input names the dataset '\(rule.dataset)', but \(holder) \(found)"
                        + didYouMean(rule.dataset, datasets.map(\.name)))
                return nil
            }
            return binding(input, dataset, rule.part, rules.steps + rule.steps)
        }
        return all(bindings)
    }

    /// What feeds one input, or nil and what is wrong with it.
    private mutating func binding(
        _ input: Architecture.Input, _ place: Int, _ part: InputRules.Part?, _ steps: [InputStep]
    ) -> ModelInputs.Binding? {
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
        return ModelInputs.Binding(
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
            + (cure.map { "; \(option)\(target)\($0) would fit" } ?? "; set how they fit with \(option)\(target)…")
    }
}
