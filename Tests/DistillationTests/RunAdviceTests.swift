import Testing

@testable import Distillation

/// What to try next follows from what a run measured. Of 400 examples an accuracy of 0.8 is known to 0.02.
@Suite struct RunAdviceTests {
    private func facts(_ change: (inout RunFacts) -> Void) -> [String] {
        var facts = RunFacts()
        (facts.validationCount, facts.epochs) = (400, 10)
        facts.scores = [0.5, 0.6, 0.7, 0.75, 0.78, 0.79, 0.8, 0.8, 0.8, 0.8]
        (facts.student, facts.ensemble, facts.training) = (0.8, 0.81, 0.82)
        change(&facts)
        return facts.advice
    }

    @Test func saysNothingOfDifferencesWithinTheNoise() {
        #expect(facts { _ in } == [])
        #expect(facts { $0.baseline = 0.815 } == [])
        #expect(facts { $0.ensemble = 0.835 } == [])
        #expect(facts { $0.scores[9] = 0.815 } == [])
        // Of ten examples, a tenth is noise; of none, nothing is known.
        #expect(facts { ($0.validationCount, $0.baseline) = (10, 0.9) } == [])
        #expect(facts { ($0.validationCount, $0.baseline) = (0, 0.9) } == [])
    }

    @Test func wantsMoreEpochsWhereTheLastOnesHelped() {
        let scores = [0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.72, 0.76, 0.8]
        #expect(
            facts { $0.scores = scores } == [
                "the student was still improving (accuracy 0.7200 after epoch 8, 0.8000 after epoch 10): try --epochs 20"
            ])
        // A run that was stopped early, or whose epochs are not all known, says nothing of that.
        #expect(facts { $0.scores = Array(scores.prefix(8)) } == [])
    }

    /// Fewer than half of the epochs that the program would choose are few.
    @Test func wantsItsOwnEpochsWhereThereWereFew() {
        let scores = [0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.72, 0.76, 0.8]
        #expect(
            facts { ($0.scores, $0.automaticEpochs) = (scores, 40) } == [
                "the student was still improving (accuracy 0.7200 after epoch 8, 0.8000 after epoch 10): try --epochs auto, "
                    + "which is 40"
            ])
        #expect(
            facts { ($0.ensemble, $0.automaticEpochs) = (0.9, 40) } == [
                "the student (accuracy 0.8000) is far from the ensemble (0.9000) after 10 epochs: try --epochs auto, which is "
                    + "40"
            ])
        #expect(facts { $0.automaticEpochs = 40 } == [])
    }

    @Test func wantsAnotherLossWhereLabelsAloneAreBetter() {
        #expect(
            facts { ($0.baseline, $0.ensemble, $0.firstTemperature) = (0.87, 0.9, 4) } == [
                "labels alone are better (accuracy 0.8700, the student 0.8000): try --temperature linear:1:4, which "
                    + "begins with the teachers' plain predictions",
                "the student (accuracy 0.8000) is far from the ensemble (0.9000), also on training examples (0.8200): try a "
                    + "larger --budget",
            ])
        #expect(
            facts { ($0.baseline, $0.ensemble, $0.training) = (0.87, 0.9, nil) } == [
                "labels alone are better (accuracy 0.8700, the student 0.8000): try --lambda 1, which weighs labels fully "
                    + "from the start, or more --epochs"
            ])
        #expect(
            facts { ($0.baseline, $0.ensemble) = (0.87, 0.82) } == [
                "labels alone are better (accuracy 0.8700, the student 0.8000), and the ensemble (0.8200) is not: better "
                    + "teachers are needed"
            ])
    }

    @Test func tellsASmallStudentFromOneThatKnowsItsExamplesByHeart() {
        func far(_ training: Double, _ use: Double = 0.97, isAugmented: Bool = false) -> [String] {
            facts { facts in
                (facts.ensemble, facts.training, facts.budgetUse, facts.isAugmented) = (0.9, training, use, isAugmented)
            }
        }
        let words = "the student (accuracy 0.8000) is far from the ensemble (0.9000)"
        #expect(
            far(0.3) == ["\(words), and hardly learns its training examples (0.3000): try another --learning-rate"])
        // What is wrong with its inputs, a warning says.
        #expect(facts { ($0.ensemble, $0.isFedBadly) = (0.9, true) } == [])
        #expect(far(0.81) == ["\(words), also on training examples (0.8100): try a larger --budget"])
        #expect(
            far(0.81, 0.3) == ["\(words), and takes 30 % of the budget: try a wider one, such as --student auto"])
        #expect(
            far(0.99) == [
                "\(words), and knows its training examples better (0.9900): try --augment, or --unlabeled with more examples"
            ])
        #expect(
            far(0.99, isAugmented: true) == [
                "\(words), and knows its training examples better (0.9900): try --unlabeled with more examples"
            ])
    }
}
