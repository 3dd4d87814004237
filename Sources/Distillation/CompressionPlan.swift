import Datasets
public import ModelFiles
public import Tensors

/// What a compression will do, found out without doing it: the student, and how each teacher will be asked.
public struct CompressionPlan: Sendable {
    /// The student's architecture and its width, where it has one.
    public let student: String
    public let width: Double?
    /// The exact size of the student's file.
    public let size: SizeReport
    public let budget: ByteCount
    public let teachers: [TeacherPlan]

    /// Opens the data and the teachers. Nothing is run or written.
    ///
    /// - Throws: `BudgetError` for a student over the budget; `ModelFileError` and `ExampleFileError` for bad input.
    public init(_ request: CompressionRequest) throws {
        let data = try ExampleFile(opening: request.data), task = Task(data.labelKind)
        let plan = try StudentPlan(
            request.student, width: request.width, budget: request.budget, data: data, task: task,
            format: ExportPlan.Format(of: request.output), provenance: Provenance(request, task: task).placeholder)
        student = plan.built.architecture.name
        width = plan.width
        size = plan.export.size
        budget = request.budget
        teachers = try Teacher.all(request.teachers, data: data, rules: request.teacherRules).map(\.plan)
    }
}
