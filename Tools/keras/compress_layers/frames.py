"""Layers that choose among frames, or make one of many."""

import keras
from keras import ops

from compress_layers.normalizing import PoolingLayer

POOLINGS = ("mean", "max", "sum")


@keras.saving.register_keras_serializable(package="compress")
class FeatureSlice(keras.layers.Layer):
    """Neighbouring features of every position: x[..., start : start + size]."""

    def __init__(self, size, start=0, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.start = start
        self.supports_masking = True

    def build(self, input_shape):
        if self.start < 0 or self.start + self.size > input_shape[-1]:
            raise ValueError(
                f"FeatureSlice takes the features {self.start} to {self.start + self.size - 1}, counted from 0, "
                f"which its input {input_shape} does not have"
            )

    def call(self, x):
        return x[..., self.start : self.start + self.size]

    def get_config(self):
        return {**super().get_config(), "size": self.size, "start": self.start}


@keras.saving.register_keras_serializable(package="compress")
class FramePooling(PoolingLayer):
    """The mean, the largest or the sum of the frames that are real; zeros where there is none."""

    def __init__(self, pooling="mean", **kwargs):
        super().__init__(**kwargs)
        if pooling not in POOLINGS:
            raise ValueError(f"pooling is one of {', '.join(POOLINGS)}, found '{pooling}'")
        self.pooling = pooling

    def call(self, x, mask=None):
        if mask is None:
            return {"mean": ops.mean, "max": ops.max, "sum": ops.sum}[self.pooling](x, axis=1)
        real = ops.cast(mask, x.dtype)[..., None]
        if self.pooling == "max":
            largest = ops.max(ops.where(real > 0, x, -float("inf")), axis=1)
            return ops.where(ops.any(real > 0, axis=1), largest, 0.0)
        total = ops.sum(x * real, axis=1)
        return total if self.pooling == "sum" else total / ops.maximum(ops.sum(real, axis=1), 1)

    def get_config(self):
        return {**super().get_config(), "pooling": self.pooling}


@keras.saving.register_keras_serializable(package="compress")
class FrameSampling(keras.layers.Layer):
    """In training every real frame gives its place to one drawn from the real frames, with replacement.

    At inference all frames stay where they are.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, x, mask=None, training=False):
        if not training:
            return x
        batch, frames = ops.shape(x)[0], ops.shape(x)[1]
        places = ops.broadcast_to(ops.arange(frames)[None], (batch, frames))
        real = ops.ones((batch, frames), "int32") if mask is None else ops.cast(mask, "int32")
        # The real frames in front, in their order.
        order = ops.argsort(ops.cast(places, "int32") + frames * (1 - real), axis=1)
        count = ops.cast(ops.sum(real, axis=1, keepdims=True), x.dtype)
        drawn = ops.floor(keras.random.uniform((batch, frames), dtype=x.dtype, seed=self.seed_generator) * count)
        index = ops.take_along_axis(order, ops.cast(drawn, "int32"), axis=1)
        sampled = ops.take_along_axis(x, ops.cast(index, "int32")[..., None], axis=1)
        return ops.where(ops.cast(real, "bool")[..., None], sampled, x)

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}
