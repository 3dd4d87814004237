"""What the layers share: a batch normalization inside, lengths, and kernels that begin alike."""

import keras
from keras import ops


def fan_in_normal():
    """Normal with deviation 1 / sqrt(fan in), not cut."""
    return keras.initializers.VarianceScaling(1.0, mode="fan_in", distribution="untruncated_normal")


def unit_length(x, axis=-1):
    return x / ops.sqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), 1e-12))


def zero_padding(x, mask):
    """Zeros where a sequence (batch, time, ...) is padding."""
    return x if mask is None else x * ops.cast(mask, x.dtype)[..., None]


class PoolingLayer(keras.layers.Layer):
    """A layer that takes the mask of its input, and whose output has none."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs, previous_mask=None):
        return None


class NormalizingLayer(keras.layers.Layer):
    """A layer with batch normalizations among its own weights, four vectors each.

    The order of all weights is that of their creation, what is trained first.
    """

    def __init__(self, momentum=0.99, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum
        self.epsilon = epsilon

    def add_kernel(self, name, shape):
        return self.add_weight(name=name, shape=shape, initializer=fan_in_normal())

    def add_normalization(self, size, prefix=""):
        vectors = {"gamma": "ones", "beta": "zeros", "moving_mean": "zeros", "moving_variance": "ones"}
        for name, initializer in vectors.items():
            weight = self.add_weight(
                name=prefix + name, shape=(size,), initializer=initializer, trainable=not name.startswith("moving")
            )
            setattr(self, prefix + name, weight)

    def normalize(self, x, training, mask=None, prefix=""):
        """Batch normalization over the last axis; of a sequence with a mask, over the frames that are real."""
        gamma, beta, moving_mean, moving_variance = (
            getattr(self, prefix + name) for name in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        if training and self.trainable:
            mean, variance = moments(x, mask)
            self.follow(moving_mean, mean)
            self.follow(moving_variance, variance)
        else:
            mean, variance = moving_mean, moving_variance
        return (x - mean) / ops.sqrt(variance + self.epsilon) * gamma + beta

    def follow(self, average, value):
        average.assign(self.momentum * average + (1 - self.momentum) * value)

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}


def moments(x, mask):
    axes = list(range(len(x.shape) - 1))
    if mask is None:
        return ops.moments(x, axes)
    weight = ops.cast(mask, x.dtype)[..., None]
    count = ops.maximum(ops.sum(weight), 1)
    mean = ops.sum(weight * x, axis=axes) / count
    return mean, ops.sum(weight * ops.square(x - mean), axis=axes) / count
