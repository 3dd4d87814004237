import Foundation
import HDF5
import Testing

@testable import Datasets

@Suite struct InputMomentsTests {
    /// Writes a data file whose training examples are these, and returns their moments.
    private func moments(
        _ x: [Float], shape: [Int], lengths: [Int32]? = nil, scale: Double? = nil, offset: Double? = nil
    ) throws -> InputMoments {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d.h5").path
            let file = try HDF5File(creating: path)
            for split in ["train", "validation", "test"] {
                let dataset = try file.root.createDataset("\(split)/x", x, shape: shape)
                if let scale { try dataset.attributes.write(scale, to: "scale") }
                if let offset { try dataset.attributes.write(offset, to: "offset") }
                try file.root.createDataset(
                    "\(split)/y", [Int](0..<shape[0]).map { Int32($0 % 2) }, shape: [shape[0]])
                if let lengths { try file.root.createDataset("\(split)/length", lengths, shape: [shape[0]]) }
            }
            try file.close()
            return try InputMoments(of: ExampleFile(opening: path).trainAndValidation().train)
        }
    }

    /// Worked by hand: 1, 3, 5 have mean 3 and variance 8/3; 10, 10, 40 have 20 and 200.
    @Test func areThoseOfEachFeature() throws {
        let found = try moments([1, 10, 3, 10, 5, 40], shape: [3, 2])
        #expect(found.mean == [3, 20])
        #expect(found.variance == [8.0 / 3, 200])
    }

    @Test func areThoseOfWhatModelsAreFedWith() throws {
        let found = try moments([1, 10, 3, 10, 5, 40], shape: [3, 2], scale: 2, offset: -1)
        #expect(found.mean == [5, 39])
        #expect(found.variance == [32.0 / 3, 800])
    }

    /// Two sequences of three frames, of which one and two are real: 1, 5 and 6 count.
    @Test func leavePaddingOut() throws {
        let found = try moments([1, 100, 100, 5, 6, 100], shape: [2, 3, 1], lengths: [1, 2])
        #expect(found.mean == [4])
        #expect(found.variance == [14.0 / 3])
    }

    @Test func areThoseOfTheChannelsOfImages() throws {
        let found = try moments([0, 7, 2, 7, 4, 7, 6, 7], shape: [1, 2, 2, 2])
        #expect(found.mean == [3, 7])
        #expect(found.variance == [5, 1], "a constant channel has the variance 1")
    }

    /// In float32 sums the squares of numbers near a million would drown a variance of 1.25.
    @Test func keepTheDigitsOfFeaturesFarFromZero() throws {
        let found = try moments([1_000_000, 1_000_001, 1_000_002, 1_000_003], shape: [4, 1])
        #expect(found.mean == [1_000_001.5])
        #expect(found.variance == [1.25])
    }

    @Test func ofAFeatureThatOnlyRoundsDifferentlyAreThoseOfAConstant() throws {
        let found = try moments([0.1, Float(0.1).nextUp, 0.1, 0.1], shape: [4, 1])
        #expect(found.variance == [1])
    }
}
