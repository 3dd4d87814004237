public import Datasets
import Foundation
public import Kernels
public import Models
public import Tensors
public import Training

/// x log x, and 0 at 0.
func logarithmTerm(_ x: Double) -> Double { x > 0 ? x * log(x) : 0 }

/// How far a student is from its teachers and from the labels.
///
///     w(t) · Σᵢ aᵢ(t) · Lᵢ + λ(t) · CE(y, softmax(z))
///
/// The terms Lᵢ of the prediction loss compare the student's predictions with the ensemble's, or its layers with those of
/// a teacher; each is a mean over examples. Multi-label data have binary cross-entropy, summed over classes. w, aᵢ, λ and
/// the temperature may change over training.
public struct DistillationLoss: Objective {
    public let labelKind: LabelKind
    public let mixture: EnsembleMixture
    /// What is minimised, the weights aᵢ included.
    public let settings: LossSettings
    /// Which taps and which of a batch's layers the terms of layers compare.
    private let places: [LayerTerms.Place]
    private let labelLoss: LabelLoss
    private let responseLosses: [(any ResponseLoss)?]
    private let featureLosses: [(any FeatureLoss)?]
    private let teacherNames: [String]

    init(
        _ settings: LossSettings, mixture: EnsembleMixture, places: [LayerTerms.Place] = [], teacherNames: [String] = []
    ) {
        labelKind = mixture.labelKind
        (self.settings, self.mixture) = (settings, mixture)
        (self.places, self.teacherNames) = (places, teacherNames)
        labelLoss = LabelLoss(mixture.labelKind)
        responseLosses = settings.terms.map(\.measure.response)
        featureLosses = settings.terms.map(\.loss.feature)
    }

    private var prediction: [LossTerm] { settings.terms }

    public var terms: [String] {
        prediction.count == 1 && prediction[0].measure == .kl
            ? ["prediction", "ground truth"] : names + ["ground truth"]
    }

    /// The terms' names, numbered where there are several of a kind.
    private var names: [String] {
        let losses = prediction.map(\.loss.name)
        return losses.indices.map { index in
            let number = losses[...index].count { $0 == losses[index] }
            return losses.count { $0 == losses[index] } > 1 ? "\(losses[index]) \(number)" : losses[index]
        }
    }

    public func settings(at progress: Double) -> [(name: String, value: Double)] {
        var all = [("temperature", settings.temperature(progress)), ("soft_weight", settings.softWeight(progress))]
        if prediction.count > 1 || prediction.contains(where: { $0.weight != .constant(1) }) {
            all += zip(names, prediction).map { ("\($0.replacing(" ", with: "_"))_weight", $1.weight(progress)) }
        }
        return all + [("lambda", settings.lambda(progress))]
    }

    /// A teacher whose predictions or layers hold NaN or infinite numbers.
    public func remark(on batch: DistillationBatch) -> String? {
        func name(_ teacher: Int) -> String {
            teacher < teacherNames.count ? "'\(teacherNames[teacher])'" : "number \(teacher + 1)"
        }
        let all = 0..<batch.count
        for teacher in 0..<batch.teacherCount {
            let logits = Buffer(zeros: batch.count * batch.training.classCount).tensor
            batch.readLogits(of: teacher, all, into: logits)
            if !isFinite(logits) { return "Teacher \(name(teacher)) predicts numbers that are not finite" }
        }
        for (place, layers) in zip(places, batch.layers) where !layers.allSatisfy(isFinite) {
            return "Layers of teacher \(name(place.teacher)) hold numbers that are not finite"
        }
        let inputs = Buffer(zeros: batch.count * batch.training.exampleShape.elementCount).tensor
        batch.readInputs(all, into: inputs)
        return isFinite(inputs) ? nil : "The examples of this step have numbers that are not finite"
    }

    public func evaluate(
        _ logits: Tensor, taps: [Tap], _ batch: DistillationBatch, _ examples: Range<Int>, progress: Double,
        scale: Float,
        gradient: Tensor, kernels: KernelContext
    ) -> [Double] {
        let w = settings.softWeight(progress), λ = settings.lambda(progress)
        let T = Float(settings.temperature(progress))
        let weights = prediction.map { w * $0.weight(progress) }
        let count = logits.elementCount, shape = logits.shape
        let isTaught = zip(responseLosses, weights).contains { $0 != nil && $1 != 0 }
        return kernels.withScratch((2 + (isTaught ? batch.teacherCount : 0)) * count) { memory in
            func part(_ index: Int) -> Tensor {
                memory.slice(at: index * count, count: count).viewed(count: logits.count, shape: shape)
            }
            let labels = part(0), ensemble = part(1)
            batch.training.readLabels(examples, into: labels)
            let known = max(0, min(examples.upperBound, batch.training.labeledCount) - examples.lowerBound)
            // The labels' gradient is written, everything else is added to it.
            var groundTruth = 0.0
            if λ != 0 {
                groundTruth =
                    λ * labelLoss.write(logits, labels: labels, known: known, scale: Float(λ) * scale, to: gradient)
            } else {
                gradient.fill(with: 0)
            }
            for tap in taps { tap.gradient?.fill(with: 0) }
            if isTaught {
                let rows = (0..<batch.teacherCount).map { part(2 + $0) }
                for (teacher, rows) in rows.enumerated() {
                    batch.readLogits(of: teacher, examples, into: rows)
                }
                mixture.mix(rows, labels: labels, known: known, temperature: T, into: ensemble, kernels: kernels)
                // Not every loss shows it: correlations with what is no number are none. Infinite logits are sure ones.
                if hasNaN(ensemble) { return terms.map { _ in .nan } }
            }
            let responses = Responses(
                labelKind: labelKind, temperature: T, student: logits, teacher: ensemble, labels: labels)
            var values = prediction.indices.map { index in
                guard let loss = responseLosses[index], weights[index] != 0 else { return 0.0 }
                return weights[index]
                    * loss.add(responses, scale: Float(weights[index]) * scale, to: gradient, kernels: kernels)
            }
            for (place, wanted) in zip(places, batch.layers) {
                guard let loss = featureLosses[place.term], weights[place.term] != 0 else { continue }
                let sum = compare(
                    taps[place.taps], wanted, by: loss, examples, scale: Float(weights[place.term]) * scale, kernels)
                values[place.term] = weights[place.term] * sum
            }
            return values + [groundTruth]
        }
    }

    /// Adds the gradient of a term of layers, and returns its sum over the examples.
    ///
    /// - Parameter wanted: What a teacher's layers give for the whole batch.
    private func compare(
        _ taps: ArraySlice<Tap>, _ wanted: [Tensor], by loss: any FeatureLoss, _ examples: Range<Int>, scale: Float,
        _ kernels: KernelContext
    ) -> Double {
        zip(taps, wanted).reduce(0.0) { sum, pair in
            let (tap, wanted) = pair, size = wanted.shape.elementCount
            let target = wanted.slice(at: examples.lowerBound * size, count: examples.count * size)
                .viewed(count: examples.count, shape: wanted.shape)
            guard let gradient = tap.gradient else { return sum }
            return sum + loss.add(tap.value, target, scale: scale, to: gradient, kernels: kernels)
        }
    }
}

// MARK: - In words

extension DistillationLoss {
    /// The formula in force, a line for each term where there are several.
    var formulaInLines: String { settings.formula(labelKind, plus: prediction.count > 1 ? "\n+ " : " + ") }
}
