"""Fixture models of the package in Tools/keras: layers for the frames of a video.

keras_fixtures.py writes them with the others of fixture_models.py.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "keras"))

import compress_layers as frames
from fixture_models import fixture, masked, sequential, side_by_side


def every_layer():
    return [
        frames.FeatureSlice(2, start=1, name="slice"),
        frames.FramePooling(name="mean"),
        frames.FramePooling("max", name="max"),
        frames.FramePooling("sum", name="sum"),
        frames.FrameSampling(seed=3, name="sampling"),
        frames.NetVLAD(3, name="vlad"),
        frames.NetVLAD(3, use_centers=False, epsilon=0.1, name="rvlad"),
        frames.NetFV(2, name="fisher"),
        frames.SoftDBoF(5, name="soft"),
        frames.GatedDBoF(5, gate_units=3, name="gated"),
        frames.NeXtVLAD(3, groups=2, name="next"),
        frames.ContextGating(name="context"),
    ]


@fixture("layers for the frames of a video")
def frames_whole(keras):
    return side_by_side(keras, (7, 6), *every_layer())


@fixture("layers for the frames of a video, some of them padding", inputs=masked(), suffix="-opnodes", reloads=False)
def frames_masked_(keras):
    layers = [layer for layer in every_layer() if layer.name not in ("slice", "sampling", "context")]
    middle = [frames.FeatureSlice(3, start=2, name="slice"), frames.FrameSampling(name="sampling")]
    input = keras.Input((8, 6), name="input")
    tensor = keras.layers.Masking(name="masking")(input)
    sliced = tensor
    for layer in [*middle, frames.ContextGating(name="context")]:
        sliced = layer(sliced)
    outputs = [layer(tensor) for layer in layers] + [keras.layers.LSTM(3, name="lstm")(sliced)]
    return keras.Model(input, outputs, name="model")


@fixture("mixtures of experts, whose answer is not the network's")
def experts(keras):
    return side_by_side(
        keras, (6,),
        frames.MixtureOfExperts(3, name="plain"),
        frames.MixtureOfExperts(3, experts=4, name="four"),
        frames.MixtureOfExperts(3, probability_gating=True, momentum=0.9, name="gated"),
    )  # fmt: skip


@fixture("a network like those of YouTube-8M's winners, from frames to labels", inputs=masked(), suffix="-opnodes",
         reloads=False)
def video_(keras):
    layers = keras.layers
    input = keras.Input((8, 6), name="input")
    x = layers.BatchNormalization(name="normalized")(layers.Masking(name="masking")(input))
    streams = [
        frames.NetVLAD(4, name="vlad_rgb")(frames.FeatureSlice(4, name="rgb")(x)),
        frames.SoftDBoF(3, name="words")(frames.FeatureSlice(2, start=4, name="audio")(x)),
    ]
    x = layers.Dense(5, name="hidden")(layers.Concatenate(name="both")(streams))
    x = frames.ContextGating(name="gate")(x)
    return keras.Model(input, frames.MixtureOfExperts(6, name="labels")(x), name="model")


@fixture("a frozen layer of the package, whose weights are then all listed as they were made")
def frames_frozen(keras):
    vlad = frames.NetVLAD(3, name="vlad")
    vlad.trainable = False
    return sequential(keras, (7, 6), vlad, keras.layers.Dense(3, activation="softmax", name="dense"))
