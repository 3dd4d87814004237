#!/usr/bin/env python3
"""The whole job as a PyTorch user would write it well.

    python Tools/Benchmarks/peers/pytorch_job.py --threads 2

60,000 examples of 28x28 unsigned bytes go through three teachers (the conv,
bag-of-frames and gru rows of pytorch.py), their softmax is averaged and kept,
and the student row is then trained on it for 10 epochs at batch 128, by
Kullback-Leibler divergence plus cross-entropy, with Adam. Weights and pixels
are random: only the time is measured. One JSON object: seconds of each phase
(compiling included, and shown apart) and the peak resident memory.

--teachers and --student take `eager` or `compile`; the faster choice differs
between machines, so run both and quote the better total. The
defaults were the faster ones in short trials on a busy machine.
"""

import argparse
import json
import os
import resource
import sys
import time

began = time.perf_counter()
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import torch
import torch.nn.functional as F

import peer_models
from peer_models import BATCH


def pixels(x):
    return x.float().div_(255)


def label(x, batch, compiled):
    """The mean of the teachers' softmax, and the seconds the first batch took
    (which is when compiling happens)."""
    conv, bag, gru = (peer_models.make(name)[0].eval() for name in ("conv", "bag-of-frames", "gru"))

    def framewise(x):
        x = pixels(x)
        image = peer_models.as_input(x.unsqueeze(1))
        return x, conv(image).softmax(1) + bag(x).softmax(1)

    if compiled:
        # Not the GRU: unrolled, it takes half a minute to compile and gains little.
        framewise = torch.compile(framewise, dynamic=False)

    def ensemble(x):
        x, sum = framewise(x)
        return (sum + gru(x).softmax(1)) / 3

    targets = torch.empty(len(x), 10)
    first = None
    with torch.inference_mode():
        started = time.perf_counter()
        for at in range(0, len(x), batch):
            targets[at:at + batch] = ensemble(x[at:at + batch])
            first = first or time.perf_counter() - started
    return targets, first


def distil(x, y, targets, epochs, compiled):
    model = peer_models.make("student")[0].train()
    optimizer = peer_models.adam(model)

    def loss_of(x, y, target):
        logits = model(peer_models.as_input(pixels(x).unsqueeze(1)))
        divergence = F.kl_div(F.log_softmax(logits, 1), target, reduction="batchmean")
        return 0.5 * divergence + 0.5 * F.cross_entropy(logits, y)

    if compiled:
        loss_of = torch.compile(loss_of, dynamic=False)
    first = None
    started = time.perf_counter()
    for _ in range(epochs):
        for chosen in torch.randperm(len(x)).split(BATCH):
            if compiled and len(chosen) < BATCH:
                continue  # a second shape would be compiled for the last, short batch
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(x[chosen], y[chosen], targets[chosen])
            loss.backward()
            optimizer.step()
            first = first or time.perf_counter() - started
    return loss.item(), first


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--examples", type=int, default=60_000)
    arguments.add_argument("--epochs", type=int, default=10)
    arguments.add_argument("--teacher-batch", type=int, default=500)
    arguments.add_argument("--teachers", choices=["eager", "compile"], default="compile")
    arguments.add_argument("--student", choices=["eager", "compile"], default="eager")
    options = arguments.parse_args()
    peer_models.set_up(options.threads)
    x = torch.randint(0, 256, (options.examples, 28, 28), dtype=torch.uint8)
    y = torch.randint(0, 10, (options.examples,))

    ready = time.perf_counter()
    targets, teachers_first = label(x, options.teacher_batch, options.teachers == "compile")
    labelled = time.perf_counter()
    _, student_first = distil(x, y, targets, options.epochs, options.student == "compile")
    done = time.perf_counter()
    print(json.dumps({
        "peer": "pytorch", "job": "distil", "examples": options.examples,
        "epochs": options.epochs, "threads": options.threads,
        "teachers": options.teachers, "student": options.student,
        "seconds": {"start": round(ready - began, 2), "teachers": round(labelled - ready, 2),
                    "student": round(done - labelled, 2), "all": round(done - began, 2)},
        "first_batch_seconds": {"teachers": round(teachers_first, 2),
                                "student": round(student_first, 2)},
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


if __name__ == "__main__":
    main()
