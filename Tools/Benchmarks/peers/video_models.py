"""The networks of Architectures/youtube8m in PyTorch, as its users would write them.

Layers and sizes are those of the .yaml files of the same names, but for what only padding needs: all frames are real here.
An LSTM or GRU of PyTorch has one bias more for each gate.
"""

import torch
import torch.nn.functional as F
from torch import nn

FRAMES, FEATURES, CLASSES = 300, 1152, 3862


def normalization(channels):
    return nn.BatchNorm1d(channels, eps=1e-3, momentum=0.01)


class FrameNormalization(nn.Module):
    """Batch normalization of (B, T, C) over B and T."""

    def __init__(self, channels):
        super().__init__()
        self.of_rows = normalization(channels)

    def forward(self, x):
        return self.of_rows(x.reshape(-1, x.shape[-1])).view(x.shape)


def frames(x, training):
    """Frames of length 1, in training drawn with replacement."""
    x = F.normalize(x, dim=-1)
    if not training:
        return x
    drawn = torch.randint(x.shape[1], x.shape[:2])
    return x[torch.arange(x.shape[0])[:, None], drawn]


class Assignment(nn.Module):
    def __init__(self, features, clusters):
        super().__init__()
        self.product = nn.Linear(features, clusters, bias=False)
        self.normalization = FrameNormalization(clusters)

    def forward(self, x):
        return self.normalization(self.product(x)).softmax(-1)


class NetVLAD(nn.Module):
    def __init__(self, features, clusters):
        super().__init__()
        self.assignment = Assignment(features, clusters)
        self.centers = nn.Parameter(torch.randn(features, clusters) / features**0.5)

    def forward(self, x):
        a = self.assignment(x)
        residuals = x.transpose(1, 2) @ a - a.sum(1, keepdim=True) * self.centers
        return F.normalize(F.normalize(residuals, dim=1).flatten(1), dim=1)


class NetFV(nn.Module):
    def __init__(self, features, clusters):
        super().__init__()
        self.assignment = Assignment(features, clusters)
        self.centers = nn.Parameter(torch.randn(features, clusters) / features**0.5)
        self.covariances = nn.Parameter(1 + torch.randn(features, clusters) / features**0.5)

    def forward(self, x):
        a = self.assignment(x)
        s, c, v = a.sum(1, keepdim=True), self.centers, self.covariances.square() + 1e-6
        means, squares = x.transpose(1, 2) @ a, x.square().transpose(1, 2) @ a
        first = (means - c * s) / v
        second = (squares - 2 * c * means + c.square() * s) / v.square() - s
        return torch.cat([F.normalize(F.normalize(first, dim=1).flatten(1), dim=1),
                          F.normalize(second.flatten(1), dim=1)], 1)


class SoftDBoF(nn.Module):
    def __init__(self, features, clusters):
        super().__init__()
        self.assignment = Assignment(features, clusters)

    def forward(self, x):
        return F.normalize(self.assignment(x).sum(1), dim=1)


class GatedDBoF(nn.Module):
    def __init__(self, features, clusters, units):
        super().__init__()
        self.assignment = Assignment(features, clusters)
        self.inner, self.outer = nn.Linear(clusters, units, bias=False), nn.Linear(units, clusters, bias=False)
        self.normalization = normalization(clusters)

    def forward(self, x):
        a = self.assignment(x)
        gate = self.normalization(self.outer(self.inner(F.normalize(a.amax(1), dim=1)))).sigmoid()
        return F.normalize(a.sum(1) * gate, dim=1)


class ContextGating(nn.Module):
    def __init__(self, units):
        super().__init__()
        self.product, self.normalization = nn.Linear(units, units, bias=False), normalization(units)

    def forward(self, x):
        return x * self.normalization(self.product(x)).sigmoid()


class Experts(nn.Module):
    """Logits of a mixture of two experts for each class, and one who always says no."""

    def __init__(self, features, is_gated=False):
        super().__init__()
        self.gates = nn.Linear(features, 3 * CLASSES, bias=False)
        self.experts = nn.Linear(features, 2 * CLASSES)
        self.gating = ContextGating(CLASSES) if is_gated else nn.Identity()

    def forward(self, x):
        gates = self.gates(x).view(-1, CLASSES, 3).softmax(-1)
        p = (gates[..., :2] * self.experts(x).view(-1, CLASSES, 2).sigmoid()).sum(-1)
        return torch.logit(self.gating(p), 1e-7)


class Clusters(nn.Module):
    """Clusters of pictures and half as many of sound, one hidden layer, context gating and experts."""

    def __init__(self, layer, clusters, units, width):
        super().__init__()
        self.normalization = FrameNormalization(FEATURES)
        self.rgb, self.audio = layer(1024, clusters), layer(128, clusters // 2)
        self.head = nn.Sequential(
            nn.Linear(width * (1024 * clusters + 128 * (clusters // 2)), units), ContextGating(units),
            Experts(units, True))

    def forward(self, x):
        x = self.normalization(frames(x, self.training))
        return self.head(torch.cat([self.rgb(x[..., :1024]), self.audio(x[..., 1024:])], 1))


class GatedBag(nn.Module):
    def __init__(self, clusters, units):
        super().__init__()
        self.normalization = FrameNormalization(FEATURES)
        self.rgb, self.audio = GatedDBoF(1024, clusters, 1024), SoftDBoF(128, clusters // 8)
        self.head = nn.Sequential(nn.Linear(clusters + clusters // 8, units), Experts(units))

    def forward(self, x):
        x = self.normalization(frames(x, self.training))
        return self.head(torch.cat([self.rgb(x[..., :1024]), self.audio(x[..., 1024:])], 1))


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Sequential(
            FrameNormalization(FEATURES), nn.Linear(FEATURES, 8192, bias=False), FrameNormalization(8192), nn.ReLU6())
        self.head = nn.Sequential(
            nn.Linear(8192, 1024, bias=False), normalization(1024), nn.ReLU6(), Experts(1024))

    def forward(self, x):
        return self.head(self.words(F.normalize(x, dim=-1)).amax(1))


class Recurrent(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.both = layer(FEATURES, 512, bidirectional=True, batch_first=True)
        self.end = layer(1024, 1024, batch_first=True)
        self.head = nn.Linear(1024, CLASSES)

    def forward(self, x):
        state = self.end(self.both(F.normalize(x, dim=-1))[0])[1]
        return self.head(state[1][0] if isinstance(state, tuple) else state[0])


class NeXtVLADStream(nn.Module):
    def __init__(self, features, clusters, groups):
        super().__init__()
        self.groups, self.clusters = groups, clusters
        self.expansion = nn.Linear(features, 2 * features)
        self.attention = nn.Linear(2 * features, groups)
        self.product = nn.Linear(2 * features, groups * clusters, bias=False)
        self.normalization = FrameNormalization(groups * clusters)
        self.centers = nn.Parameter(torch.randn(2 * features // groups, clusters) / features**0.5)
        self.output = normalization(2 * features // groups * clusters)

    def forward(self, x):
        x = self.expansion(x)
        batch, length, _ = x.shape
        attention = self.attention(x).sigmoid().view(batch, length * self.groups, 1)
        a = self.normalization(self.product(x)).view(batch, length * self.groups, self.clusters).softmax(-1) * attention
        x = x.view(batch, length * self.groups, -1)
        residuals = x.transpose(1, 2) @ a - a.sum(1, keepdim=True) * self.centers
        return self.output(F.normalize(residuals, dim=1).flatten(1))


class NeXtVLAD(nn.Module):
    def __init__(self):
        super().__init__()
        self.rgb, self.audio = NeXtVLADStream(1024, 112, 8), NeXtVLADStream(128, 56, 4)
        self.hidden = nn.Sequential(nn.Dropout(0.5), nn.Linear(256 * 112 + 64 * 56, 2048, bias=False), normalization(2048))
        self.gate = nn.Sequential(
            nn.Linear(2048, 128), normalization(128), nn.ReLU(), nn.Linear(128, 2048), nn.Sigmoid())
        self.head = nn.Linear(2048, CLASSES)

    def forward(self, x):
        hidden = self.hidden(torch.cat([self.rgb(x[..., :1024]), self.audio(x[..., 1024:])], 1))
        return self.head(hidden * self.gate(hidden))


# What makes it, the shape of an example, and the numbers it must have, moving statistics included, as in the .yaml files.
MODELS = {
    "netvlad1": (lambda: Clusters(NetVLAD, 256, 1024, 1), (FRAMES, FEATURES), 321_541_224),
    "fvnet": (lambda: Clusters(NetFV, 96, 1540, 2), (FRAMES, FEATURES), 369_073_284),
    "nextvlad": (NeXtVLAD, (FRAMES, FEATURES), 78_716_450),
    "dbof1": (lambda: GatedBag(4096, 1024), (FRAMES, FEATURES), 37_188_652),
    "dbof": (Bag, (FRAMES, FEATURES), 37_648_428),
    "rnn1": (lambda: Recurrent(nn.LSTM), (FRAMES, FEATURES), 19_171_094 + 4 * (512 + 512 + 1024)),
    "rnn3": (lambda: Recurrent(nn.GRU), (FRAMES, FEATURES), 15_367_958 + 3 * (512 + 512 + 1024)),
    "moe": (lambda: Experts(FEATURES), (FEATURES,), 22_252_844),
}
