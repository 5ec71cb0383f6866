//! The values in the rows of a table.

use csv::StringRecord;

use crate::error::{Error, Result};

/// Parses the channel in a row.
pub(super) fn channel_of(text: &str) -> Result<usize> {
    text.parse().map_err(|_| Error::data(format!("has {text:?} in column channel; give a whole number from 0")))
}

/// The text in a column of a row; a column is a name and an index.
pub(super) fn cell<'r>(row: &'r StringRecord, (name, at): (&str, usize)) -> Result<&'r str> {
    let text = row.get(at).filter(|text| !text.is_empty());
    text.ok_or_else(|| Error::data(format!("has nothing in column {name}; fill it in")))
}

/// Length of the longest path on any supported system, in bytes.
const LONGEST_PATH: usize = 4096;

/// Refuses a path that no file can have.
///
/// # Errors
/// `Data` if it is too long, or has several lines.
pub(super) fn require_path(path: &str) -> Result<()> {
    if path.contains(['\n', '\r']) {
        return Err(Error::data("has a line break in a path; close the quotes around it"));
    }
    if path.len() > LONGEST_PATH {
        return Err(Error::data(format!("has a path of {} bytes; paths have at most {LONGEST_PATH}", path.len())));
    }
    Ok(())
}

/// The finite number in a column of a row.
pub(super) fn number(row: &StringRecord, column: (&str, usize)) -> Result<f64> {
    finite(cell(row, column)?, column.0)
}

fn finite(text: &str, name: &str) -> Result<f64> {
    let wrong = |advice: &str| Error::data(format!("has {text:?} in column {name}; {advice}"));
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        Ok(_) => Err(wrong("give a finite number")),
        Err(_) if text.contains(',') => Err(wrong("write numbers with a decimal point, such as 1024.5")),
        Err(_) => Err(wrong("give a number, such as 1024.5")),
    }
}

/// Parses the numbers of a table whose values are not separated by commas, so that a comma may be a decimal one.
///
/// Only the other numbers of the table distinguish `1,024` that is a little more than one from one that is a thousand
/// and 24: this is decided at the end.
#[derive(Debug, Default)]
pub(super) struct Decimals {
    /// Whether a comma may be a decimal one.
    allowed: bool,
    /// The first number with a decimal point.
    point: Option<String>,
    /// The first with a comma that may separate thousands,
    unclear: Option<String>,
    /// and the first with a comma that can only be decimal.
    comma: Option<String>,
}

impl Decimals {
    pub(super) fn new(allowed: bool) -> Decimals {
        Decimals { allowed, ..Decimals::default() }
    }

    /// The finite number in a column of a row.
    pub(super) fn number(&mut self, row: &StringRecord, column: (&str, usize)) -> Result<f64> {
        let text = cell(row, column)?;
        if text.contains('.') {
            self.point.get_or_insert_with(|| text.to_owned());
        }
        if !self.allowed || !text.contains(',') {
            return finite(text, column.0);
        }
        let kept = if may_be_thousands(text) { &mut self.unclear } else { &mut self.comma };
        kept.get_or_insert_with(|| text.to_owned());
        finite(&text.replacen(',', ".", 1), column.0).map_err(|_| {
            let name = column.0;
            Error::data(format!("has {text:?} in column {name}; write numbers as in 1024,5 or as in 1024.5"))
        })
    }

    /// Refuses numbers that can be read in two ways.
    pub(super) fn finish(&self) -> Result<()> {
        let comma = self.comma.as_ref().or(self.unclear.as_ref());
        if let (Some(comma), Some(point)) = (comma, &self.point) {
            let message =
                format!("has numbers with decimal points ({point}) and with commas ({comma}); write all in one way");
            return Err(Error::data(message));
        }
        match (&self.unclear, &self.comma) {
            (Some(unclear), None) => {
                let message = format!(
                    "has numbers such as {unclear}, and the comma may be a decimal one or between thousands; write them \
                     with a decimal point"
                );
                Err(Error::data(message))
            }
            _ => Ok(()),
        }
    }
}

/// Returns whether the commas in a number may separate thousands: `1,024`, but not `0,512` or `1024,500`.
fn may_be_thousands(text: &str) -> bool {
    let mut groups = text.trim_start_matches(['-', '+']).split(',');
    let first = groups.next().unwrap_or_default();
    let is_first = (1..=3).contains(&first.len()) && !first.starts_with('0');
    let is_group = |group: &str| group.len() == 3 && group.bytes().all(|byte| byte.is_ascii_digit());
    is_first && groups.all(is_group)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str]) -> Result<Vec<f64>> {
        let mut decimals = Decimals::new(true);
        let numbers: Result<Vec<f64>> =
            texts.iter().map(|text| decimals.number(&StringRecord::from(vec![*text]), ("x", 0))).collect();
        numbers.and_then(|numbers| decimals.finish().map(|()| numbers))
    }

    #[test]
    fn decimal_commas_are_read_where_they_can_be_nothing_else() {
        assert_eq!(read(&["1,5", "-2,25", "1024", "1,024", "1,5e2"]).unwrap(), [1.5, -2.25, 1024.0, 1.024, 150.0]);
        assert_eq!(read(&["0,512", "12,345"]).unwrap(), [0.512, 12.345]);
        assert_eq!(read(&["1024,500"]).unwrap(), [1024.5]);
        assert_eq!(read(&["1.5", "1024"]).unwrap(), [1.5, 1024.0]);
    }

    #[test]
    fn numbers_that_can_be_read_in_two_ways_are_refused() {
        for (texts, said) in [
            (&["1,024", "2,048"][..], "has numbers such as 1,024, and the comma may be"),
            (&["1,5", "2.5"], "with decimal points (2.5) and with commas (1,5)"),
            (&["1,024", "2.5"], "with decimal points (2.5) and with commas (1,024)"),
            (&["1,024,000"], "has \"1,024,000\" in column x; write numbers as in"),
            (&["1.024,5"], "has \"1.024,5\" in column x"),
            (&["1,5", "nan"], "has \"nan\" in column x; give a finite number"),
        ] {
            let error = read(texts).unwrap_err().to_string();
            assert!(error.contains(said), "{texts:?}: {error}");
        }
        let mut plain = Decimals::new(false);
        let error = plain.number(&StringRecord::from(vec!["2,5"]), ("x", 0)).unwrap_err().to_string();
        assert!(error.contains("write numbers with a decimal point"), "{error}");
    }
}
