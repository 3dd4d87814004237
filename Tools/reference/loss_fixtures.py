"""Writes what the distillation losses are checked against: the papers' formulas, differentiated by JAX in float64.

    python Tools/reference/loss_fixtures.py

    losses.h5       a group for each case. Losses of predictions: `student`, `teacher` (logits as if divided by the
                    temperature), `labels`; the attributes `measure`, `task`, `temperature` and those of the measure.
                    Distances of layers: `student`, `teacher`; flow: `first`, `second`. Always `value`, and but for
                    flow `gradient` at `student`

Everything is a sum over the examples. The formulas are written from the papers alone, with loops over examples where
there are any in the papers.
"""

import itertools
import os

os.environ["JAX_PLATFORMS"] = "cpu"

import h5py
import jax
import jax.numpy as jnp
import numpy as np

from fixture_files import TESTS, seed

jax.config.update("jax_enable_x64", True)

FILE = TESTS / "DistillationTests" / "Fixtures" / "losses.h5"


def huber(x):
    return jnp.where(jnp.abs(x) <= 1, x**2 / 2, jnp.abs(x) - 0.5)


def predictions(logits, task):
    return jax.nn.softmax(logits) if task == "oneClass" else jax.nn.sigmoid(logits)


def centered(logits, task):
    return logits - logits.mean(-1, keepdims=True) if task == "oneClass" else logits


# Losses of predictions: (z, v, labels, T, task) -> number; v is as if divided by T already.


def kl(z, v, labels, T, task):
    """Hinton, Vinyals, Dean, 2015."""
    p, q = predictions(z / T, task), predictions(v, task)
    divergence = q * jnp.log(q / p)
    if task == "manyLabels":
        divergence += (1 - q) * jnp.log((1 - q) / (1 - p))
    return T**2 * divergence.sum()


def cross_entropy(z, v, labels, T, task):
    """Hinton, Vinyals, Dean, 2015, section 2; of sigmoids, Skalic and Austin, 2018."""
    p, q = predictions(z / T, task), predictions(v, task)
    likelihood = q * jnp.log(p)
    if task == "manyLabels":
        likelihood += (1 - q) * jnp.log(1 - p)
    return -(T**2) * likelihood.sum()


def mse(z, v, labels, T, task):
    """Ba and Caruana, 2014."""
    return ((centered(z, task) - centered(T * v, task)) ** 2).sum() / 2


def dkd(z, v, labels, T, task, alpha, beta):
    """Zhao et al., 2022, eq. 7."""
    total = 0
    for row, label in enumerate(labels):
        if not label.any():
            continue
        t = int(label.argmax())
        p, q = jax.nn.softmax(z[row] / T), jax.nn.softmax(v[row])
        target = q[t] * jnp.log(q[t] / p[t]) + (1 - q[t]) * jnp.log((1 - q[t]) / (1 - p[t]))
        others = [c for c in range(len(p)) if c != t]
        rest = sum(q[c] / (1 - q[t]) * jnp.log(q[c] / (1 - q[t]) / (p[c] / (1 - p[t]))) for c in others)
        total += T**2 * (alpha * target + beta * rest)
    return total


def dist(z, v, labels, T, task, beta, gamma):
    """Huang et al., 2022, eq. 6 to 10, times T², as in the authors' program."""
    p, q = predictions(z / T, task), predictions(v, task)
    inter = jnp.mean(jnp.array([1 - jnp.corrcoef(p[i], q[i])[0, 1] for i in range(p.shape[0])]))
    intra = jnp.mean(jnp.array([1 - jnp.corrcoef(p[:, c], q[:, c])[0, 1] for c in range(p.shape[1])]))
    return p.shape[0] * T**2 * (beta * inter + gamma * intra)


def rkd(z, v, labels, T, task, distance, angle):
    """Park et al., 2019, eq. 5 to 10, as means."""
    student, teacher = centered(z, task), centered(T * v, task)
    pairs = list(itertools.permutations(range(len(z)), 2))
    triplets = list(itertools.permutations(range(len(z)), 3))

    def distances(x):
        d = jnp.array([jnp.linalg.norm(x[i] - x[j]) for i, j in pairs])
        return d / d.mean()

    def cosine(x, i, j, k):
        a, b = x[i] - x[j], x[k] - x[j]
        return (a / jnp.linalg.norm(a)) @ (b / jnp.linalg.norm(b))

    def cosines(x):
        return jnp.array([cosine(x, *triplet) for triplet in triplets])

    of_pairs = huber(distances(student) - distances(teacher)).mean()
    of_triplets = huber(cosines(student) - cosines(teacher)).mean()
    return len(z) * (distance * of_pairs + angle * of_triplets)


# Distances of layers


def squared(student, teacher):
    return ((student - teacher) ** 2).sum()


def attention(student, teacher):
    """Zagoruyko and Komodakis, 2017, eq. 2, without β."""

    def unit(x):
        x = x.reshape(len(x), -1)
        return x / jnp.linalg.norm(x, axis=1, keepdims=True)

    return jnp.linalg.norm(unit(student) - unit(teacher), axis=1).sum() / 2


def flow(first, second):
    """Yim et al., 2017, eq. 1."""
    return jnp.einsum("bhwm,bhwn->bmn", first, second) / (first.shape[1] * first.shape[2])


ANSWERS = [
    ("kl", kl, {}, ["oneClass", "manyLabels"], [1, 4]),
    ("cross-entropy", cross_entropy, {}, ["oneClass", "manyLabels"], [1, 4]),
    ("mse", mse, {}, ["oneClass", "manyLabels"], [1, 4]),
    ("dkd", dkd, {"alpha": 1, "beta": 8}, ["oneClass"], [1, 4]),
    ("dist", dist, {"beta": 2, "gamma": 3}, ["oneClass", "manyLabels"], [1, 4]),
    ("rkd", rkd, {"distance": 25, "angle": 50}, ["oneClass", "manyLabels"], [1, 4]),
]


def write(group, name, values):
    """Without the time, so that a second run writes the same bytes."""
    group.create_dataset(name, data=values, track_times=False)


def write_answers(file):
    for (measure, loss, settings, tasks, temperatures), size in itertools.product(ANSWERS, [(5, 3), (7, 10)]):
        for task, T in itertools.product(tasks, temperatures):
            name = f"{measure}-{task}-{size[0]}x{size[1]}-T{T}"
            random = seed(name)
            student = random.normal(0, 3, size).astype("float32")
            teacher = (random.normal(0, 3, size) / T).astype("float32")
            labels = np.eye(size[1], dtype="float32")[random.integers(0, size[1], size[0])]
            labels[1] = 0
            labels[2] = 0
            labels[2, :2] = 0.4, 0.6
            v = jnp.asarray(teacher, "float64")
            value, gradient = jax.value_and_grad(lambda z: loss(z, v, labels, T, task, **settings))(
                jnp.asarray(student, "float64")
            )
            group = file.create_group(name)
            for key, values in {"student": student, "teacher": teacher, "labels": labels}.items():
                write(group, key, values)
            write_result(group, value, gradient)
            group.attrs["measure"], group.attrs["task"] = np.bytes_(measure), np.bytes_(task)
            group.attrs["temperature"] = float(T)
            for key, setting in settings.items():
                group.attrs[key] = float(setting)


def write_layers(file):
    for name, loss, shape in [("squared", squared, (4, 3, 2)), ("attention", attention, (5, 9))]:
        random = seed(name)
        student, teacher = (random.uniform(0, 2, shape).astype("float32") for _ in range(2))
        value, gradient = jax.value_and_grad(lambda u: loss(u, jnp.asarray(teacher, "float64")))(
            jnp.asarray(student, "float64")
        )
        group = file.create_group(name)
        write(group, "student", student)
        write(group, "teacher", teacher)
        write_result(group, value, gradient)
    random = seed("flow")
    first, second = (random.standard_normal((2, 3, 4, n)).astype("float32") for n in (5, 2))
    group = file.create_group("flow")
    write(group, "first", first)
    write(group, "second", second)
    write(group, "value", np.asarray(flow(first.astype("float64"), second.astype("float64"))))


def write_result(group, value, gradient):
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 1e-3, group.name
    write(group, "value", np.asarray([value]))
    write(group, "gradient", np.asarray(gradient))


if __name__ == "__main__":
    with h5py.File(FILE, "w") as file:
        write_answers(file)
        write_layers(file)
        print(f"wrote {len(file)} cases to {FILE.name}")
