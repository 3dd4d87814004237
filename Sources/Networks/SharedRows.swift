public import Ranks
public import Tensors

extension Peers {
    /// Makes the rows of a tensor known to all, of which each process has some. All call it together.
    ///
    /// - Parameters:
    ///   - tensor: Rows × anything.
    ///   - share: Which rows a process has.
    public func exchangeRows(of tensor: Tensor, share: (_ rank: Int) -> Range<Int>) {
        let size = tensor.shape.elementCount
        func rows(of rank: Int) -> Tensor {
            let rows = share(rank)
            return tensor.slice(at: rows.lowerBound * size, count: rows.count * size)
        }
        let own = rows(of: rank)
        withEach { to, from in
            let theirs = rows(of: from)
            own.withSpan { own in theirs.withMutableSpan { exchange(own, to: to, &$0, from: from) } }
        }
    }
}
