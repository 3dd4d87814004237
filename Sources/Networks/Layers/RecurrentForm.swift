import Kernels

/// What a recurrent layer computes in a step, in Keras's words.
package struct RecurrentForm: Sendable {
    package enum Kind: Sendable {
        case simple, lstm
        case gru(resetAfter: Bool)
    }

    package let kind: Kind
    package let activation, recurrentActivation: CellFunction
    package let useBias: Bool
}

extension Recurrent {
    package var form: RecurrentForm {
        func form(
            _ kind: RecurrentForm.Kind, _ activation: CellFunction, _ recurrent: CellFunction? = nil
        ) -> RecurrentForm {
            RecurrentForm(
                kind: kind, activation: activation, recurrentActivation: recurrent ?? activation, useBias: cell.useBias)
        }
        switch cell {
        case let cell as SimpleCell: return form(.simple, .elementwise(cell.activation))
        case let cell as ComposedSimpleCell: return form(.simple, cell.activation)
        case let cell as LSTMCell:
            return form(.lstm, .elementwise(cell.kinds.activation), .elementwise(cell.kinds.recurrent))
        case let cell as ComposedLSTMCell: return form(.lstm, cell.activation, cell.recurrentActivation)
        case let cell as ResetAfterGRUCell:
            return form(
                .gru(resetAfter: true), .elementwise(cell.kinds.activation), .elementwise(cell.kinds.recurrent))
        case let cell as ResetBeforeGRUCell:
            return form(
                .gru(resetAfter: false), .elementwise(cell.kinds.activation), .elementwise(cell.kinds.recurrent))
        case let cell as ComposedGRUCell:
            return form(.gru(resetAfter: cell.resetAfter), cell.activation, cell.recurrentActivation)
        default: preconditionFailure("a recurrent cell of a kind without a form")
        }
    }
}
