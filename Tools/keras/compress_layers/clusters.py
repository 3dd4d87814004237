"""Layers that assign frames to clusters and say what each cluster has got."""

import keras
from keras import ops

from compress_layers.normalizing import NormalizingLayer, PoolingLayer, fan_in_normal, unit_length, zero_padding


class ClusterLayer(NormalizingLayer, PoolingLayer):
    """Assigns each frame (batch, time, features) to clusters: a = softmax(BN(x W)), 0 where it is padding."""

    def __init__(self, clusters, **kwargs):
        super().__init__(**kwargs)
        self.clusters = clusters

    def build(self, input_shape):
        self.features = input_shape[-1]
        self.assignment_kernel = self.add_kernel("assignment_kernel", (self.features, self.clusters))
        self.add_normalization(self.clusters)

    def assign(self, x, mask, training):
        scores = self.normalize(ops.matmul(x, self.assignment_kernel), training, mask)
        return zero_padding(ops.softmax(scores, axis=-1), mask)

    def sums(self, x, a):
        """Sums over time of the features that belong to each cluster, (batch, features, clusters)."""
        return ops.matmul(ops.transpose(x, (0, 2, 1)), a)

    def flat(self, values):
        return ops.reshape(values, (-1, values.shape[1] * values.shape[2]))

    def get_config(self):
        return {**super().get_config(), "clusters": self.clusters}


@keras.saving.register_keras_serializable(package="compress")
class NetVLAD(ClusterLayer):
    """How far frames are from the centers of their clusters (Arandjelovic et al., 2016).

        V_fk = sum_t a_tk (x_tf - c_fk), each column of length 1, then all of length 1; index f K + k

    Without centers it is NetRVLAD (Miech, Laptev, Sivic, 2017).
    """

    def __init__(self, clusters, use_centers=True, **kwargs):
        super().__init__(clusters, **kwargs)
        self.use_centers = use_centers

    def build(self, input_shape):
        super().build(input_shape)
        if self.use_centers:
            self.centers = self.add_kernel("centers", (self.features, self.clusters))

    def call(self, x, mask=None, training=False):
        a = self.assign(x, mask, training)
        residuals = self.sums(x, a)
        if self.use_centers:
            residuals = residuals - self.centers * ops.sum(a, axis=1, keepdims=True)
        return unit_length(self.flat(unit_length(residuals, axis=1)))

    def get_config(self):
        return {**super().get_config(), "use_centers": self.use_centers}


@keras.saving.register_keras_serializable(package="compress")
class NetFV(ClusterLayer):
    """Fisher vectors that learn (Miech, Laptev, Sivic, 2017): means of length 1, then variances of length 1.

        M = sum_t a x,  Q = sum_t a x^2,  s = sum_t a,  v = covariances^2 + 1e-6
        means (M - c s) / v, each column of length 1 first; variances (Q - 2 c M + c^2 s) / v^2 - s
    """

    def build(self, input_shape):
        super().build(input_shape)
        shape = (self.features, self.clusters)
        self.covariances = self.add_weight(name="covariances", shape=shape, initializer=around_one)
        self.centers = self.add_kernel("centers", shape)

    def call(self, x, mask=None, training=False):
        a = self.assign(x, mask, training)
        first, second, s = self.sums(x, a), self.sums(ops.square(x), a), ops.sum(a, axis=1, keepdims=True)
        c, v = self.centers, ops.square(self.covariances) + 1e-6
        means = (first - c * s) / v
        variances = (second - 2 * c * first + ops.square(c) * s) / ops.square(v) - s
        return ops.concatenate(
            [unit_length(self.flat(unit_length(means, axis=1))), unit_length(self.flat(variances))], axis=-1
        )


def around_one(shape, dtype=None):
    return 1 + fan_in_normal()(shape, dtype=dtype)


@keras.saving.register_keras_serializable(package="compress")
class SoftDBoF(ClusterLayer):
    """How many frames each cluster has, of length 1: sum_t a (Miech, Laptev, Sivic, 2017)."""

    def call(self, x, mask=None, training=False):
        return unit_length(ops.sum(self.assign(x, mask, training), axis=1))


@keras.saving.register_keras_serializable(package="compress")
class GatedDBoF(ClusterLayer):
    """Counts of frames, let through as their maxima say (Skalic and Austin, 2018).

        s = sum_t a,  m = max_t a of length 1,  y = s sigmoid(BN(m D E)) of length 1,
        D (clusters, gate units), E (gate units, clusters)

    Two batch normalizations: `gamma`, ... of the assignments, `gate_gamma`, ... of the gate.
    """

    def __init__(self, clusters, gate_units, **kwargs):
        super().__init__(clusters, **kwargs)
        self.gate_units = gate_units

    def build(self, input_shape):
        super().build(input_shape)
        self.inner_kernel = self.add_kernel("inner_kernel", (self.clusters, self.gate_units))
        self.outer_kernel = self.add_kernel("outer_kernel", (self.gate_units, self.clusters))
        self.add_normalization(self.clusters, "gate_")

    def call(self, x, mask=None, training=False):
        a = self.assign(x, mask, training)
        m = unit_length(ops.max(a, axis=1))
        gate = ops.matmul(ops.matmul(m, self.inner_kernel), self.outer_kernel)
        return unit_length(ops.sum(a, axis=1) * ops.sigmoid(self.normalize(gate, training, prefix="gate_")))

    def get_config(self):
        return {**super().get_config(), "gate_units": self.gate_units}


@keras.saving.register_keras_serializable(package="compress")
class NeXtVLAD(NormalizingLayer, PoolingLayer):
    """NetVLAD of groups of features, each with an attention (Lin, Xiao, Fan, 2018).

    Frames come expanded, by a Dense layer: x (time, F), in groups x_g of F / groups features.

        h = sigmoid(x W_h + b), 0 where it is padding;  a_g = softmax over K of BN(x W)_g
        V_fk = sum_t sum_g h_tg a_tgk (x_tgf - c_fk), each column of length 1; index f K + k
    """

    def __init__(self, clusters, groups, **kwargs):
        super().__init__(**kwargs)
        self.clusters = clusters
        self.groups = groups

    def build(self, input_shape):
        features, clusters, groups = input_shape[-1], self.clusters, self.groups
        if features % groups != 0:
            raise ValueError(f"NeXtVLAD has {groups} groups, which do not divide {features} features")
        self.attention_kernel = self.add_weight(
            name="attention_kernel", shape=(features, groups), initializer="he_normal"
        )
        self.attention_bias = self.add_weight(name="attention_bias", shape=(groups,), initializer="zeros")
        self.assignment_kernel = self.add_kernel("assignment_kernel", (features, groups * clusters))
        self.add_normalization(groups * clusters)
        self.centers = self.add_kernel("centers", (features // groups, clusters))

    def call(self, x, mask=None, training=False):
        clusters, groups = self.clusters, self.groups
        frames, width = x.shape[1] or ops.shape(x)[1], x.shape[-1] // groups
        attention = ops.sigmoid(ops.matmul(x, self.attention_kernel) + self.attention_bias)
        scores = self.normalize(ops.matmul(x, self.assignment_kernel), training, mask)
        a = ops.softmax(ops.reshape(scores, (-1, frames * groups, clusters)), axis=-1)
        a = a * ops.reshape(zero_padding(attention, mask), (-1, frames * groups, 1))
        parts = ops.reshape(x, (-1, frames * groups, width))
        residuals = ops.matmul(ops.transpose(parts, (0, 2, 1)), a)
        residuals = residuals - self.centers * ops.sum(a, axis=1, keepdims=True)
        return ops.reshape(unit_length(residuals, axis=1), (-1, width * clusters))

    def get_config(self):
        return {**super().get_config(), "clusters": self.clusters, "groups": self.groups}
