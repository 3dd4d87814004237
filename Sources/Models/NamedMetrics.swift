/// Values from 0 to 1 by JSON's names: `accuracy`, or `gap_at_20`, `map`, `hit_at_1` and `perr`.
public typealias NamedMetrics = [(name: String, value: Double)]
