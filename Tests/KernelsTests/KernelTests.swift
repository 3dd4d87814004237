import Foundation
import Kernels
import Tensors
import Testing

@Suite struct KernelLibraryTests {
    /// Tools/test runs the tests with the variable as well.
    @Test func theEnvironmentLeavesOneDNNOut() {
        let isLeftOut = ProcessInfo.processInfo.environment["COMPRESS_WITHOUT_ONEDNN"] != nil
        #expect(KernelLibrary.available.last == .openBLAS)
        #expect(!isLeftOut || !KernelLibrary.available.contains(.oneDNN))
        #expect(instructionSet().contains("oneDNN") == KernelLibrary.available.contains(.oneDNN))
    }
}

/// Fast kernels against loops anyone can read, for odd sizes too.
@Suite struct MultiplyTests {
    @Test(arguments: KernelLibrary.available, [(1, 1, 1), (3, 5, 2), (17, 64, 33), (64, 28, 96)])
    func agreesWithThreeNestedLoops(library: KernelLibrary, size: (Int, Int, Int)) {
        let (m, k, n) = size, context = KernelContext(library: library)
        let a = random(m * k, 1), b = random(k * n, 2), c = Buffer(zeros: m * n)
        for adding in [false, true] {
            for (transposeA, transposeB) in [(false, false), (true, false), (false, true), (true, true)] {
                let left = Matrix(a.tensor, rows: transposeA ? k : m, columns: transposeA ? m : k)
                let right = Matrix(b.tensor, rows: transposeB ? n : k, columns: transposeB ? k : n)
                c.tensor.fill(with: 0.5)
                context.multiply(
                    transposeA ? left.transposed : left, transposeB ? right.transposed : right,
                    into: Matrix(c.tensor, rows: m, columns: n), adding: adding)
                for row in 0..<m {
                    for column in 0..<n {
                        var expected = adding ? 0.5 : 0.0
                        for inner in 0..<k {
                            let x = transposeA ? a[inner * m + row] : a[row * k + inner]
                            let y = transposeB ? b[column * k + inner] : b[inner * n + column]
                            expected += Double(x) * Double(y)
                        }
                        #expect(abs(Double(c[row * n + column]) - expected) < 1e-4, "c[\(row), \(column)]")
                    }
                }
            }
        }
    }

    @Test(arguments: KernelLibrary.available)
    func readsAndWritesInsideLargerMatrices(library: KernelLibrary) {
        let context = KernelContext(library: library)
        let a = random(5 * 7, 1), b = random(4 * 6, 2), c = Buffer(zeros: 5 * 9)
        context.multiply(
            Matrix(a.tensor, rows: 5, columns: 4, stride: 7, at: 2), Matrix(b.tensor, rows: 4, columns: 3, stride: 6),
            into: Matrix(c.tensor, rows: 5, columns: 3, stride: 9, at: 1))
        for row in 0..<5 {
            for column in 0..<9 {
                var expected = 0.0
                if (1..<4).contains(column) {
                    for inner in 0..<4 {
                        expected += Double(a[row * 7 + 2 + inner]) * Double(b[inner * 6 + column - 1])
                    }
                }
                #expect(abs(Double(c[row * 9 + column]) - expected) < 1e-5)
            }
        }
    }
}

@Suite struct ConvolutionTests {
    static let geometries: [ConvolutionGeometry] = {
        var plain = ConvolutionGeometry(height: 6, width: 7, channels: 3, filters: 5, kernelHeight: 3, kernelWidth: 2)
        var strided = plain
        strided.strideHeight = 2
        strided.strideWidth = 3
        strided.margins = Margins(top: 0, bottom: 1, left: 1, right: 0)
        var grouped = ConvolutionGeometry(height: 5, width: 5, channels: 4, filters: 6, kernelHeight: 3, kernelWidth: 3)
        grouped.groups = 2
        grouped.dilationHeight = 2
        grouped.margins = Margins(top: 2, bottom: 2, left: 1, right: 1)
        var wide = ConvolutionGeometry(height: 8, width: 8, channels: 16, filters: 32, kernelHeight: 3, kernelWidth: 3)
        wide.margins = Margins(top: 1, bottom: 1, left: 1, right: 1)
        plain.margins.right = 0
        return [plain, strided, grouped, wide]
    }()

    @Test(arguments: KernelLibrary.available, geometries)
    func agreesWithSevenNestedLoops(library: KernelLibrary, g: ConvolutionGeometry) {
        let context = KernelContext(library: library), count = 2
        let x = random(count * g.height * g.width * g.channels, 1), kernel = random(g.kernel.elementCount, 2)
        let bias = random(g.filters, 3), y = Buffer(zeros: count * g.output.elementCount)
        context.convolve(
            g, x.tensor(count: count, shape: [g.height, g.width, g.channels]), kernel: kernel.tensor, bias: bias.tensor,
            relu: true, into: y.tensor(count: count, shape: g.output))
        let share = g.channels / g.groups, outputs = g.filters / g.groups
        for example in 0..<count {
            for row in 0..<g.outputHeight {
                for column in 0..<g.outputWidth {
                    for filter in 0..<g.filters {
                        var sum = Double(bias[filter])
                        for i in 0..<g.kernelHeight {
                            for j in 0..<g.kernelWidth {
                                let h = row * g.strideHeight - g.margins.top + i * g.dilationHeight
                                let w = column * g.strideWidth - g.margins.left + j * g.dilationWidth
                                guard (0..<g.height).contains(h), (0..<g.width).contains(w) else { continue }
                                for c in 0..<share {
                                    let channel = filter / outputs * share + c
                                    sum +=
                                        Double(x[((example * g.height + h) * g.width + w) * g.channels + channel])
                                        * Double(kernel[((i * g.kernelWidth + j) * share + c) * g.filters + filter])
                                }
                            }
                        }
                        let found = y[((example * g.outputHeight + row) * g.outputWidth + column) * g.filters + filter]
                        #expect(abs(Double(found) - max(sum, 0)) < 1e-4)
                    }
                }
            }
        }
    }
}

func random(_ count: Int, _ seed: Int) -> Buffer {
    let buffer = Buffer(zeros: count), key = RandomKey(seed: seed)
    for index in 0..<count { buffer[index] = Float(key.uniform(index) * 2 - 1) }
    return buffer
}
