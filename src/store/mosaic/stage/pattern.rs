//! File names that contain the row and the column of a tile.

use std::fmt;

use crate::error::{Error, Result};

/// A name with placeholders for the row and for the column: `img_r{row}_c{col}.tif`, or in the style of MIST and Fiji,
/// `img_r{rrr}_c{ccc}.tif`, `tile_{yy}_{xx}.tif`.
#[derive(Debug)]
pub(super) struct Pattern {
    text: String,
    /// The text before, between and after the numbers.
    parts: [String; 3],
    /// Whether the first number is that of the row.
    row_first: bool,
}

impl Pattern {
    /// # Errors
    /// `Usage` if it does not have a row and a column, each once.
    pub(super) fn parse(text: &str) -> Result<Pattern> {
        let wrong = || {
            let message = format!(
                "--pattern {text} does not fit: give the name of a tile with {{row}} and {{col}} in it, each once, such \
                 as img_r{{row}}_c{{col}}.tif"
            );
            Error::usage(message)
        };
        let (mut parts, mut axes, mut rest) = (Vec::new(), Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (word, behind) = after.split_once('}').ok_or_else(wrong)?;
            let all = |letter: char| !word.is_empty() && word.chars().all(|c| c == letter);
            axes.push(match word {
                "row" => true,
                "col" | "column" => false,
                _ if all('r') || all('y') => true,
                _ if all('c') || all('x') => false,
                _ => return Err(wrong()),
            });
            parts.push(before.to_owned());
            rest = behind;
        }
        parts.push(rest.to_owned());
        match (<[String; 3]>::try_from(parts), &axes[..]) {
            // Two numbers without text between them cannot be separated.
            (Ok(parts), [one, other]) if one != other && !parts[1].is_empty() => {
                Ok(Pattern { text: text.to_owned(), parts, row_first: *one })
            }
            _ => Err(wrong()),
        }
    }

    /// The row and the column in a name; `None` if it does not match the pattern.
    pub(super) fn place(&self, name: &str) -> Option<[usize; 2]> {
        let [before, between, behind] = &self.parts;
        let inner = name.strip_prefix(before.as_str())?.strip_suffix(behind.as_str())?;
        let (first, second) = inner.split_once(between.as_str())?;
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            // No stage has rows or columns beyond this.
            text.parse().ok().filter(|&number: &usize| digits && number < 1 << 32)
        };
        let (first, second) = (number(first)?, number(second)?);
        Some(if self.row_first { [first, second] } else { [second, first] })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_the_row_and_the_column() {
        for (pattern, name, place) in [
            ("img_r{row}_c{col}.tif", "img_r001_c012.tif", Some([1, 12])),
            ("img_r{rrr}_c{ccc}.tif", "img_r001_c012.tif", Some([1, 12])),
            ("{xx}-{y}.tif", "03-4.tif", Some([4, 3])),
            ("img_r{row}_c{column}", "img_r1_c2.tif", None),
            ("img_r{row}_c{col}.tif", "img_r1_cx.tif", None),
            ("img_r{row}_c{col}.tif", "img_r_c2.tif", None),
            ("img_r{row}_c{col}.tif", "img_r1_c99999999999.tif", None),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().place(name), place, "{pattern}");
        }
        for pattern in
            ["img.tif", "{row}.tif", "{row}{col}.tif", "{row}_{row}.tif", "{row}_{col", "{row}_{col}_{i}", "{rc}_{c}"]
        {
            assert!(Pattern::parse(pattern).unwrap_err().to_string().contains("does not fit"), "{pattern}");
        }
    }
}
