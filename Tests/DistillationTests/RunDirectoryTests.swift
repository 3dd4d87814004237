import Foundation
import TestSupport
import Testing

@testable import Distillation

@Suite struct RunDirectoryTests {
    /// A user may name any folder as the run directory, that of the teachers or of other work, too.
    @Test func removesNothingThatOthersLeft() throws {
        try withScene { scene in
            let original = URL(filePath: try scene.writeTeacher("teacher.h5", seed: 1))
            let run = URL(filePath: scene.path("run")), manager = FileManager.default
            try manager.createDirectory(at: run.appending(path: "generation-plots"), withIntermediateDirectories: true)
            let others = ["resnet-checkpoint.h5", "generation-x.h5", "generation-1.txt", "generation-plots/1.png"]
            for name in others { try Data("mine".utf8).write(to: run.appending(path: name)) }
            let teacher = run.appending(path: "teacher-checkpoint.h5")
            try manager.copyItem(at: original, to: teacher)
            var request = scene.request([teacher.path])
            request.generations = 2
            try compress(request)
            try compress(request)
            for name in others {
                #expect(try Data(contentsOf: run.appending(path: name)) == Data("mine".utf8), "\(name)")
            }
            #expect(try Data(contentsOf: teacher) == Data(contentsOf: original))
        }
    }
}
