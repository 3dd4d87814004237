"""The data of `Tools/experiments/defaults`: jobs of many kinds and sizes, each an HDF5 file that `compress` reads.

Needs numpy, h5py and scikit-learn, which ships digits, breast cancer and wine. Fashion-MNIST is what `Tools/demo` makes,
CIFAR-10 what `Tools/experiments/heterogeneous cifar10 --cifar FOLDER` makes; AudioSet what `Tools/experiments/audioset` makes.
Everything is seeded.
"""

import os

HELD_OUT = 0.15


def save(path, train, test):
    """Writes x, y and, of sequences, their lengths; 15 % of the training rows become the validation split."""
    import h5py
    import numpy

    order = numpy.random.default_rng(1).permutation(len(train["x"]))
    held = round(HELD_OUT * len(order))
    splits = [("train", train, order[held:]), ("validation", train, order[:held]), ("test", test, slice(None))]
    with h5py.File(path + ".partial", "w") as file:
        for split, source, rows in splits:
            for name, values in source.items():
                file[f"{split}/{name}"] = values[rows]
    os.replace(path + ".partial", path)


def parts(x, y):
    """70 % to learn from, 30 % for the test."""
    import numpy

    order = numpy.random.default_rng(7).permutation(len(x))
    test = int(0.3 * len(x))
    return {"x": x[order[test:]], "y": y[order[test:]]}, {"x": x[order[:test]], "y": y[order[:test]]}


def scikit(name, shape=()):
    def make(_):
        from sklearn import datasets

        data = getattr(datasets, "load_" + name)()
        return parts(data.data.astype("float32").reshape((-1,) + (shape or data.data.shape[1:])), data.target.astype("int32"))
    return make


def multilabel(_):
    """12 labels of 40 counts; a quarter of what determines them is noise."""
    from sklearn import datasets

    x, y = datasets.make_multilabel_classification(3000, 40, n_classes=12, n_labels=3, random_state=3)
    return parts(x.astype("float32"), y.astype("uint8"))


def motifs(_):
    """Sequences of 14 to 40 frames of noise with two motifs: the class is which they are, and in which order."""
    import numpy

    patterns = numpy.random.default_rng(5).normal(size=(4, 5, 6)) * 1.5
    orders = [(0, 1), (1, 0), (0, 2), (2, 0), (1, 3), (3, 1)]

    def draw(count, seed):
        random = numpy.random.default_rng(seed)
        x = numpy.zeros((count, 40, 6), "float32")
        y, lengths = random.integers(0, 6, count).astype("int32"), random.integers(14, 41, count).astype("int32")
        for row, (label, length) in enumerate(zip(y, lengths)):
            x[row, :length] = random.normal(size=(length, 6)) * 1.2
            gap = length - 10
            first = random.integers(0, gap + 1)
            second = random.integers(first, gap + 1) + 5
            for start, pattern in zip((first, second), orders[label]):
                x[row, start:start + 5] += patterns[pattern]
        return {"x": x, "y": y, "length": lengths}
    return draw(4000, 1), draw(2000, 2)


def rows_of(source, count):
    """The first rows of another experiment's images, and its whole test split."""
    def make(folder):
        import h5py

        with h5py.File(os.path.join(folder, source)) as file:
            return ({"x": file["train/x"][:count], "y": file["train/y"][:count]},
                    {"x": file["test/x"][:], "y": file["test/y"][:]})
    return make


FASHION, CIFAR = "demo/fashion-mnist.h5", "experiments/cifar10.h5"
# What makes each, its budget, and the epochs of its teachers.
JOBS = {
    "digits": (scikit("digits"), "40KB", 80), "digits-images": (scikit("digits", (8, 8, 1)), "40KB", 60),
    "digits-rows": (scikit("digits", (8, 8)), "40KB", 60), "cancer": (scikit("breast_cancer"), "20KB", 60),
    "wine": (scikit("wine"), "10KB", 100), "multi-label": (multilabel, "40KB", 25), "motifs": (motifs, "60KB", 30),
    "fashion-1k": (rows_of(FASHION, 1000), "128KB", 60), "fashion-5k": (rows_of(FASHION, 5000), "50KB", 25),
    "fashion-20k": (rows_of(FASHION, 20_000), "128KB", 20), "cifar-10k": (rows_of(CIFAR, 10_000), "256KB", 25),
}


def path(name, folder):
    """The data file of a job, made if it is missing."""
    path = os.path.join(folder, "experiments", "jobs", name + ".h5")
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        save(path, *JOBS[name][0](folder))
    return path
