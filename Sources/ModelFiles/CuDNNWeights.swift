import Networks
import Tensors

/// Weights of a recurrent layer in the layout of CuDNN, which files of CuDNNLSTM and CuDNNGRU have, and LSTM and GRU
/// layers whose weights came from there. They are recognized by the bias, flat and twice as long.
///
/// For each gate, with n inputs and u units:
///
///     kernel            read as (u, n), transposed
///     recurrent kernel  transposed
///     bias              LSTM: the sum of both halves; GRU: the halves are the rows (2, 3u)
///
/// As `_convert_rnn_weights` in `hdf5_format.py` of Keras 2 has it.
struct CuDNNWeights: StoredLayout {
    enum Part { case kernel, recurrentKernel, bias }

    let part: Part
    let gateCount: Int

    /// What the weights of one recurrent layer are in the file; nil if they are as Keras has them.
    static func parts(_ slots: [WeightSlot], _ stored: [[Int]]) -> [CuDNNWeights]? {
        guard slots.map(\.entry.spec.name) == ["kernel", "recurrent_kernel", "bias"],
            stored[..<2] == [slots[0].shape, slots[1].shape], slots[1].shape.count == 2
        else { return nil }
        let units = slots[1].shape[0], gateCount = slots[1].shape[1] / max(units, 1)
        let isLSTM = gateCount == 4 && slots[2].shape == [4 * units]
        let isGRU = gateCount == 3 && slots[2].shape == [2, 3 * units]
        guard isLSTM || isGRU, stored[2] == [2 * gateCount * units] else { return nil }
        return [.kernel, .recurrentKernel, .bias].map { CuDNNWeights(part: $0, gateCount: gateCount) }
    }

    /// Puts what the file has into the layer's parameter.
    func convert(_ values: [Float], into tensor: Tensor) {
        guard part != .bias else {
            let half = tensor.elementCount
            tensor.copy(from: values.count == half ? values : (0..<half).map { values[$0] + values[half + $0] })
            return
        }
        let inputs = tensor.shape[0], units = tensor.shape[1] / gateCount
        for gate in 0..<gateCount {
            for index in 0..<(inputs * units) {
                let stored = values[index / units * gateCount * units + gate * units + index % units]
                // The block is a matrix (u, n), row-major, whatever shape it is stored in.
                tensor[index % inputs * gateCount * units + gate * units + index / inputs] = stored
            }
        }
    }
}
