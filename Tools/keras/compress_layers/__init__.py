"""Layers for the frames of a video, registered with Keras 3 under the package name `compress`."""

from compress_layers.clusters import GatedDBoF, NetFV, NetVLAD, NeXtVLAD, SoftDBoF
from compress_layers.frames import FeatureSlice, FramePooling, FrameSampling
from compress_layers.gating import ContextGating, MixtureOfExperts

__all__ = [
    "ContextGating",
    "FeatureSlice",
    "FramePooling",
    "FrameSampling",
    "GatedDBoF",
    "MixtureOfExperts",
    "NeXtVLAD",
    "NetFV",
    "NetVLAD",
    "SoftDBoF",
]
