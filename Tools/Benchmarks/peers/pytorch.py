#!/usr/bin/env python3
"""Times PyTorch on the benchmark's models.

    python Tools/Benchmarks/peers/pytorch.py --threads 2 [--compile]

One JSON object a line. Every model at batch 128 or --batch, two passes: `forward`
(inference) and `train` (forward, cross-entropy, binary for networks of videos,
backward, Adam step), on tensors that are already in memory. Convolutions run in channels_last.
Peer `pytorch` is eager; with --compile, `pytorch-compile` follows, the same
through torch.compile (it needs a C++ compiler; recurrent layers compile too,
and a variant that fails prints its error and no figure).
"""

import argparse
import json
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import torch
import torch.nn.functional as F

import peer_models
import video_models


def rate(step, seconds, batch, now):
    """Examples per second of the clock `now`: the median of timed chunks, after warming up."""
    step()
    once = now()
    step()
    once = now() - once
    for _ in range(min(50, int(0.3 / once))):
        step()
    chunk = max(1, int(seconds / 7 / once))
    rates = []
    began = now()
    while len(rates) < 3 or now() - began < seconds:
        started = now()
        for _ in range(chunk):
            step()
        rates.append(chunk * batch / (now() - started))
    return statistics.median(rates)


def make(name):
    if name not in video_models.MODELS:
        return peer_models.make(name)
    build, shape, expected = video_models.MODELS[name]
    model = build()
    numbers = sum(tensor.numel() for tensor in model.state_dict().values() if tensor.is_floating_point())
    assert numbers == expected, (name, numbers, expected)
    return model, shape, numbers


def passes(name, compiled, batch):
    model, shape, parameters = make(name)
    x = peer_models.as_input(torch.rand(batch, *shape))
    y = torch.randint(0, 10, (batch,))
    optimizer = peer_models.adam(model)
    several = F.one_hot(y, video_models.CLASSES).float() if name in video_models.MODELS else None

    def loss_of(x, y):
        if several is None:
            return F.cross_entropy(model(x), y)
        return F.binary_cross_entropy_with_logits(model(x), several, reduction="sum") / batch

    apply = torch.compile(model) if compiled else model
    loss_of = torch.compile(loss_of) if compiled else loss_of

    def forward():
        model.eval()
        with torch.inference_mode():
            return apply(x)

    def train():
        model.train()
        optimizer.zero_grad(set_to_none=True)
        loss_of(x, y).backward()
        optimizer.step()

    return parameters, {"forward": forward, "train": train}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--models", help="a comma-separated list; all when left out")
    arguments.add_argument("--batch", type=int, default=peer_models.BATCH)
    arguments.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    arguments.add_argument("--seconds", type=float, default=3, help="timed for each row")
    arguments.add_argument("--compile", action="store_true", help="torch.compile as well")
    options = arguments.parse_args()
    clock = time.process_time if options.clock == "cpu" else time.perf_counter
    peer_models.set_up(options.threads)
    if options.compile:
        # Without this a recurrent layer is left out of the compiled graph.
        torch._dynamo.config.allow_rnn = True
    for name in options.models.split(",") if options.models else peer_models.MODELS:
        for compiled in (False, True) if options.compile else (False,):
            torch.compiler.reset()
            peer = "pytorch-compile" if compiled else "pytorch"
            parameters, steps = passes(name, compiled, options.batch)
            for kind, step in steps.items():
                try:
                    speed = rate(step, options.seconds, options.batch, clock)
                except Exception as error:
                    print("%s, %s, %s: %s" % (peer, name, kind, str(error)[:300]), file=sys.stderr)
                    continue
                print(json.dumps({"peer": peer, "model": name, "pass": kind,
                                  "examples_per_second": round(speed, 1),
                                  "parameters": parameters}), flush=True)


if __name__ == "__main__":
    main()
