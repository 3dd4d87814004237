"""The benchmark's models in PyTorch, shared by pytorch.py and pytorch_job.py."""

import torch
from torch import nn

BATCH = 128


def convolutions(channels, side, dense):
    # 477,418 parameters (and 1,250,858 for cifar) need the first convolution
    # of each block padded "same" and the second not at all: 28, 26, 13, 11, 5,
    # so that 5 x 5 x 64 = 1600 features are flattened.
    left = ((side - 2) // 2 - 2) // 2
    return nn.Sequential(
        nn.Conv2d(channels, 32, 3, padding=1), nn.ReLU(),
        nn.Conv2d(32, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
        nn.Conv2d(64, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(left * left * 64, dense), nn.ReLU(), nn.Linear(dense, 10))


def student():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(7 * 7 * 32, 64), nn.ReLU(), nn.Linear(64, 10))


class BagOfFrames(nn.Module):
    def __init__(self):
        super().__init__()
        self.frame = nn.Sequential(nn.Linear(28, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))

    def forward(self, x):
        x = self.frame(x)
        return self.head(torch.cat([x.mean(1), x.amax(1)], 1))


class Recurrent(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer(28, 128, batch_first=True)
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1])


# What makes it, the shape of an example, the parameters it must have.
MODELS = {
    "conv": (lambda: convolutions(1, 28, 256), (1, 28, 28), 477_418),
    "bag-of-frames": (BagOfFrames, (28, 28), 207_114),
    "gru": (lambda: Recurrent(nn.GRU), (28, 28), 61_962),
    # Two bias vectors; Keras's SimpleRNN has one, which makes 21,386.
    "simple-rnn": (lambda: Recurrent(nn.RNN), (28, 28), 21_514),
    "student": (student, (1, 28, 28), 105_866),
    "cifar": (lambda: convolutions(3, 32, 512), (3, 32, 32), 1_250_858),
}


def make(name):
    """The model, its convolutions in channels_last, and its count of parameters."""
    build, shape, expected = MODELS[name]
    model = build()
    if len(shape) == 3:
        model = model.to(memory_format=torch.channels_last)
    parameters = sum(p.numel() for p in model.parameters())
    assert parameters == expected, (name, parameters, expected)
    return model, shape, parameters


def as_input(x):
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


def adam(model):
    return torch.optim.Adam(model.parameters(), 1e-3, fused=True)


def set_up(threads, seed=1):
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(seed)
