//! Numbers in file names, of any length, with optional sign and decimals.

use std::cmp::Ordering;

/// A number in a name.
#[derive(Clone, Debug)]
pub(crate) struct Number {
    negative: bool,
    /// Without leading zeros.
    whole: String,
    /// Without zeros at its end.
    fraction: String,
    /// The number as written.
    pub(crate) text: String,
}

impl Number {
    pub(crate) fn new(negative: bool, whole: &str, fraction: &str, text: &str) -> Self {
        let whole = whole.trim_start_matches('0').to_owned();
        let fraction = fraction.trim_end_matches('0').to_owned();
        let negative = negative && !(whole.is_empty() && fraction.is_empty());
        Number { negative, whole, fraction, text: text.to_owned() }
    }

    /// The number in units of its last of `decimals` decimals; `None` if it is too long for arithmetic.
    fn scaled(&self, decimals: usize) -> Option<i128> {
        let zeros = decimals.checked_sub(self.fraction.len())?;
        let digits = format!("0{}{}{}", self.whole, self.fraction, "0".repeat(zeros));
        let number: i128 = digits.parse().ok()?;
        Some(if self.negative { -number } else { number })
    }

    pub(crate) fn is_negative(&self) -> bool {
        self.negative
    }

    fn size(&self, other: &Number) -> Ordering {
        let whole = self.whole.len().cmp(&other.whole.len()).then_with(|| self.whole.cmp(&other.whole));
        whole.then_with(|| self.fraction.cmp(&other.fraction))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.size(other),
            (true, true) => other.size(self),
            (negative, _) => {
                if negative {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

/// The first index in a rising list behind which the step is not the usual one: a number may be missing there.
pub(crate) fn first_gap(numbers: &[&Number]) -> Option<usize> {
    let decimals = numbers.iter().map(|number| number.fraction.len()).max().unwrap_or(0);
    let scaled: Option<Vec<i128>> = numbers.iter().map(|number| number.scaled(decimals)).collect();
    let steps: Vec<i128> = scaled?.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    let mut sorted = steps.clone();
    sorted.sort_unstable();
    // The most frequent step; among equals, the smallest.
    let usual = sorted.chunk_by(|a, b| a == b).rev().max_by_key(|run| run.len())?[0];
    steps.iter().position(|&step| step != usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        Number::new(negative, whole, fraction, text)
    }

    #[test]
    fn numbers_are_ordered_by_their_value() {
        let rising = ["-10000000000000000000000000", "-2", "-1.5", "0", "0.25", "0.5", "9", "010"];
        for (i, a) in rising.iter().enumerate() {
            for (j, b) in rising.iter().enumerate() {
                assert_eq!(number(a).cmp(&number(b)), i.cmp(&j), "{a} and {b}");
            }
        }
        assert_eq!(number("0.50"), number("00.5"));
        assert_eq!(number("-0"), number("0"));
    }

    #[test]
    fn the_first_gap_is_where_the_step_is_another() {
        let gap = |texts: &[&str]| {
            let numbers: Vec<Number> = texts.iter().map(|text| number(text)).collect();
            first_gap(&numbers.iter().collect::<Vec<_>>())
        };
        assert_eq!(gap(&["-1", "0", "1", "2"]), None);
        assert_eq!(gap(&["0", "0.25", "0.5", "0.75"]), None);
        assert_eq!(gap(&["1", "2", "4", "5", "7"]), Some(1));
        assert_eq!(gap(&["10", "20", "30", "50"]), Some(2));
        assert_eq!(gap(&["1", "2", "4"]), Some(1));
        assert_eq!(gap(&["10000000000000000000000001", "10000000000000000000000002"]), None);
        assert_eq!(gap(&["5"]), None);
    }
}
