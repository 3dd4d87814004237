import ModelFiles
import Tensors

/// A page of HTML that needs nothing else: no script, no other file, no network.
struct Page {
    let title: String
    /// The program, and the mark of the run that it belongs to.
    var program = ""
    var run = ""
    var head: Markup = ""
    /// Where its figures are.
    var foot = ""
    private(set) var sections: [(id: String, title: String, body: Markup)] = []

    init(title: String) { self.title = title }

    /// Adds a section, unless there is nothing in it.
    ///
    /// - Parameter note: What it shows, and what it leaves out.
    mutating func add(_ id: String, _ title: String, note: String = "", _ body: Markup) {
        guard !body.html.isEmpty else { return }
        sections.append((id, title, note.isEmpty ? body : "<p>\(note)</p>\(body)"))
    }

    var html: String {
        let links: [Markup] = sections.map { "<a href=\"#\($0.id)\">\($0.title)</a>" }
        let bodies: [Markup] = sections.map { "<section id=\"\($0.id)\"><h2>\($0.title)</h2>\($0.body)</section>\n" }
        let style = Markup(stringLiteral: PageStyle.css)
        let page: Markup = """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
            <meta name="generator" content="\(program)"><meta name="run" content="\(run)">
            <title>\(title)</title><style>\(style)</style></head>
            <body><main><header>\(head)<nav>\(links)</nav></header>
            \(bodies)<footer>Made by \(program). \(foot)</footer></main></body></html>

            """
        return page.html
    }
}

/// The last part of a path, which is what people call a file.
func fileName(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

/// A share as a percentage, with a space at which no line ends.
func share(_ number: Double, digits: Int = 1) -> String { "\(fixed(number * 100, digits: digits))\u{A0}%" }

/// A bar for a share of a whole from 0 to 1.
func bar(_ share: Double, _ style: String) -> Markup {
    "<i class=\"\(style)\" style=\"width:\(100 * min(max(share.isFinite ? share : 0, 0), 1))%\"></i>"
}
