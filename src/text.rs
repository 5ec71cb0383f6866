//! Text from outside, fit to be shown: without secrets, on one line, and of a limited length.
//!
//! Files, servers and addresses may contain anything. Text of theirs that is shown passes through here: paths,
//! sentences and causes of errors, warnings, and what a run writes about itself.

use std::borrow::Cow;

/// Stands for text that is hidden.
const HIDDEN: &str = "***";

/// A path, an address or an argument without its secrets: in an address, user names and passwords
/// (`https://***@host/…`) and everything from a `?` or `#` on (`…?***`) are hidden.
///
/// ```
/// use anabranch::text::masked;
///
/// assert_eq!(masked("https://user:password@host/a.zarr?token=1"), "https://***@host/a.zarr?***");
/// assert_eq!(masked("folder/a?.zarr"), "folder/a?.zarr");
/// ```
pub fn masked(text: &str) -> Cow<'_, str> {
    mask(text, |address| address.len())
}

/// An address without user name, password and everything from a `?` or `#` on: where an image lies, for names and for
/// files that other runs read.
///
/// ```
/// use anabranch::text::bare;
///
/// assert_eq!(bare("https://user:password@host/a.zarr?token=1"), "https://host/a.zarr");
/// ```
pub fn bare(address: &str) -> String {
    let shown = masked(address);
    let place = shown.strip_suffix(HIDDEN).and_then(|place| place.strip_suffix(['?', '#'])).unwrap_or(&shown);
    place.replace(&format!("://{HIDDEN}@"), "://")
}

/// The same as [`masked`] for a sentence or JSON, in which an address ends at white space or a quotation mark.
pub fn masked_words(text: &str) -> Cow<'_, str> {
    mask(text, |address| address.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(address.len()))
}

/// Text on one line: spaces in place of line breaks, and nothing that moves a cursor or changes what a terminal shows.
/// Text longer than `most` characters loses its middle.
pub fn line(text: &str, most: usize) -> String {
    let shown = |c: char| match c {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
        // Characters that turn the direction of text, or are invisible.
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}' => {
            '\u{fffd}'
        }
        _ if c.is_control() => '\u{fffd}',
        _ => c,
    };
    let count = text.chars().count();
    if count <= most {
        return text.chars().map(shown).collect();
    }
    let end = most / 3;
    let start = most.saturating_sub(end + 1);
    let kept = text.chars().take(start).chain(['…']).chain(text.chars().skip(count - end));
    kept.map(shown).collect()
}

/// Masks every address; `length` returns the length, from the host on, of the address that a text begins with.
fn mask(text: &str, length: impl Fn(&str) -> usize) -> Cow<'_, str> {
    if !text.contains("://") {
        return Cow::Borrowed(text);
    }
    let (mut shown, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("://") {
        let (scheme, after) = rest.split_at(at + "://".len());
        let address = &after[..length(after)];
        let user = user(address);
        let place = &address[user..];
        let end = place.find(['?', '#']).unwrap_or(place.len());
        shown.push_str(scheme);
        shown.push_str(if user > 0 { HIDDEN } else { "" });
        if let Some(nested) = place[..end].find("://") {
            // Another address in the path of this one.
            shown.push_str(&place[..nested]);
            rest = &after[user + nested..];
            continue;
        }
        shown.push_str(&place[..end]);
        if end < place.len() {
            shown.push_str(&place[end..=end]);
            shown.push_str(HIDDEN);
            // Of what is hidden already the sentence goes on.
            let marks = place[end + 1..].strip_prefix(HIDDEN).filter(|rest| rest.chars().all(|c| ":;,.)'".contains(c)));
            shown.push_str(marks.unwrap_or_default());
        }
        rest = &after[address.len()..];
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// Bytes of the user name and the password that an address begins with, up to the `@`.
fn user(address: &str) -> usize {
    let host = &address[..address.find(['/', '?', '#']).unwrap_or(address.len())];
    if let Some(user) = host.rfind('@') {
        return user;
    }
    // Anything but a port is the beginning of a password that has one of these characters.
    let name = host.rfind(']').map_or(host, |end| &host[end..]);
    let is_port = |port: &str| port.chars().all(|c| c.is_ascii_digit());
    match name.split_once(':') {
        Some((_, port)) if !is_port(port) => address.rfind('@').unwrap_or(0),
        _ => 0,
    }
}

/// The cells of a line of comma-separated values, as they are written: commas between quotation marks are part of a cell.
///
/// ```
/// use anabranch::text::{cells, unquoted};
///
/// let read: Vec<_> = cells("1,\"a, \"\"b\"\"\",").map(unquoted).collect();
/// assert_eq!(read, ["1", "a, \"b\"", ""]);
/// ```
pub fn cells(line: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    line.split(move |c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

/// The same of bytes.
pub fn byte_cells(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    line.split(move |&byte| {
        quoted ^= byte == b'"';
        byte == b',' && !quoted
    })
}

/// The text of a cell: without its quotation marks, if it has them.
pub fn unquoted(cell: &str) -> Cow<'_, str> {
    match cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')) {
        Some(inside) if inside.contains('"') => Cow::Owned(inside.replace("\"\"", "\"")),
        Some(inside) => Cow::Borrowed(inside),
        None => Cow::Borrowed(cell),
    }
}

/// The cell of a text: in quotation marks, if it has a comma or a quotation mark.
pub fn quoted(text: &str) -> Cow<'_, str> {
    match text.contains([',', '"']) {
        true => Cow::Owned(format!("\"{}\"", text.replace('"', "\"\""))),
        false => Cow::Borrowed(text),
    }
}

/// Maximum number of characters of a sentence.
const SENTENCE: usize = 4096;

/// A sentence for people that may contain text of files, servers and addresses: on one line, without secrets, and cut
/// to 4096 characters.
pub fn sentence(text: &str) -> String {
    line(&masked_words(text), SENTENCE)
}

/// A size in bytes as a user writes it, rounded up, so that it is enough as an option: `100K`, `12M`, `1.5G`.
pub fn size(bytes: usize) -> String {
    if bytes >= 1 << 30 {
        format!("{:.1}G", (bytes as f64 / f64::from(1 << 30) * 10.0).ceil() / 10.0)
    } else if bytes > 1 << 20 {
        format!("{}M", bytes.div_ceil(1 << 20))
    } else {
        format!("{}K", bytes.div_ceil(1 << 10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_an_address_are_hidden_and_its_place_is_not() {
        for (address, shown) in [
            ("https://host:8000/a@b/c.zarr", "https://host:8000/a@b/c.zarr"),
            ("https://name@host/c.zarr", "https://***@host/c.zarr"),
            ("HTTPS://name:pass@host:8000", "HTTPS://***@host:8000"),
            ("http://name:p@ss@host/c", "http://***@host/c"),
            ("http://name:p/s?s#w@host/c?x", "http://***@host/c?***"),
            ("http://host/c?token=a/b://c@d e", "http://host/c?***"),
            ("http://host/c#token", "http://host/c#***"),
            ("http://host?name@x", "http://host?***"),
            ("http://[::1]:80/c", "http://[::1]:80/c"),
            ("http://u:v@[::1]:80/c", "http://***@[::1]:80/c"),
            ("s3://KEY:SECRET@bucket/a", "s3://***@bucket/a"),
            ("--flat-field=https://u:v@host/a?t=1", "--flat-field=https://***@host/a?***"),
            ("https://proxy/https://u:v@host/a?t", "https://proxy/https://***@host/a?***"),
            ("http://host/ü?ü", "http://host/ü?***"),
            ("://", "://"),
            ("a?b@c", "a?b@c"),
            ("", ""),
        ] {
            assert_eq!(masked(address), shown, "{address}");
            assert_eq!(masked(shown), shown, "once is enough");
        }
    }

    #[test]
    fn a_bare_address_is_without_all_that_is_hidden() {
        for (address, place) in [
            ("https://host:8000/a@b/c.zarr", "https://host:8000/a@b/c.zarr"),
            ("http://name:p@ss@host/c.zarr?", "http://host/c.zarr"),
            ("http://host/c?token=a/b://c@d e", "http://host/c"),
            ("s3://KEY:SECRET@bucket/a#b?c", "s3://bucket/a"),
            ("http://u:v@[::1]:80", "http://[::1]:80"),
            ("https://proxy/https://u:v@host/a?t", "https://proxy/https://host/a"),
        ] {
            assert_eq!(bare(address), place, "{address}");
            assert_eq!(bare(&masked(address)), place, "{address}");
        }
    }

    #[test]
    fn a_sentence_goes_on_after_an_address() {
        let text = "cannot reach http://u:v@host/a?t=1 twice, nor s3://u@b; try https://h/a";
        let json = r#"{"path": "http://h/a?t=1", "more": "s3://u@b"}"#;
        assert_eq!(masked_words(json), r#"{"path": "http://h/a?***", "more": "s3://***@b"}"#);
        let again = "warning: http://***@h/a?***: see http://h/b?***, and 'http://h/c?***'";
        assert_eq!(masked_words(again), again);
        assert_eq!(masked_words(text), "cannot reach http://***@host/a?*** twice, nor s3://***@b; try https://h/a");
    }

    #[test]
    fn a_line_has_nothing_that_a_terminal_acts_on_and_an_end() {
        let hostile = "a\x1b[2Jb\r\nwarning: c\u{9b}1m\u{202e}d\u{2028}e\u{7}\0é µ";
        assert_eq!(line(hostile, 100), "a\u{fffd}[2Jb  warning: c\u{fffd}1m\u{fffd}d e\u{fffd}\u{fffd}é µ");
        let long = format!("begin{}end", "é".repeat(10_000));
        let cut = line(&long, 30);
        assert!(cut.chars().count() == 30 && cut.starts_with("beginé") && cut.ends_with("éend"), "{cut}");
        assert_eq!(line("12345", 5), "12345");
    }
}
