//! Numbers as people read them.

/// A number for people: three digits.
pub(super) fn short(number: f64) -> String {
    let rounded: f64 = format!("{number:.2e}").parse().unwrap_or(number);
    match rounded.abs() {
        0.0 => "0".to_owned(),
        size if (1e-4..1e7).contains(&size) => format!("{rounded}"),
        _ => format!("{rounded:e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn numbers_have_three_digits() {
        let numbers = [0.0, 1.0, 0.123_45, 1234.5, -0.000_123_45, 1.2345e-9, 1e9];
        assert_eq!(numbers.map(short), ["0", "1", "0.123", "1230", "-0.000123", "1.23e-9", "1e9"]);
    }
}
