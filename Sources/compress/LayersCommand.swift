import ArgumentParser
import Reports

struct LayersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "layers",
        abstract: "List the layers of Keras, and what can be done with each.",
        discussion: """
            Says of every class whose files are read, whether it predicts and trains, which Keras loads what is written, \
            and whether a student may have it; then what is refused by name, and what to do instead.

            Examples:
              compress layers
              compress layers --json
            """)

    @Flag(help: "Print the page Architectures/LAYERS.md.")
    var markdown = false

    @OptionGroup var common: CommonOptions

    func run() throws {
        let table = LayerTable()
        try common.print(
            markdown ? table.markdown : table.text(width: Terminal.output.limit), json: table.json)
    }
}
