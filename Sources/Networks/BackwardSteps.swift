import Tensors

/// When elements of a gradient are final while `Workspace.backward` computes it: a function of the network alone.
public struct BackwardSteps: Sendable {
    /// Where parameters are, and after how many steps nothing is added to their gradient.
    private var completions: [(elements: Range<Int>, steps: Int)] = []
    private var deferred: [Range<Int>] = []

    /// - Parameter plan: Decides which nodes learn, each of which is a step, and which kernels are deferred.
    public init(_ graph: LayerGraph, _ plan: MemoryPlan) {
        var layers: [String: Int] = [:], kernels = Set<String>(), steps = 0
        for index in graph.nodes.indices.reversed() where plan.isLearning[index] {
            steps += 1
            let entry = graph.entries[graph.nodes[index].entry]
            layers[entry.name] = steps
            if plan.isDeferred[index], let kernel = entry.specs?.first {
                kernels.insert("\(entry.name)/\(kernel.name)")
            }
        }
        for entry in graph.layout.entries {
            let elements = entry.offset..<entry.offset + entry.spec.shape.elementCount
            if kernels.contains("\(entry.layer)/\(entry.spec.name)") { deferred.append(elements) }
            // What no step computes is set to zero before the first one.
            completions.append((elements, layers[entry.layer] ?? 1))
        }
    }

    /// The number of steps (`Workspace.passed`) after which nothing changes any more in some elements, but for deferred kernels.
    public func completion(of elements: Range<Int>) -> Int {
        completions.lazy.filter { $0.elements.overlaps(elements) }.map(\.steps).max() ?? 1
    }

    /// Whether some of the elements are of a `DeferredKernel`.
    public func areDeferred(_ elements: Range<Int>) -> Bool { deferred.contains { $0.overlaps(elements) } }
}
