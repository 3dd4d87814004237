import Foundation
public import Networks
public import Tensors

extension ArchitectureFile {
    /// Widths are multiples of this.
    public static let widthStep = 1.0 / 64

    /// The widest width that a budget holds, and whose prediction takes no more than
    /// `mostMultiplyAdds`; nil if not even the narrowest fits, or if the width makes no difference.
    ///
    /// - Parameters:
    ///   - budget: Nil for a file of any size.
    ///   - mostMultiplyAdds: The most multiply-adds of the prediction for one example; nil for any number.
    ///   - encodings: How the file stores the parameters of a network.
    ///   - notes: What the file will say beside the network.
    public func widestWidth(
        fitting budget: Budget?, mostMultiplyAdds: Int? = nil, classes: Int? = nil, input: Shape? = nil,
        encodings: (ParameterLayout) -> WeightEncodings = Precision.float32.encodings,
        format: any ModelFormat = KerasHDF5(),
        notes: ExportPlan.Notes = ExportPlan.Notes()
    ) throws -> Double? {
        guard usesWidth else { return nil }
        // What is wrong at any width is an error; what is wrong at some (groups that do not divide) is passed over.
        _ = try architecture(classes: classes, input: input).graph()
        func fits(_ steps: Int) throws -> Bool? {
            guard
                let built = try? architecture(classes: classes, input: input, width: Double(steps) * Self.widthStep)
                    .graph()
            else { return nil }
            if let mostMultiplyAdds, built.graph.multiplyAddsPerExample > mostMultiplyAdds { return false }
            guard let budget else { return true }
            let encodings = encodings(built.graph.layout)
            return budget.holds(try ExportPlan(built, encodings, format: format, notes: notes).size)
        }
        /// The widest possible width of at most so many steps, and whether it fits.
        func nearest(_ steps: Int) throws -> (steps: Int, fits: Bool)? {
            for candidate in stride(from: steps, to: max(steps - 64, 0), by: -1) {
                if let fits = try fits(candidate) { return (candidate, fits) }
            }
            return nil
        }
        var fitting = 0, tooWide = 1
        while let found = try nearest(tooWide), found.fits, tooWide < 1 << 30 {
            fitting = tooWide
            tooWide *= 2
        }
        while tooWide - fitting > 1 {
            let middle = (fitting + tooWide) / 2
            if let found = try nearest(middle), found.fits {
                fitting = middle
            } else {
                tooWide = middle
            }
        }
        return try nearest(fitting).map { Double($0.steps) * Self.widthStep }
    }
}
