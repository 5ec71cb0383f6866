//! Pages for people: one HTML file that holds everything it shows.
//!
//! A [`Page`] is built from sections of [`Html`], scripts, styles and data, and rendered as one file. It asks for nothing
//! from outside: its content security policy admits its own scripts, by their SHA-256, and its own styles and pictures.
//! Whatever text goes in, from names of files and units to warnings, comes out escaped.
//!
//! All pages have the same look: [`STYLE`] sets colours as custom properties for light and dark, and works from 320 pixels of
//! width up and on paper. `page/base.js` and `page/charts.js` are in each page; what they offer is documented there.

mod base64;
mod columns;
mod html;
mod policy;

use std::fmt::Write;

use serde_json::Value;

pub use self::base64::base64;
pub use self::columns::{ColumnValues, Columns};
pub use self::html::{Html, escaped};

/// The style of all pages.
pub const STYLE: &str = include_str!("page/style.css");

/// Scripts that are in every page, in order.
const BASE: [&str; 4] = [
    include_str!("page/base.js"),
    include_str!("page/charts.js"),
    include_str!("page/plots.js"),
    include_str!("page/violin.js"),
];

/// The name in the head of a page that marks it as written by this program.
pub const GENERATOR: &str = "anabranch";

/// A page in the making.
///
/// ```
/// use anabranch::page::{Html, Page};
///
/// let mut page = Page::new("rbc1 & rbc2", "comparison");
/// page.section("figures", "Key figures", Html::default().text("1 < 2"));
/// page.data("samples", &serde_json::json!({"name": "</script>"}));
/// let file = page.render();
/// assert!(file.contains("<title>rbc1 &amp; rbc2</title>") && file.contains("1 &lt; 2"));
/// assert!(!file.contains(r#""</script>"#), "data cannot end their element");
/// ```
#[derive(Clone, Debug)]
pub struct Page {
    title: String,
    kind: &'static str,
    subtitle: Html,
    styles: Vec<&'static str>,
    scripts: Vec<&'static str>,
    body: String,
    links: Vec<(&'static str, String)>,
    data: String,
    follows: bool,
}

impl Page {
    /// A page with a title, and the word for what it is: `report`, `comparison`.
    pub fn new(title: &str, kind: &'static str) -> Page {
        Page {
            title: title.to_owned(),
            kind,
            subtitle: Html::default(),
            styles: vec![STYLE],
            scripts: BASE.to_vec(),
            body: String::new(),
            links: Vec::new(),
            data: String::new(),
            follows: false,
        }
    }

    /// Sets the line below the title.
    pub fn subtitle(&mut self, subtitle: Html) {
        self.subtitle = subtitle;
    }

    /// Adds a style after those that are there.
    pub fn style(&mut self, css: &'static str) {
        self.styles.push(css);
    }

    /// Adds a script, which runs after those that are there, when the whole page has been read.
    pub fn script(&mut self, source: &'static str) {
        self.scripts.push(source);
    }

    /// Adds a section with a heading; the navigation at the top leads to it.
    pub fn section(&mut self, id: &'static str, heading: &str, content: Html) {
        self.links.push((id, heading.to_owned()));
        let heading = escaped(heading);
        let _ = writeln!(
            self.body,
            "<section id=\"{id}\" aria-labelledby=\"{id}-heading\">\n<h2 id=\"{id}-heading\">{heading}</h2>\n{content}\n</section>"
        );
    }

    /// Adds content outside of sections, such as warnings.
    pub fn block(&mut self, content: Html) {
        let _ = writeln!(self.body, "{content}");
    }

    /// Adds data: `page.data("id")` returns them in scripts.
    pub fn data(&mut self, id: &'static str, data: &Value) {
        // Inside a script element nothing is escaped but what could end it or begin a comment.
        let text = data.to_string().replace('<', "\\u003c");
        let _ = writeln!(self.data, "<script type=\"application/json\" id=\"{id}\">{text}</script>");
    }

    /// Adds columns of numbers: `await page.columns("id")` returns them in scripts, as an object of typed arrays.
    pub fn columns(&mut self, id: &'static str, columns: &Columns) {
        let text = columns.encode();
        let _ = writeln!(self.data, "<script type=\"application/octet-stream\" id=\"{id}\">{text}</script>");
    }

    /// Lets scripts of the page connect to the server that it comes from.
    pub fn follow_server(&mut self) {
        self.follows = true;
    }

    /// The whole file. The same content makes the same bytes.
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(self.data.len() + self.body.len() + (1 << 17));
        let policy = policy::policy(&self.scripts, self.follows);
        let (title, kind, version) = (escaped(&self.title), self.kind, env!("CARGO_PKG_VERSION"));
        let _ = write!(
            out,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"generator\" content=\"{GENERATOR} {version}\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
             <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n"
        );
        self.styles.iter().for_each(|style| out.extend(["<style>\n", style, "</style>\n"]));
        let _ = write!(
            out,
            "</head>\n<body class=\"{kind}\">\n<a class=\"skip\" href=\"#content\">Skip to content</a>\n\
             <header class=\"top\">\n<p class=\"brand\">anabranch <span>{kind}</span></p>\n<h1>{title}</h1>\n"
        );
        if !self.subtitle.is_empty() {
            let _ = writeln!(out, "<p class=\"subtitle\">{}</p>", self.subtitle);
        }
        out.push_str("</header>\n");
        if self.links.len() > 1 {
            out.push_str("<nav aria-label=\"Sections\"><ul>\n");
            for (id, heading) in &self.links {
                let _ = writeln!(out, "<li><a href=\"#{id}\">{}</a></li>", escaped(heading));
            }
            out.push_str("</ul></nav>\n");
        }
        let _ = write!(
            out,
            "<main id=\"content\">\n<noscript><p class=\"notice\">Charts, the 3-D view and tables need JavaScript, which is switched \
             off here.</p></noscript>\n{}</main>\n",
            self.body
        );
        let _ = write!(out, "<footer>\n{}\n</footer>\n{}", citation(), self.data);
        self.scripts.iter().for_each(|script| out.extend(["<script>", script, "</script>\n"]));
        out.push_str("</body>\n</html>\n");
        out
    }
}

/// What to cite, and the version.
fn citation() -> Html {
    Html::default()
        .raw("<p>Made by anabranch ")
        .text(env!("CARGO_PKG_VERSION"))
        .raw(
            ". To cite: <cite>anabranch ",
        )
        .text(env!("CARGO_PKG_VERSION"))
        .raw(
            ": exact branch-network analysis of image volumes</cite>; thinning after Lee, Kashyap and Chu (1994), \
             <a href=\"https://doi.org/10.1006/cgip.1994.1042\" rel=\"noreferrer\">doi:10.1006/cgip.1994.1042</a>, as in scikit-image \
             (<a href=\"https://doi.org/10.7717/peerj.453\" rel=\"noreferrer\">doi:10.7717/peerj.453</a>); branches as in skan \
             (<a href=\"https://doi.org/10.7717/peerj.4312\" rel=\"noreferrer\">doi:10.7717/peerj.4312</a>).</p>",
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hostile_text_is_escaped_everywhere() {
        let hostile = "</script><script>alert(1)</script>\"'<!--&";
        let mut page = Page::new(hostile, "report");
        page.subtitle(Html::default().text(hostile));
        page.section("a", hostile, Html::default().text(hostile).raw("<i title=\"").text(hostile).raw("\"></i>"));
        page.data("data", &json!({ hostile: hostile }));
        let file = page.render();
        assert_eq!(file.matches("alert(1)").count(), 8);
        assert!(!file.contains("<script>alert") && !file.contains("<!--"), "{file}");
        assert_eq!(file.matches("</script>").count(), 1 + BASE.len(), "one for the data and one a script");
    }

    #[test]
    fn nothing_is_asked_for_from_outside() {
        let file = Page::new("a", "report").render();
        for outside in ["src=\"http", "url(http", "@import", "href=\"//", "<link rel=\"stylesheet", "eval("] {
            assert!(!file.contains(outside), "{outside}");
        }
        assert!(file.contains("default-src 'none'") && !file.contains("connect-src"));
    }

    #[test]
    fn only_a_page_that_follows_may_connect() {
        let mut page = Page::new("a", "live page");
        page.follow_server();
        assert!(page.render().contains("connect-src 'self'"));
    }
}
