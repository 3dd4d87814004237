import Foundation

/// A file that `Tools/reference/teacher_fixtures.py` wrote.
func modelsFixture(_ name: String) -> String {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/\(name)").path
}
