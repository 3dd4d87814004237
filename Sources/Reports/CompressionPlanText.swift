public import Distillation
public import ModelFiles
import Tensors

extension CompressionPlan {
    private var verdict: BudgetVerdict { BudgetVerdict(limit: budget, used: size.file) }

    /// What `--dry-run` prints.
    public func text(width: Int? = nil) -> String {
        let wide = self.width.map { ", width \($0 == $0.rounded() ? "\(Int($0))" : "\($0)")" } ?? ""
        let student = "student: \(student)\(wide), \(grouped(size.parameters)) parameters, \(size.file)\n"
        return student + planText(teachers, width: width) + "\(verdict)\nnothing was run or written\n"
    }

    /// What `--dry-run --json` prints.
    public var json: JSON {
        let width: [JSON.Object.Member] = self.width.map { [.init("width", .number($0))] } ?? []
        let teachers = teachers.map { teacher -> JSON in
            let facts: [JSON.Object.Member] = [
                .init("path", .string(teacher.path)), .init("parameters", .integer(teacher.parameters)),
                .init("bytes", .integer(teacher.bytes.bytes)),
            ]
            return .object(JSON.Object(facts + teacher.jsonMembers))
        }
        return [
            "student": .object(
                JSON.Object(
                    [.init("name", .string(student))] + width + [
                        .init("parameters", .integer(size.parameters)),
                        .init("predicted_bytes", .integer(size.file.bytes)),
                    ])),
            "teachers": .array(teachers), "budget": verdict.json,
        ]
    }
}
