//! JSON from various programs, which is not always valid: Python writes bare `NaN` and `Infinity`, and Windows editors
//! put a byte order mark first.

use serde_json::Value;

/// Largest number of values in metadata.
const MOST_VALUES: usize = 8_000_000;
/// Largest number of objects in metadata. Those of a plate with all its arrays have some hundred thousand.
const MOST_OBJECTS: usize = 1_000_000;

/// Parses a text. Bare `NaN`, `Infinity` and `-Infinity` become texts of these names.
///
/// # Errors
/// If it is otherwise invalid, or contains more values or objects than any metadata.
pub(crate) fn parse(bytes: &[u8]) -> serde_json::Result<Value> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    require_few(bytes)?;
    match serde_json::from_slice(bytes) {
        Ok(value) => Ok(value),
        Err(error) => match quoted(bytes) {
            Some(text) => serde_json::from_slice(&text),
            None => Err(error),
        },
    }
}

/// Refuses a text of more values or objects than any metadata have: two bytes of text take 32 of memory, and the eight
/// of an object 600.
fn require_few(bytes: &[u8]) -> serde_json::Result<()> {
    let (mut in_text, mut escaped, mut values, mut objects) = (false, false, 0, 0);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b',' if !in_text => values += 1,
            b'{' if !in_text => objects += 1,
            _ => {}
        }
    }
    for (count, most, what) in [(values, MOST_VALUES, "values"), (objects, MOST_OBJECTS, "objects")] {
        if count > most {
            return Err(serde::de::Error::custom(format_args!("it holds more than {most} {what}")));
        }
    }
    Ok(())
}

/// The text with quotes around bare names of numbers; `None` if it has none.
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

/// A whole number of at least zero, also written as `6.0`.
pub(crate) fn whole(value: &Value) -> Option<u64> {
    /// Beyond this, numbers with a decimal point are not exact.
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
    fn more_than_metadata_hold_is_refused() {
        let list = |one: &str, count: usize| format!("[{}0]", format!("{one},").repeat(count));
        for (text, said) in [
            (list("0", MOST_VALUES + 1), "it holds more than 8000000 values"),
            (list("{\"\":0}", MOST_OBJECTS + 1), "it holds more than 1000000 objects"),
            ("[".repeat(10_000), "recursion limit exceeded"),
            ("{\"a\":".repeat(10_000), "recursion limit exceeded"),
        ] {
            let error = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        let text = format!("[\"\\\"{}\"]", ",{".repeat(MOST_VALUES + 1));
        assert!(parse(text.as_bytes()).is_ok());
    }

    #[test]
    fn whole_numbers_may_have_a_point() {
        assert_eq!(wholes(&json!([6, 6.0, 0])), Some(vec![6, 6, 0]));
        for bad in [json!([1.5]), json!([-1]), json!(["1"]), json!(null), json!([1e300])] {
            assert_eq!(wholes(&bad), None, "{bad}");
        }
    }
}
