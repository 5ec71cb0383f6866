//! The natural order of file names, for files that need not be a series.

use std::cmp::Ordering;

/// The order of names in which `slice_2` comes before `slice_10`: runs of digits by their number, the rest by its text.
pub(crate) fn natural(a: &str, b: &str) -> Ordering {
    fn run(text: &str) -> (&str, &str, bool) {
        let digits = text.starts_with(|c: char| c.is_ascii_digit());
        let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
        (&text[..end], &text[end..], digits)
    }
    let (mut left, mut right) = (a, b);
    while !left.is_empty() && !right.is_empty() {
        let ((l, l_rest, l_digits), (r, r_rest, r_digits)) = (run(left), run(right));
        let order = if l_digits && r_digits {
            let (l, r) = (l.trim_start_matches('0'), r.trim_start_matches('0'));
            l.len().cmp(&r.len()).then_with(|| l.cmp(r))
        } else {
            l.cmp(r)
        };
        if order.is_ne() {
            return order;
        }
        (left, right) = (l_rest, r_rest);
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_by_the_numbers_in_them() {
        let ordered = ["a", "a1b2", "a1b10", "a2", "a02b", "a010", "a10b", "b0"];
        for (i, a) in ordered.iter().enumerate() {
            for (j, b) in ordered.iter().enumerate() {
                assert_eq!(natural(a, b), i.cmp(&j), "{a} and {b}");
            }
        }
    }
}
