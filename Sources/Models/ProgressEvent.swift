/// How far work on examples is.
public enum ProgressEvent: Sendable {
    /// A part of the work begins, with the number of its examples.
    case began(_ name: String, total: Int)
    /// So many more examples are done.
    case advanced(Int)
    case ended
}
