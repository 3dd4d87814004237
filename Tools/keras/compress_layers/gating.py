"""Layers behind the frames: gates, and a classifier of experts."""

import keras
from keras import ops

from compress_layers.normalizing import NormalizingLayer


@keras.saving.register_keras_serializable(package="compress")
class ContextGating(NormalizingLayer):
    """y = x sigmoid(BN(x W)), W square (Miech, Laptev, Sivic, 2017)."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        features = input_shape[-1]
        self.kernel = self.add_kernel("kernel", (features, features))
        self.add_normalization(features)

    def call(self, x, mask=None, training=False):
        return x * ops.sigmoid(self.normalize(ops.matmul(x, self.kernel), training, mask))


@keras.saving.register_keras_serializable(package="compress")
class MixtureOfExperts(NormalizingLayer):
    """A mixture of experts for every class (Jordan and Jacobs, 1994; Abu-El-Haija et al., 2016).

        gates   g = softmax over each class's experts + 1 of x W_g
        experts e = sigmoid(x W_e + b)
        p_c = sum over m < experts of g_cm e_cm

    Columns are class by class: class c has the columns c (experts + 1) ... of W_g, and the last gate of a class is an
    expert's who always says 0. With probability gating (Miech, Laptev, Sivic, 2017) the answer is p sigmoid(BN(p W)).
    """

    def __init__(self, units, experts=2, probability_gating=False, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.experts = experts
        self.probability_gating = probability_gating

    def build(self, input_shape):
        features, units, experts = input_shape[-1], self.units, self.experts
        self.gates_kernel = self.add_weight(
            name="gates_kernel", shape=(features, units * (experts + 1)), initializer="glorot_uniform"
        )
        self.experts_kernel = self.add_weight(
            name="experts_kernel", shape=(features, units * experts), initializer="glorot_uniform"
        )
        self.experts_bias = self.add_weight(name="experts_bias", shape=(units * experts,), initializer="zeros")
        if self.probability_gating:
            self.product_kernel = self.add_kernel("product_kernel", (units, units))
            self.add_normalization(units)

    def call(self, x, training=False):
        units, experts = self.units, self.experts
        gates = ops.softmax(ops.reshape(ops.matmul(x, self.gates_kernel), (-1, units, experts + 1)), axis=-1)
        opinions = ops.sigmoid(ops.matmul(x, self.experts_kernel) + self.experts_bias)
        p = ops.sum(gates[..., :experts] * ops.reshape(opinions, (-1, units, experts)), axis=-1)
        if self.probability_gating:
            p = p * ops.sigmoid(self.normalize(ops.matmul(p, self.product_kernel), training))
        return p

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "experts": self.experts,
            "probability_gating": self.probability_gating,
        }
