import Kernels
import Tensors

/// Axes that an equation names by letters, such as `bij,bjk->bik`.
protocol NamedAxes {
    /// How long each axis is; 1 for a letter that is not there.
    var extents: [Character: Int] { get }
}

extension NamedAxes {
    subscript(letter: Character) -> Int { extents[letter] ?? 1 }

    func product(_ letters: [Character]) -> Int { letters.reduce(1) { $0 * self[$1] } }

    /// A rows × columns matrix of one of the shared letters' values.
    func matrix(_ tensor: Tensor, _ rows: [Character], _ columns: [Character], _ item: Int) -> Matrix {
        let (height, width) = (product(rows), product(columns))
        return Matrix(tensor, rows: height, columns: width, at: item * height * width)
    }

    /// Lends a tensor with its axes in another order: itself if they are in that order.
    func withOrder(
        _ kernels: KernelContext, _ tensor: Tensor, _ from: [Character], _ to: [Character], _ body: (Tensor) -> Void
    ) {
        guard from != to else { return body(tensor) }
        kernels.withScratch(tensor.elementCount) { copy in
            permuteAxes(of: tensor, from.map { self[$0] }, order: to.compactMap(from.firstIndex), into: copy)
            body(copy)
        }
    }

    /// Lends room for a tensor with its axes in another order, and puts what is written there in its place.
    func withResult(
        _ kernels: KernelContext, _ tensor: Tensor, _ to: [Character], _ from: [Character], _ body: (Tensor) -> Void
    ) {
        guard from != to else { return body(tensor) }
        kernels.withScratch(tensor.elementCount) { copy in
            body(copy)
            permuteAxes(of: copy, from.map { self[$0] }, order: to.compactMap(from.firstIndex), into: tensor)
        }
    }
}
