/// Who writes files.
public enum Producer {
    public static let name = "compress"
    public static let version = "0.1.0"
}
