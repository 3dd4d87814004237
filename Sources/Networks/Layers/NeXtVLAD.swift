import Kernels

/// A sequence as residuals in groups of features, weighted by attention: "NeXtVLAD: an efficient neural network to aggregate
/// frame-level features for large-scale video classification" (Lin, Xiao, Fan, 2018).
///
///     x (T, F) that a Dense layer has expanded, G groups and K clusters, gives F/G · K numbers
///     α = sigmoid(x · W + b)                    (T, G), 0 for padding
///     a = softmax(BN(x · kernel)) by group      (T·G, K)
///     V = Σ α a (x − c)                         (F/G, K), over frames and groups
///     y = V, each column divided by its length
public struct NeXtVLAD: CompositeLayer {
    public let clusters, groups: Int
    public let normalization: BatchNormalization

    public init(clusters: Int, groups: Int, normalization: BatchNormalization = BatchNormalization()) {
        (self.clusters, self.groups, self.normalization) = (clusters, groups, normalization)
    }

    public var parts: [LayerPart] {
        var parts = [
            LayerPart(
                "attention", Dense(units: groups, activation: Activation(.sigmoid), kernelInitializer: .heNormal))
        ]
        parts.append(next: "real", PaddingToZero())
        parts.append(next: "attention_groups", ChannelGroups(groups))
        parts.append(LayerPart("assignment", LayerPart.product(groups * clusters)))
        parts.append(next: "normalization", normalization)
        parts.append(next: "groups", ChannelGroups(groups))
        parts.append(next: "softmax", Softmax())
        parts.append(LayerPart("attended", Merge(.multiply), inputs: [.part(parts.count - 1), .part(2)]))
        parts.append(LayerPart("input_groups", ChannelGroups(groups)))
        parts.append(
            LayerPart("residuals", ClusterResiduals(), inputs: [.part(parts.count - 1), .part(parts.count - 2)]))
        parts.append(scaledByCluster: "cluster")
        return parts
    }
}
