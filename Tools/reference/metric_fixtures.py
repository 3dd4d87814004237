"""Writes what the metrics of several labels are checked against: their definitions, in numpy and in double precision.

    python Tools/reference/metric_fixtures.py

    metrics.json    `cases`: small ones, with `scores`, `labels` and the `metrics`; `large`: the metrics of 10,000
                    examples of 3,862 classes, which tests make themselves, as `large_case` does

The definitions are those of "YouTube-8M: a large-scale video classification benchmark" (Abu-El-Haija et al., 2016) and of
its challenges: written from the text, with whole matrices where the program streams. Equal scores rank in the order of
the examples and of their classes.
"""

import json

import numpy as np

from fixture_files import TESTS, seed

FILE = TESTS / "TrainingTests" / "Fixtures" / "metrics.json"
DEPTH = 20
LARGE = (10_000, 3_862)


def ranked(scores, depth):
    """The classes of the `depth` highest scores of each row, highest first."""
    depth = min(depth, scores.shape[1])
    least = np.partition(scores, -depth, axis=1)[:, -depth]
    rows, columns = np.nonzero(scores >= least[:, None])
    order = np.lexsort((columns, -scores[rows, columns], rows))
    first = np.searchsorted(rows, np.arange(len(scores)))
    return columns[order[first[:, None] + np.arange(depth)]]


def average_precision(scores, truth, positives):
    """Σ over the true ones of a list of the precision up to there, divided by the number of all true ones."""
    truth = truth[np.argsort(-scores, kind="stable")].astype(bool)
    precision = np.cumsum(truth) / np.arange(1, len(truth) + 1)
    return precision[truth].sum() / max(positives, 1)


def metrics(scores, labels):
    """Of a matrix of scores and one of zeros and ones, a row for each example."""
    counts = labels.sum(1)
    best = ranked(scores, max(DEPTH, counts.max()))
    rows = np.arange(len(scores))[:, None]
    kept = best[:, :DEPTH]
    pairs = (scores[rows, kept].ravel(), labels[rows, kept].ravel(), kept.ravel())

    by_class = []
    order = np.argsort(pairs[2], kind="stable")
    bounds = np.searchsorted(pairs[2][order], np.arange(labels.shape[1] + 1))
    for label, positives in enumerate(labels.sum(0)):
        if positives:
            some = order[bounds[label] : bounds[label + 1]]
            by_class.append(average_precision(pairs[0][some], pairs[1][some], positives))

    at_recall = []
    for row, count in enumerate(counts):
        some = best[row, :count]
        at_recall.append((labels[row, some] * (scores[row, some] > 0)).sum() / max(count, 1))

    return {
        "gap_at_20": average_precision(pairs[0], pairs[1], labels.sum()),
        "map": np.mean(by_class) if by_class else 0.0,
        "hit_at_1": labels[rows[:, 0], best[:, 0]].mean(),
        "perr": np.mean(at_recall),
    }


# Cases


def small_cases():
    def case(name, examples, classes, levels=2**20, share=0.1, known=None):
        """Scores are whole `levels`; `known` of the classes have examples."""
        random = seed(f"metrics-{name}")
        labels = (random.random((examples, classes)) < share).astype(int)
        labels[:, classes if known is None else known :] = 0
        scores = random.integers(0, levels, (examples, classes)) / levels
        # Labels have the better of two scores, so that there is something to find.
        scores = np.maximum(scores, labels * random.integers(0, levels, (examples, classes)) / levels)
        return name, scores, labels

    yield case("many examples", 40, 60)
    yield case("equal scores", 12, 30, levels=8, share=0.15)
    yield case("examples without labels", 20, 25, share=0.03)
    yield case("fewer than 20 classes", 15, 5, share=0.4)
    yield case("one class", 6, 1, share=0.5)
    yield case("classes without examples", 12, 40, known=6, share=0.3)
    yield case("more than 20 labels", 6, 50, share=0.6)
    yield case("more labels than scores above 0", 8, 24, levels=2, share=0.7)
    yield case("no labels", 3, 22, share=0)


def mixed(n):
    """Random numbers of 64 bits at the places n, as SplitMix64 makes them (Steele, Lea, Flood, 2014)."""
    z = n * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def large_case():
    """Scores of 23 bits; up to five labels an example, every other one of them with a score near 1."""
    examples, classes = LARGE
    levels = (mixed(np.arange(examples * classes, dtype=np.uint64)) >> np.uint64(41)).astype(np.int32)
    levels = levels.reshape(LARGE)
    labels = np.zeros(LARGE, np.uint8)
    for example in range(examples):
        count = int(mixed(np.array([2**40 + example], np.uint64))[0] % np.uint64(6))
        names = mixed(np.arange(2**41 + 8 * example, 2**41 + 8 * example + count, dtype=np.uint64)) % np.uint64(3_000)
        labels[example, names] = 1
        near = np.unique(names[::2])
        levels[example, near] = 2**23 - 2**13 + levels[example, near] // 2**10
    return levels.astype(np.float32) / np.float32(2**23), labels


if __name__ == "__main__":
    cases = [
        {"name": name, "scores": scores.tolist(), "labels": labels.tolist(), "metrics": metrics(scores, labels)}
        for name, scores, labels in small_cases()
    ]
    lines = ",\n".join(json.dumps(case) for case in cases)
    FILE.write_text(f'{{"cases": [\n{lines}\n],\n"large": {json.dumps(metrics(*large_case()))}}}\n')
    print(f"wrote {len(cases) + 1} cases to {FILE.name}")
