import ModelFiles

/// How one training went, from the lines of `metrics.jsonl`: figures by step, and by epoch.
struct TrainingCurve {
    let name: String
    /// The keys of lines with their numbers, in the order of the lines: `step`, `loss`, `learning_rate` and so on.
    private(set) var steps = Columns()
    /// The same of epochs: `epoch`, `validation_accuracy`.
    private(set) var epochs = Columns()

    /// Numbers by their keys; each key has as many as there are lines.
    struct Columns {
        private(set) var keys: [String] = []
        private(set) var numbers: [String: [Double]] = [:]
        private(set) var count = 0

        subscript(key: String) -> [Double] { numbers[key] ?? [] }

        fileprivate mutating func add(_ line: JSON, without others: Set<String>) {
            for member in line.object?.members ?? [] {
                guard let number = member.value.number, !others.contains(member.key) else { continue }
                if numbers[member.key] == nil {
                    keys.append(member.key)
                    numbers[member.key] = Array(repeating: .nan, count: count)
                }
                if numbers[member.key]?.count == count { numbers[member.key]?.append(number) }
            }
            count += 1
            for key in keys where (numbers[key]?.count ?? 0) < count { numbers[key]?.append(.nan) }
        }

        /// Each so many lines, and the last.
        fileprivate func thinned(_ most: Int) -> JSON {
            let every = max(1, (count + most - 1) / most)
            let places = (0..<count).filter { ($0 + 1) % every == 0 || $0 == count - 1 }
            return .object(
                JSON.Object(
                    keys.map { key in .init(key, .array(places.map { .number(numbers[key]?[$0] ?? .nan) })) }))
        }

        fileprivate init() {}

        init(_ json: JSON?) {
            for member in json?.object?.members ?? [] where numbers[member.key] == nil {
                keys.append(member.key)
                let all = (member.value.array ?? []).map { $0.number ?? .nan }
                numbers[member.key] = all
                count = max(count, all.count)
            }
        }
    }

    /// What a page has no room for; speed is not of the training, but of the machine.
    private static let most = (lines: 200, trainings: 12)
    private static let left: Set = ["line", "examples_per_second", "seconds"]

    /// The trainings in the order in which they began.
    static func all(_ lines: [JSON]) -> [TrainingCurve] {
        var all: [TrainingCurve] = []
        for line in lines {
            guard let name = line["training"]?.string else { continue }
            if !all.contains(where: { $0.name == name }) { all.append(TrainingCurve(name: name)) }
            guard let index = all.firstIndex(where: { $0.name == name }) else { continue }
            if line["epoch"] == nil {
                all[index].steps.add(line, without: left)
            } else {
                all[index].epochs.add(line, without: left)
            }
        }
        return Array(all.prefix(most.trainings))
    }

    private init(name: String) { self.name = name }

    init(_ json: JSON) {
        name = json["name"]?.string ?? ""
        (steps, epochs) = (Columns(json["steps"]), Columns(json["epochs"]))
    }

    var json: JSON {
        ["name": .string(name), "steps": steps.thinned(Self.most.lines), "epochs": epochs.thinned(Self.most.lines)]
    }

    /// Its last step, or epoch.
    func last(_ key: String, _ isOfEpochs: Bool) -> Double { (isOfEpochs ? epochs : steps)[key].last ?? 0 }

    /// Points of a key over another.
    func points(_ key: String, over other: String, of columns: Columns) -> [(x: Double, y: Double)] {
        zip(columns[other], columns[key]).map { (x: $0, y: $1) }
    }
}
