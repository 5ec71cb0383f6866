//! Sizes of memory, as people write them.

use anabranch::error::{Error, Result};

/// Bytes from a number with a unit: K, M, G or T, in powers of 1024.
pub(crate) fn parse_size(text: &str) -> Result<usize> {
    let wrong = || Error::usage(format!("--memory {text} is not a size such as 500M or 2G"));
    let upper = text.trim().to_ascii_uppercase();
    let number = upper.trim_end_matches('B').trim_end_matches('I');
    let (digits, shift) = match number.chars().last() {
        Some('K') => (&number[..number.len() - 1], 10),
        Some('M') => (&number[..number.len() - 1], 20),
        Some('G') => (&number[..number.len() - 1], 30),
        Some('T') => (&number[..number.len() - 1], 40),
        _ => (number, 0),
    };
    let value: f64 = digits.trim().parse().map_err(|_| wrong())?;
    if !(value.is_finite() && value > 0.0) {
        return Err(wrong());
    }
    Ok((value * f64::from(1u32 << (shift / 2)) * f64::from(1u32 << (shift - shift / 2))) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(parse_size("500M").unwrap(), 500 << 20);
        assert_eq!(parse_size("1.5GiB").unwrap(), 3 << 29);
        assert_eq!(parse_size("4096").unwrap(), 4096);
        assert!(parse_size("lots").is_err() && parse_size("-1G").is_err() && parse_size("").is_err());
    }
}
