import Foundation
import ModelFiles
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// What `--precision auto` is, by the length of the training.
@Suite struct AutomaticPrecisionTests {
    private func withPlans(
        _ change: @escaping (inout CompressionRequest) -> Void = { _ in },
        _ body: ((_ epochs: Int, _ precision: Precision) throws -> Compressor) throws -> Void
    ) throws {
        try withScene { scene in
            let teacher = try scene.writeTeacher("teacher.h5", seed: 1)
            try body { epochs, precision in
                var request = scene.request([teacher])
                request.student = .named("mlp")
                request.precision = precision
                request.hyperparameters.epochs = epochs
                change(&request)
                return try Compressor(request) { _ in }
            }
        }
    }

    private func isShortForBits(_ compressor: Compressor) -> Bool {
        TrainingCost(
            examples: compressor.train.count, epochs: compressor.request.hyperparameters.epochs,
            graph: compressor.plan.built.graph
        ).isShortForBits
    }

    @Test func takesTheFewestBitsWhoseTrainingIsShortEnough() throws {
        let bits: [Precision] = [.automatic, .bits(8), .float16, .float32]
        try withPlans { plan in
            var seen: [Precision] = []
            for epochs in stride(from: 5.0, through: 9, by: 0.1).map({ Int(pow(10, $0)) }) {
                let chosen = try plan(epochs, .automatic), precision = chosen.request.precision
                if seen.last != precision { seen.append(precision) }
                let index = try #require(bits.firstIndex(of: precision))
                for fewer in bits[..<index] {
                    let longer = try plan(epochs, fewer == .automatic ? .bits(4) : fewer)
                    #expect(!isShortForBits(longer))
                }
                if precision != .float32 { #expect(isShortForBits(chosen)) }
                let same = try plan(epochs, precision)
                #expect(chosen.plan.width == same.plan.width)
                #expect((chosen.precisionNote == nil) == (precision == .automatic))
            }
            #expect(seen == bits)
            let note = try #require(try plan(1_000_000_000, .automatic).precisionNote)
            #expect(note.hasPrefix("precision: float32 (auto: 1,000,000,000 epochs of mlp at 4 bits take "))
        }
    }

    /// So many that one hundredth more would not fit, or none where the least of all does not.
    @Test(arguments: [30_000, 60_000, 100_000])
    func takesAsManyBitsAsFitWhereTheWidthIsGiven(budget: Int) throws {
        try withPlans({ ($0.width, $0.budget) = (2, ByteCount(budget)) }) { plan in
            let compressor = try plan(3, .automatic)
            guard case .bits(let bits) = compressor.request.precision else {
                Issue.record("\(compressor.request.precision)")
                return
            }
            #expect(bits < 4 && compressor.plan.export.size.file.bytes <= budget)
            #expect(
                compressor.precisionNote == "precision: \(Precision.bits(bits).rawValue) bits each (auto: no more fit)")
            #expect(throws: BudgetError.self) { try plan(3, .bits(bits + 0.01)) }
            #expect(compressor.request.stages.map(\.name).contains("pruning") == (bits < 1.5))
        }
    }

    @Test func saysWhichBitsWouldFit() throws {
        try withPlans({ ($0.width, $0.budget) = (2, ByteCount(30_000)) }) { plan in
            let error = try #require(throws: BudgetError.self) { try plan(3, .bits(4)) }
            let word = try #require(error.description.firstMatch(of: /--precision ([0-9.]+) would fit/)).1
            let fitting = try plan(3, .bits(Double(word) ?? 0))
            #expect(fitting.plan.export.size.file.bytes <= 30_000)
        }
        try withPlans({ ($0.width, $0.budget) = (2, ByteCount(7000)) }) { plan in
            let error = try #require(throws: BudgetError.self) { try plan(3, .automatic) }
            #expect(!error.description.contains("--precision"))
        }
    }

    @Test func isFloat32WhereTheBudgetCountsParameters() throws {
        try withPlans({ $0.budgetCounts = .parameters }) { plan in
            let compressor = try plan(3, .automatic)
            #expect(compressor.request.precision == .float32)
            #expect(compressor.plan.export.encodings.areExact)
            let exact = try plan(3, .float32)
            #expect(compressor.plan.width == exact.plan.width)
        }
    }

    /// Stages, a loss and a width that the user asks for are kept, however long the training.
    @Test(
        arguments: [
            { $0.width = 0.5 }, { $0.byteStages = [.quantization, .weightSharing] }, { $0.allowedLoss = 0.01 },
        ] as [@Sendable (inout CompressionRequest) -> Void])
    func leavesAloneWhatIsAskedFor(change: @escaping @Sendable (inout CompressionRequest) -> Void) throws {
        try withPlans(change) { plan in
            let compressor = try plan(1_000_000_000, .automatic)
            #expect(compressor.request.precision == .automatic)
        }
    }
}
