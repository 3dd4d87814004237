import Datasets
import Foundation
import HDF5
import ModelFiles
import Models
import Tensors
import TestSupport
import Testing

/// Rules by which examples are changed before a model sees them.
@Suite struct InputRulesTests {
    /// Every rule against numpy and Keras (`Tools/reference/teacher_fixtures.py`).
    @Test func doesWhatNumpyAndKerasDo() throws {
        let file = try HDF5File(opening: modelsFixture("input-rules.h5"))
        var count = 0
        while try file.root.contains("x_\(count)") {
            let before = try file.root.dataset("x_\(count)"), after = try file.root.dataset("y_\(count)")
            let text = try after.attributes.string("rules"), rules = try InputRules(parsing: text)
            let found = try binding(
                try before.read(), Array(before.shape.dropFirst()), rules, to: Array(after.shape.dropFirst()))
            let expected: [Float] = try after.read()
            for (found, expected) in zip(found, expected) {
                #expect(abs(found - expected) <= 1e-6 * max(1, abs(expected)), "\(text)")
            }
            #expect(found.count == expected.count)
            count += 1
        }
        #expect(count == 24)
    }

    /// What a model with one input of a shape is given.
    private func binding(_ x: [Float], _ shape: [Int], _ rules: InputRules, to result: [Int]) throws -> [Float] {
        let architecture = Architecture(
            origin: "model.h5", name: "model", inputs: [Architecture.Input("input", result)], layers: [], outputs: [])
        let inputs = try ModelInputs(
            architecture, [ExampleInput("x", shape)], rules: rules, holder: "the test has", option: "")
        let count = x.count / shape.reduce(1, *), size = result.reduce(1, *)
        let target = Buffer(zeros: count * size).tensor.viewed(count: count, shape: Shape(result))
        inputs.fill([target]) { position, examples in
            #expect(position == 0)
            examples.copy(from: x)
        }
        return target.values
    }

    @Test(arguments: [
        "scale:0.00392157,offset:-0.5,resize:224x224,transpose:2-0-1", "resize:3x4:nearest", "channels:2-1-0",
        "reshape:28x28x1", "scale:1/2/3", "rgb,scale:0.5", "x[0..1024]", "x[..3]", "x[3..]",
        "rgb:x[0..1024],audio:x[1024..1152],scale:2", "offset:1,rgb,audio,scale:2", "a:b,c:d",
    ])
    func isWrittenAsItWasRead(text: String) throws {
        #expect("\(try InputRules(parsing: text))" == text)
    }

    @Test(arguments: [
        ("", "expected rules such as scale:0.00392157,resize:32x32, found nothing"),
        (
            "scael:0.1",
            "there is no step 'scael'; did you mean 'scale'? "
                + "(steps are channels, offset, reshape, resize, scale, transpose)"
        ),
        (
            "blur:3", "there is no step 'blur' (steps are channels, offset, reshape, resize, scale, transpose)"
        ),
        (
            "scale",
            "'scale' takes a number, or one for each channel, such as scale:0.00392157 or "
                + "scale:4.367/4.464/4.444, found 'scale:'"
        ),
        (
            "scale:1e99", "'scale' takes numbers up to 3.4e38, as float32 has them, found '1e99'"
        ),
        (
            "offset:1/-1e300", "'offset' takes numbers up to 3.4e38, as float32 has them, found '-1e300'"
        ),
        (
            "scale:1/two",
            "'scale' takes a number, or one for each channel, such as scale:0.00392157 or "
                + "scale:4.367/4.464/4.444, found 'scale:1/two'"
        ),
        (
            "resize:224",
            "'resize' takes a height and a width, such as resize:224x224 or resize:224x224:nearest, "
                + "found 'resize:224'"
        ),
        (
            "resize:0x4",
            "'resize' takes a height and a width, such as resize:224x224 or resize:224x224:nearest, "
                + "found 'resize:0x4'"
        ),
        ("transpose:2,0,1", "expected steps such as scale:0.00392157,resize:32x32, or a dataset, found '0'"),
        ("reshape:28xx1", "'reshape' takes a shape, such as reshape:28x28x1, found 'reshape:28xx1'"),
        (
            "x[3..2]", "expected a part of the last axis such as x[0..1024] (0 to 1023), found 'x[3..2]'"
        ),
        ("x[3:5]", "expected a part of the last axis such as x[0..1024] (0 to 1023), found 'x[3:5]'"),
        ("rgb:x[0..3],y", "name the model's inputs for all datasets or for none, found 'rgb:x[0..3],y'"),
        (",", "expected steps such as scale:0.00392157,resize:32x32, or a dataset, found ''"),
    ])
    func refusesWhatIsNoRule(text: String, message expected: String) {
        #expect(message { _ = try InputRules(parsing: text) } == expected)
    }
}
