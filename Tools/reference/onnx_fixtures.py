"""Small classifiers of PyTorch as both of its exporters write them to ONNX, and what PyTorch computes for them.

    python Tools/reference/onnx_fixtures.py

Needs torch, onnx, onnxscript, onnxruntime and h5py. NAME-script.onnx is of the exporter that traces TorchScript, NAME.onnx of
the one that captures the graph (dynamo). NAME.io.h5 is as in `fixture_files.py`: `input`, with channels last as data files have
them, and `output`, with the tolerance to compare with.
"""

import argparse
import warnings
import zlib
from pathlib import Path

import h5py
import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn
from torch.nn import functional

FOLDER = Path(__file__).parents[2] / "Tests" / "ModelFilesTests" / "Fixtures" / "onnx"
EXAMPLES = 2


class Multilayer(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(12, 9), nn.ReLU(), nn.Dropout(), nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 3))


class Residual(nn.Module):
    """A ResNet: its stem, a basic block with a projection, and a bottleneck."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 7, 2, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.basic = nn.Sequential(
            nn.Conv2d(4, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU(),
            nn.Conv2d(6, 6, 3, 1, 1, bias=False), nn.BatchNorm2d(6))
        self.projection = nn.Sequential(nn.Conv2d(4, 6, 1, 2, bias=False), nn.BatchNorm2d(6))
        self.bottleneck = nn.Sequential(
            nn.Conv2d(6, 3, 1, bias=False), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 3, 3, 1, 1, groups=3), nn.ReLU(),
            nn.Conv2d(3, 6, 1))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(6, 5)

    def forward(self, x):
        x = self.stem(x)
        x = functional.relu(self.basic(x) + self.projection(x))
        x = functional.relu(x + self.bottleneck(x))
        return self.fc(torch.flatten(self.pool(x), 1))


class VGG(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2, 2),
            nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), nn.AdaptiveAvgPool2d((2, 2)))
        self.classifier = nn.Sequential(nn.Linear(24, 8), nn.ReLU(True), nn.Dropout(), nn.Linear(8, 4), nn.Softmax(-1))

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


class Squeeze(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(width, 2, 1), nn.Conv2d(2, width, 1)

    def forward(self, x):
        scale = functional.relu(self.fc1(functional.adaptive_avg_pool2d(x, 1)))
        return functional.hardsigmoid(self.fc2(scale)) * x


class Mobile(nn.Module):
    """MobileNet V2 and V3: inverted residuals with ReLU6, hard swish, squeeze and excitation."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4), nn.Hardswish())
        self.first = nn.Sequential(
            nn.Conv2d(4, 8, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(),
            nn.Conv2d(8, 8, 3, 1, 1, groups=8, bias=False), nn.BatchNorm2d(8), nn.ReLU6(), nn.Conv2d(8, 4, 1, bias=False),
            nn.BatchNorm2d(4))
        self.second = nn.Sequential(
            nn.Conv2d(4, 8, 1), nn.Hardswish(), nn.Conv2d(8, 8, 5, 2, 2, groups=8), nn.Hardswish(), Squeeze(8),
            nn.Conv2d(8, 6, 1))
        self.head = nn.Sequential(nn.Linear(6, 7), nn.SiLU(), nn.Linear(7, 4))

    def forward(self, x):
        x = self.stem(x)
        x = self.second(x + self.first(x))
        return self.head(x.mean([2, 3]))


class Densely(nn.Module):
    """A DenseNet: normalization first, concatenations, a transition."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, padding=1)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, 4, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
                          nn.Conv2d(4, 2, 3, padding=1, bias=False)) for width in (4, 6))
        self.transition = nn.Sequential(nn.BatchNorm2d(8), nn.LeakyReLU(0.1), nn.Conv2d(8, 4, 1), nn.AvgPool2d(3, 2, 1))
        self.last = nn.BatchNorm2d(4)
        self.classifier = nn.Linear(4, 3)

    def forward(self, x):
        features = [self.stem(x)]
        for layer in self.layers:
            features.append(layer(torch.cat(features, 1)))
        x = functional.elu(self.last(self.transition(torch.cat(features, 1))))
        return torch.log_softmax(self.classifier(functional.adaptive_avg_pool2d(x, (1, 1)).flatten(1)), 1)


class Shuffled(nn.Module):
    """Channels split, shuffled and padded; group and instance normalization; PReLU."""

    def __init__(self):
        super().__init__()
        self.left = nn.Sequential(nn.Conv2d(2, 2, 3, padding=1, dilation=1, groups=2), nn.InstanceNorm2d(2, affine=True))
        self.right = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(2, 2, (3, 3), (1, 1)), nn.GroupNorm(1, 2), nn.PReLU(2))
        self.register_buffer("mean", torch.tensor([0.4, 0.5, 0.6, 0.1]).view(1, 4, 1, 1))
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        left, right = ((x - self.mean) / 0.25).chunk(2, 1)
        x = torch.cat([self.left(left), self.right(right)], 1)
        b, c, h, w = x.shape
        x = x.view(b, 2, c // 2, h, w).transpose(1, 2).contiguous().view(b, c, h, w)
        return torch.sigmoid(self.fc(x[:, :, 1:, ::2].amax((2, 3))))


class LSTMClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 5, num_layers=2, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(10, 3)

    def forward(self, x):
        outputs, _ = self.lstm(x)
        return self.fc(outputs[:, -1])


class GRUClassifier(nn.Module):
    """The states of the last step, both directions; words in, and a convolution over time."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 4)
        self.conv = nn.Conv1d(4, 4, 3, padding=1)
        self.gru = nn.GRU(4, 3, batch_first=True, bidirectional=True)
        self.rnn = nn.RNN(3, 2, batch_first=True)
        self.fc = nn.Linear(8, 3)

    def forward(self, x):
        x = functional.relu(self.conv(self.embedding(x).transpose(1, 2))).transpose(1, 2)
        outputs, states = self.gru(x)
        _, last = self.rnn(outputs[:, :, 3:])
        return self.fc(torch.cat([states[0], states[1], last[-1]], 1))


class Video(nn.Module):
    """A convolution and pools over the frames of every video, then the last state of an LSTM that has two outputs in use."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 3, 3, 2, 1), nn.BatchNorm2d(3)
        self.pool = nn.AvgPool2d(3, 2, 1, count_include_pad=False)
        self.lstm, self.fc = nn.LSTM(12, 4), nn.Linear(8, 3)

    def forward(self, x):
        b, t = x.shape[:2]
        x = self.pool(functional.relu(self.norm(self.conv(x.flatten(0, 1)))))
        outputs, (_, cell) = self.lstm(x.reshape(b, t, -1).transpose(0, 1))
        return self.fc(torch.cat([outputs.mean(0), cell[-1]], 1))


class Vision(nn.Module):
    """A ViT: patches, a class token, encoder blocks as `nn.TransformerEncoderLayer` and as written by hand (timm)."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.position = nn.Parameter(torch.randn(1, 5, 8))
        self.block = nn.TransformerEncoderLayer(8, 2, 12, activation="gelu", batch_first=True, norm_first=True)
        self.norm1, self.norm2, self.norm = nn.LayerNorm(8), nn.LayerNorm(8), nn.LayerNorm(8, eps=1e-6)
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 8)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(approximate="tanh"), nn.Linear(16, 8))
        self.fc = nn.Linear(8, 3)

    def attention(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, 2, c // 2).permute(2, 0, 3, 1, 4).unbind(0)
        weights = ((q @ k.transpose(-2, -1)) * (c // 2) ** -0.5).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).reshape(b, n, c))

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.position
        x = self.block(x)
        x = x + self.attention(self.norm1(x))
        x = x + self.mlp(self.norm2(x))
        return self.fc(self.norm(x)[:, 0])


def images(*shape):
    return lambda generator: torch.from_numpy(generator.standard_normal((EXAMPLES, *shape)).astype("float32"))


def words(length, count):
    return lambda generator: torch.from_numpy(generator.integers(0, count, (EXAMPLES, length)))


MODELS = {
    "mlp": (Multilayer, images(12)), "resnet": (Residual, images(3, 16, 16)), "vgg": (VGG, images(3, 16, 16)),
    "mobilenet": (Mobile, images(3, 16, 16)), "densenet": (Densely, images(2, 7, 8)), "shuffled": (Shuffled, images(4, 6, 6)),
    "video": (Video, images(4, 2, 8, 8)), "lstm": (LSTMClassifier, images(6, 4)), "gru": (GRUClassifier, words(6, 11)), "vit": (Vision, images(3, 8, 8)),
}


def randomize(model, generator):
    for name, value in list(model.named_parameters()) + list(model.named_buffers()):
        if not value.is_floating_point() or name == "mean":
            continue
        if "running_var" in name or (value.dim() == 1 and name.endswith("weight")):
            numbers = generator.uniform(0.5, 1.5, value.shape)
        elif value.dim() == 1:
            numbers = generator.uniform(-0.5, 0.5, value.shape)
        else:
            numbers = generator.standard_normal(value.shape) / np.sqrt(np.prod(value.shape[1:]))
        value.data.copy_(torch.from_numpy(numbers.astype("float32")))


def export(model, inputs, path, dynamo, fixed=False):
    options = {"input_names": ["input"], "output_names": ["output"], "dynamo": dynamo}
    if dynamo:
        batch = None if fixed else ({0: torch.export.Dim("batch")},)
        torch.onnx.export(model, (inputs,), path, dynamic_shapes=batch, external_data=False, verbose=False, **options)
    else:
        torch.onnx.export(model, (inputs,), path, dynamic_axes=None if fixed else {"input": {0: "batch"}}, opset_version=17, **options)
    proto = onnx.load(path)
    # Where in the exporter's code a node was made: longer than the nodes, and full of paths.
    for part in [*proto.graph.node, *proto.graph.input, *proto.graph.output, *proto.graph.value_info, proto.graph, proto]:
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    proto.graph.ClearField("value_info")
    shorten(proto.graph)
    onnx.save(proto, path)


def shorten(graph):
    """Gives values and nodes short names, which are most of such small files."""
    kept = {value.name for value in [*graph.input, *graph.output, *graph.initializer]}
    names = {}
    for number, node in enumerate(graph.node):
        node.name = f"{node.op_type}_{number}"
        for names_of in (node.input, node.output):
            for place, name in enumerate(names_of):
                if name and name not in kept:
                    names_of[place] = names.setdefault(name, f"v{len(names)}")


def channels_last(array):
    return np.moveaxis(array, 1, -1) if array.ndim == 4 else array


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=list(MODELS))
    parser.add_argument("--folder", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    for name in arguments.names or MODELS:
        build, make = MODELS[name]
        generator = np.random.default_rng(zlib.crc32(name.encode()))
        model = build().eval()
        randomize(model, generator)
        inputs = make(generator)
        with torch.no_grad():
            outputs = model(inputs).numpy()
        assert outputs.std(0).max() > 1e-3, name
        for suffix, dynamo in (("-script", False), ("", True)):
            path = arguments.folder / f"{name}{suffix}.onnx"
            export(model, inputs, path, dynamo)
            session = onnxruntime.InferenceSession(path)
            found = session.run(None, {session.get_inputs()[0].name: inputs.numpy()})[0]
            print(path.name, path.stat().st_size, np.abs(found - outputs).max(), sorted({node.op_type for node in onnx.load(path).graph.node}))
        with h5py.File(arguments.folder / f"{name}.io.h5", "w") as file:
            file["input"] = channels_last(inputs.numpy()).astype("float32")
            file["output"] = outputs
            file.attrs["atol"] = 1e-5


if __name__ == "__main__":
    main()
