//! Classes of numbers that end at 1, 2, 5, 10, 20, 50 and so on; each begins above the end of the previous one.

use std::sync::LazyLock;

/// The first and the last class, which end at 1e-30 and 5e30.
const STEPS: std::ops::RangeInclusive<i32> = -90..=92;

static ENDS: LazyLock<Vec<f64>> = LazyLock::new(|| STEPS.map(end).collect());

/// The end of a class: 1, 2, 5, 10, 20, 50 and so on from class 0; 0.5, 0.2, 0.1 before it.
pub fn class_end(class: i32) -> f64 {
    let place = usize::try_from(class - STEPS.start()).ok();
    place.and_then(|place| ENDS.get(place).copied()).unwrap_or_else(|| end(class))
}

/// The class of a positive number: the first class whose end is not below it. All numbers up to 1e-30 are in the first
/// class, and all above 2e30 in the last.
pub fn class_of(number: f64) -> i32 {
    let place = ENDS.partition_point(|&end| end < number).min(ENDS.len() - 1);
    STEPS.start() + place as i32
}

fn end(class: i32) -> f64 {
    let digit = [1.0, 2.0, 5.0][usize::try_from(class.rem_euclid(3)).unwrap_or_default()];
    // Parsed from text, to get the double nearest to the decimal number.
    format!("{digit}e{}", class.div_euclid(3)).parse().unwrap_or(digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_end_at_the_numbers_that_people_write() {
        let ends: Vec<f64> = (-3..=4).map(class_end).collect();
        assert_eq!(ends, [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0]);
        assert_eq!((class_end(-93), class_end(93)), (1e-31, 1e31));
        for (number, class) in [(1.0, 0), (1.000_000_1, 1), (2.0, 1), (0.1, -3), (7.5, 3), (1e-300, -90), (1e300, 92)] {
            assert_eq!(class_of(number), class, "{number}");
        }
    }
}
