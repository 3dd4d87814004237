public import Models

/// What a compression is doing, for those who watch.
public enum CompressionEvent: Sendable {
    /// The teachers, and how their inputs and outputs are converted: before any of them runs.
    case plan([TeacherPlan])
    /// A sentence to show as it is.
    case message(String)
    /// Something the user should know before trusting the result.
    case warning(String)
    /// The part of the work that begins next is this step of so many, counted from 1.
    case step(Int, of: Int)
    /// A part of the work begins; `total` counts examples.
    case began(String, total: Int)
    /// More examples are done. `note` is the latest figure worth seeing.
    case advanced(Int, note: String?)
    case ended
}
