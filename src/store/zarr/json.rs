//! JSON as programs write it, which is not always JSON: Python leaves `NaN` and `Infinity` bare, and editors of Windows
//! put a mark of the byte order first.

use serde_json::Value;

/// The value of a text. Bare `NaN`, `Infinity` and `-Infinity` become texts of these names.
///
/// # Errors
/// Where it is no JSON otherwise.
pub(crate) fn parse(bytes: &[u8]) -> serde_json::Result<Value> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match serde_json::from_slice(bytes) {
        Ok(value) => Ok(value),
        Err(error) => match quoted(bytes) {
            Some(text) => serde_json::from_slice(&text),
            None => Err(error),
        },
    }
}

/// The text with quotes around bare names of numbers; `None` where it has none.
fn quoted(bytes: &[u8]) -> Option<Vec<u8>> {
    const NAMES: [&[u8]; 3] = [b"NaN", b"-Infinity", b"Infinity"];
    let mut text = Vec::with_capacity(bytes.len() + 16);
    let (mut in_text, mut found, mut at) = (false, false, 0);
    while at < bytes.len() {
        let rest = &bytes[at..];
        let name = NAMES.into_iter().find(|name| !in_text && rest.starts_with(name));
        match (name, bytes[at]) {
            (Some(name), _) => {
                text.push(b'"');
                text.extend_from_slice(name);
                text.push(b'"');
                found = true;
                at += name.len();
                continue;
            }
            (None, b'\\') if in_text => {
                text.extend_from_slice(&rest[..rest.len().min(2)]);
                at += 2;
                continue;
            }
            (None, b'"') => in_text = !in_text,
            _ => {}
        }
        text.push(bytes[at]);
        at += 1;
    }
    found.then_some(text)
}

/// A whole number of at least zero, also where it is written as `6.0`.
pub(crate) fn whole(value: &Value) -> Option<u64> {
    /// Above, numbers with a point are not exact.
    const EXACT: f64 = (1u64 << 53) as f64;
    value
        .as_u64()
        .or_else(|| value.as_f64().filter(|n| n.fract() == 0.0 && (0.0..=EXACT).contains(n)).map(|n| n as u64))
}

/// Whole numbers in a list.
pub(crate) fn wholes(value: &Value) -> Option<Vec<u64>> {
    value.as_array()?.iter().map(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_python_and_windows_write_is_read() {
        let text = "\u{feff}{\"a\": NaN, \"b\": [-Infinity, Infinity], \"c\": \"NaN \\\" NaN\"}";
        let expected = json!({"a": "NaN", "b": ["-Infinity", "Infinity"], "c": "NaN \" NaN"});
        assert_eq!(parse(text.as_bytes()).unwrap(), expected);
        for bad in ["", "{", "{\"a\": nan}", "{\"a\": NaN", "\"\\", "<html>NaN</html>"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn whole_numbers_may_have_a_point() {
        assert_eq!(wholes(&json!([6, 6.0, 0])), Some(vec![6, 6, 0]));
        for bad in [json!([1.5]), json!([-1]), json!(["1"]), json!(null), json!([1e300])] {
            assert_eq!(wholes(&bad), None, "{bad}");
        }
    }
}
