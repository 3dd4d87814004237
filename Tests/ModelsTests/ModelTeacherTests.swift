import Datasets
import Models
import Storage
import TestSupport
import Testing

/// A Keras file as a teacher.
@Suite struct ModelTeacherTests {
    /// Where its weights are is known of the file that was opened.
    @Test func refusesAFileThatWasReplacedAfterItWasOpened() throws {
        try withScene { scene in
            let path = try scene.writeTeacher("teacher.h5", seed: 1)
            let teacher = try ModelTeacher(path, data: try ExampleFile(opening: scene.path("data.h5")))
            _ = try teacher.open()
            try scene.writeTeacher("teacher.h5", seed: 2)
            let error = #expect(throws: InputChangedError.self) { _ = try teacher.open() }
            #expect(error?.path == path && error?.isGone == false)
        }
    }

    @Test func isAModelWithASize() throws {
        try withScene { scene in
            let path = try scene.writeTeacher("teacher.h5", seed: 1)
            let teacher: any Teacher = try ModelTeacher(path, data: try ExampleFile(opening: scene.path("data.h5")))
            #expect(teacher.name == "teacher" && teacher.plan.classes == .assumed)
            // 6 · 10 + 10 and 10 · 3 + 3 weights.
            #expect(teacher.size?.parameters == 103 && teacher.size?.weightBytes.bytes == 412)
            #expect(teacher.model?.path == path)
        }
    }
}
