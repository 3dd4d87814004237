public import ModelFiles

/// The settings of one teacher: nil where the program finds out.
public struct TeacherRules: Hashable, Sendable {
    /// How it is fed.
    public var input: InputRules?
    /// What it outputs, if its last layer leaves that open.
    public var output: OutputReading?
    /// The names of its classes, in the order of its outputs, and where they were read.
    public var classes: ClassList?
    /// The place in its output of each of the data's classes, where it has no names.
    public var order: [Int]?

    /// Where its architecture is, if its file holds weights alone.
    public var architecture: KerasFile.ArchitectureSource?

    public struct ClassList: Hashable, Sendable {
        public let names: [String]
        public let path: String

        public init(_ names: [String], path: String) {
            self.names = names
            self.path = path
        }
    }

    public init() {}
}
