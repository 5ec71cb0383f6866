//! HTML that is put together from literals and escaped text.

use std::borrow::Cow;
use std::fmt;

/// A piece of HTML. Only literals of the program go in as they are; everything else is escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Html(String);

impl Html {
    /// Appends HTML of the program's own.
    #[must_use]
    pub fn raw(mut self, html: &'static str) -> Html {
        self.0.push_str(html);
        self
    }

    /// Appends text, fit for the content of elements and for attributes in quotation marks.
    #[must_use]
    pub fn text(mut self, text: &str) -> Html {
        self.0.push_str(&escaped(text));
        self
    }

    /// Appends other HTML.
    #[must_use]
    pub fn with(mut self, other: &Html) -> Html {
        self.0.push_str(&other.0);
        self
    }

    /// Appends a picture, whose bytes are in the page. The type is that of the bytes, such as `image/png`.
    #[must_use]
    pub fn picture(mut self, bytes: &[u8], media_type: &'static str, description: &str) -> Html {
        let (data, description) = (super::base64(bytes), escaped(description));
        self.0.push_str(&format!("<img alt=\"{description}\" src=\"data:{media_type};base64,{data}\">"));
        self
    }

    /// Appends a list of terms with what they are.
    #[must_use]
    pub fn definitions<'a>(mut self, class: &'static str, terms: impl IntoIterator<Item = (&'a str, &'a str)>) -> Html {
        self = self.raw("<dl class=\"").raw(class).raw("\">\n");
        for (term, meaning) in terms {
            self = self.raw("<div><dt>").text(term).raw("</dt><dd>").text(meaning).raw("</dd></div>\n");
        }
        self.raw("</dl>\n")
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text as HTML has it, in elements and in attributes.
///
/// ```
/// assert_eq!(anabranch::page::escaped("a<b & \"c\""), "a&lt;b &amp; &quot;c&quot;");
/// ```
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(|c: char| matches!(c, '&' | '<' | '>' | '"' | '\'') || c.is_control()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(
            escaped("<img src='x' onerror=\"a&b\">\0"),
            "&lt;img src=&#39;x&#39; onerror=&quot;a&amp;b&quot;&gt;\u{fffd}"
        );
        assert!(matches!(escaped("µm 10 → 20"), Cow::Borrowed(_)));
        let html = Html::default().definitions("facts", [("<dt>", "</dd>")]).picture(b"abc", "image/png", "\"");
        assert_eq!(
            html.to_string(),
            "<dl class=\"facts\">\n<div><dt>&lt;dt&gt;</dt><dd>&lt;/dd&gt;</dd></div>\n</dl>\n<img alt=\"&quot;\" \
             src=\"data:image/png;base64,YWJj\">"
        );
    }
}
