//! Limits of XML in images. The parser takes time in the square of the number of attributes of an element, and of the
//! depth of nested elements if each declares a namespace.

use crate::error::{Error, Result};

/// Largest depth of nested elements.
const DEEPEST: usize = 500;
/// Largest number of attributes of an element. OME-XML has about ten of both.
const MOST_ATTRIBUTES: usize = 1000;

/// Refuses XML that is deeper, or has more attributes in an element, than any program writes. Whether it is well-formed
/// is for the parser to decide.
///
/// # Errors
/// `Data` with the line.
pub(crate) fn require_modest(text: &str) -> Result<()> {
    let (mut at, mut depth) = (0, 0usize);
    while let Some(found) = text[at..].find('<') {
        let (start, rest) = (at + found, &text[at + found..]);
        let skipped = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("</", ">"), ("<!", ">")];
        if let Some((begin, end)) = skipped.into_iter().find(|(begin, _)| rest.starts_with(begin)) {
            depth = depth.saturating_sub(usize::from(begin == "</"));
            let Some(length) = rest[begin.len()..].find(end) else { return Ok(()) };
            at = start + begin.len() + length + end.len();
            continue;
        }
        let tag = Tag::of(rest);
        depth += usize::from(!tag.is_closed);
        let refusal = |what: String| {
            let line = text[..start].matches('\n').count() + 1;
            Error::data(format!("has metadata in XML with {what}, at line {line}; save it again as a plain TIFF stack"))
        };
        if depth > DEEPEST {
            return Err(refusal(format!("more than {DEEPEST} elements in each other")));
        }
        if tag.attributes > MOST_ATTRIBUTES {
            return Err(refusal(format!("more than {MOST_ATTRIBUTES} attributes in an element")));
        }
        at = start + tag.length;
    }
    Ok(())
}

/// The start tag of an element.
struct Tag {
    /// Bytes up to its end, or to that of the text.
    length: usize,
    attributes: usize,
    /// Whether it also ends the element.
    is_closed: bool,
}

impl Tag {
    fn of(text: &str) -> Tag {
        let (mut quote, mut attributes, mut before) = (None, 0, b' ');
        for (at, byte) in text.bytes().enumerate() {
            match (quote, byte) {
                (Some(open), _) if open == byte => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'=') => attributes += 1,
                (None, b'>') => return Tag { length: at + 1, attributes, is_closed: before == b'/' },
                (None, _) => {}
            }
            before = byte;
        }
        Tag { length: text.len(), attributes, is_closed: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn nested(count: usize, tag: impl Fn(usize) -> String) -> String {
        let open: String = (0..count).map(|n| format!("<{}>\n", tag(n))).collect();
        open + &"</a>".repeat(count)
    }

    #[test]
    fn xml_too_deep_or_of_too_many_attributes_is_refused_with_its_line() {
        let many = |count: usize| (0..count).map(|n| format!(" a{n}='>'")).collect::<String>();
        let cases = [
            (nested(10_000, |_| "a".to_owned()), "more than 500 elements in each other, at line 501"),
            (nested(10_000, |n| format!("a xmlns:n{n}=\"u{n}\"")), "more than 500 elements in each other"),
            (format!("<a>\n<b{}/></a>", many(200_000)), "more than 1000 attributes in an element, at line 2"),
        ];
        for (text, said) in cases {
            let error = require_modest(&text).unwrap_err();
            assert!(error.kind() == Kind::Data && error.to_string().contains(said), "{error}");
        }
        assert!(require_modest(&format!("<a{}/>", many(1000))).is_ok());
    }

    #[test]
    fn what_looks_like_elements_and_is_none_does_not_count() {
        let one = "<!-- <a> --><![CDATA[<a b=\"'>]]><a b='<a>' c=\"/>\"><b/><b x='1'/></a><?a <a>?>";
        assert!(require_modest(&one.repeat(1000)).is_ok());
        for bad in ["", "<", "<a", "<!--", "<a b='", "</a></a>", "é<é>", ">"] {
            assert!(require_modest(bad).is_ok(), "{bad}");
        }
    }
}
