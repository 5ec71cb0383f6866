//! Exact sums of floating-point numbers, from which added numbers can be removed without a trace.
//!
//! A sum is one wide fixed-point number, kept in digits of 32 bits with room for carries, as in R. Neal, "Fast exact
//! summation using small and large superaccumulators", 2015, section 2.

use serde::{Deserialize, Serialize};

/// Exponent of the weight of the lowest bit: below that of the square of the smallest number, and a multiple of 32.
const LOWEST: i32 = -2176;
/// Number of digits: up to 2^64 times the square of the largest number.
const DIGITS: usize = (2176 + 2048 + 128) / 32;
/// Additions between carries; each changes a digit by less than 2^36.
const CARRY_EVERY: u32 = 1 << 20;

/// An exact sum of numbers, or of squares of numbers.
#[derive(Clone, Debug)]
pub struct ExactSum {
    digits: Vec<i64>,
    additions: u32,
}

impl Default for ExactSum {
    fn default() -> Self {
        ExactSum { digits: vec![0; DIGITS], additions: 0 }
    }
}

impl ExactSum {
    /// Adds a finite number `times` times; a negative count removes it.
    ///
    /// # Panics
    /// If the number is infinite or NaN.
    pub fn add(&mut self, value: f64, times: i64) {
        let (mantissa, exponent) = parts(value);
        self.add_scaled(u128::from(mantissa), exponent, if value < 0.0 { -times } else { times });
    }

    /// Adds the square of a finite number `times` times; a negative count removes it.
    ///
    /// # Panics
    /// If the number is infinite or NaN.
    pub fn add_square(&mut self, value: f64, times: i64) {
        let (mantissa, exponent) = parts(value);
        self.add_scaled(u128::from(mantissa).pow(2), 2 * exponent, times);
    }

    /// The sum, rounded once.
    pub fn value(&self) -> f64 {
        let (negative, digits) = self.magnitude();
        let value = round(&digits, LOWEST);
        if negative { -value } else { value }
    }

    fn add_scaled(&mut self, mantissa: u128, exponent: i32, times: i64) {
        let at = (exponent - LOWEST) as usize;
        let (first, shift) = (at / 32, at % 32);
        for half in 0..2 {
            let times_half = (times.unsigned_abs() >> (32 * half)) & 0xffff_ffff;
            if times_half == 0 {
                continue;
            }
            for digit in 0..4 {
                let part = u64::try_from((mantissa >> (32 * digit)) & 0xffff_ffff).unwrap_or(0);
                let mut left = u128::from(part * times_half) << shift;
                let mut place = first + digit + half;
                while left != 0 {
                    let low = (left & 0xffff_ffff) as i64;
                    self.digits[place] += if times < 0 { -low } else { low };
                    left >>= 32;
                    place += 1;
                }
            }
        }
        self.additions += 1;
        if self.additions == CARRY_EVERY {
            carry(&mut self.digits);
            self.additions = 0;
        }
    }

    /// Whether the sum is negative, and its absolute value in digits of 32 bits, lowest first.
    fn magnitude(&self) -> (bool, Vec<u32>) {
        let mut digits = self.digits.clone();
        let negative = make_positive(&mut digits);
        (negative, digits.into_iter().map(|digit| digit as u32).collect())
    }

    /// The sum with only the digits that it needs; what is left is zero.
    pub fn take_packed(&mut self) -> PackedSum {
        let negative = make_positive(&mut self.digits);
        let digits = self.digits.iter().map(|&digit| digit as u32).collect();
        self.digits.fill(0);
        self.additions = 0;
        PackedSum { negative, place: 0, digits }.trimmed()
    }
}

/// An exact sum that is held while nothing is added: the digits that it needs. Equal sums have equal digits.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PackedSum {
    negative: bool,
    /// The place of the first digit.
    place: u16,
    /// The digits of its absolute value, lowest first; neither the first nor the last is 0.
    digits: Vec<u32>,
}

impl PackedSum {
    /// A whole number.
    pub fn of_whole(number: i128) -> PackedSum {
        let magnitude = number.unsigned_abs();
        let digits = (0..4).map(|digit| (magnitude >> (32 * digit)) as u32).collect();
        PackedSum { negative: number < 0, place: (-LOWEST / 32) as u16, digits }.trimmed()
    }

    /// The same sum, to which can be added.
    pub fn unpacked(&self) -> ExactSum {
        let mut sum = ExactSum::default();
        for (digit, &part) in sum.digits[usize::from(self.place)..].iter_mut().zip(&self.digits) {
            *digit = if self.negative { -i64::from(part) } else { i64::from(part) };
        }
        sum
    }

    /// Adds another sum. Takes time in proportion to the digits of both.
    pub fn add(&mut self, other: &PackedSum) {
        let first = match (self.digits.is_empty(), other.digits.is_empty()) {
            (_, true) => return,
            (true, false) => other.place,
            (false, false) => self.place.min(other.place),
        };
        let end = |sum: &PackedSum| usize::from(sum.place) + sum.digits.len();
        // One digit more for what is carried.
        let mut digits = vec![0i64; end(self).max(end(other)) + 1 - usize::from(first)];
        for sum in [&*self, other].into_iter().filter(|sum| !sum.digits.is_empty()) {
            for (digit, &part) in digits[usize::from(sum.place - first)..].iter_mut().zip(&sum.digits) {
                *digit += if sum.negative { -i64::from(part) } else { i64::from(part) };
            }
        }
        let negative = make_positive(&mut digits);
        *self = PackedSum { negative, place: first, digits: digits.into_iter().map(|digit| digit as u32).collect() };
        *self = std::mem::take(self).trimmed();
    }

    /// Without zeros at the ends.
    fn trimmed(mut self) -> Self {
        self.digits.truncate(self.digits.iter().rposition(|&digit| digit != 0).map_or(0, |last| last + 1));
        let zeros = self.digits.iter().take_while(|&&digit| digit == 0).count();
        self.digits.drain(..zeros);
        match self.digits.is_empty() {
            true => PackedSum::default(),
            false => PackedSum { place: self.place + zeros as u16, ..self },
        }
    }
}

/// Sum of squared distances of `count` numbers from their mean, times `count`, rounded once. Computed from the exact
/// sums of the numbers and of their squares.
pub(crate) fn scaled_spread(count: u64, sum: &ExactSum, squares: &ExactSum) -> f64 {
    let (_, sum) = sum.magnitude();
    let (_, squares) = squares.magnitude();
    let squared = multiply(&sum, &sum);
    let scaled = multiply(&squares, &[count as u32, (count >> 32) as u32]);
    let mut left = vec![0i64; 2 * DIGITS + 1];
    for (place, &digit) in scaled.iter().enumerate() {
        // The sum of squares is in units of 2^LOWEST, the squared sum in units of its square.
        if digit != 0 {
            left[place + (-LOWEST / 32) as usize] += i64::from(digit);
        }
    }
    for (place, &digit) in squared.iter().enumerate() {
        left[place] -= i64::from(digit);
    }
    carry(&mut left);
    let digits: Vec<u32> = left.into_iter().map(|digit| digit as u32).collect();
    round(&digits, 2 * LOWEST)
}

/// A finite number's mantissa and exponent, without the sign.
fn parts(value: f64) -> (u64, i32) {
    assert!(value.is_finite(), "only finite numbers have an exact sum, not {value}");
    let bits = value.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32;
    let fraction = bits & ((1 << 52) - 1);
    if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) }
}

/// Carries, so that all digits except the last are in the range of 32 bits.
fn carry(digits: &mut [i64]) {
    for place in 0..digits.len() - 1 {
        let over = digits[place] >> 32;
        digits[place] -= over << 32;
        digits[place + 1] += over;
    }
}

/// Carries, and turns a negative number round. Returns whether it was negative.
fn make_positive(digits: &mut [i64]) -> bool {
    carry(digits);
    let negative = digits[digits.len() - 1] < 0;
    if negative {
        digits.iter_mut().for_each(|digit| *digit = -*digit);
        carry(digits);
    }
    negative
}

fn multiply(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut product = vec![0u32; a.len() + b.len()];
    for (i, &x) in a.iter().enumerate().filter(|&(_, &x)| x != 0) {
        let mut over = 0u64;
        for (j, &y) in b.iter().enumerate() {
            over += u64::from(product[i + j]) + u64::from(x) * u64::from(y);
            product[i + j] = over as u32;
            over >>= 32;
        }
        product[i + b.len()] = over as u32;
    }
    product
}

/// The number nearest to an integer in digits of 32 bits, lowest first, times 2^lowest; ties go to even.
fn round(digits: &[u32], lowest: i32) -> f64 {
    let Some(top) = digits.iter().rposition(|&digit| digit != 0) else { return 0.0 };
    let bit = |at: i32| at >= 0 && digits[at as usize / 32] >> (at % 32) & 1 == 1;
    let highest = top as i32 * 32 + 31 - digits[top].leading_zeros() as i32;
    // Position of the last bit of the result, which has 53 bits, or fewer near zero.
    let last = (highest - 52).max(-1074 - lowest);
    let mut mantissa = (last.max(0)..=highest).rev().fold(0u64, |m, at| m << 1 | u64::from(bit(at)));
    mantissa <<= (-last).max(0);
    let half = bit(last - 1);
    let below = last - 1;
    let rest = below > 0
        && (digits[..below as usize / 32].iter().any(|&digit| digit != 0)
            || digits[below as usize / 32] & ((1u32 << (below % 32)) - 1) != 0);
    if half && (rest || mantissa & 1 == 1) {
        mantissa += 1;
    }
    let exponent = last + lowest;
    match exponent {
        972.. => f64::INFINITY,
        -1022.. => mantissa as f64 * f64::from_bits(((exponent + 1023) as u64) << 52),
        _ => mantissa as f64 * f64::from_bits(1 << (exponent + 1074)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn huge_numbers_cancel_and_leave_small_ones() {
        let mut sum = ExactSum::default();
        for value in [f64::MAX, 1e-300, 5e-324, -f64::MAX, 1.0] {
            sum.add(value, 1);
        }
        assert_eq!(sum.value(), 1.0);
        sum.add(1.0, -1);
        sum.add(1e-300, -1);
        assert_eq!(sum.value(), 5e-324);
        sum.add(-1.5, 2);
        assert_eq!(sum.value(), -3.0);
    }

    #[test]
    fn one_tenth_added_many_times_is_rounded_once() {
        let mut sum = ExactSum::default();
        for _ in 0..10 {
            sum.add(0.1, 1);
        }
        // 10 * 0.1 as a real number lies a little above 1, by less than half an ulp.
        assert_eq!(sum.value(), 1.0);
        sum.add(0.1, 3 * (1 << 40));
        assert_eq!(sum.value(), 0.1 * (3.0 * (1u64 << 40) as f64 + 10.0));
    }

    proptest! {
        #[test]
        fn sums_of_integers_and_their_spread_are_exact(values in prop::collection::vec(-1_000_000i64..1_000_000, 1..50), scale in -30i32..30) {
            let unit = 2f64.powi(scale);
            let (mut sum, mut squares) = (ExactSum::default(), ExactSum::default());
            for &v in &values {
                sum.add(v as f64 * unit, 1);
                squares.add_square(v as f64 * unit, 1);
            }
            let total: i64 = values.iter().sum();
            let n = values.len() as i128;
            let spread = n * values.iter().map(|&v| i128::from(v).pow(2)).sum::<i128>() - i128::from(total).pow(2);
            prop_assert_eq!(sum.value(), total as f64 * unit);
            prop_assert_eq!(scaled_spread(n as u64, &sum, &squares), spread as f64 * unit * unit);
        }

        #[test]
        fn packed_sums_are_the_same_whatever_they_are_added_up_from(values in prop::collection::vec(any::<f64>(), 0..20), cut in 0..20usize) {
            let values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
            let of = |values: &[f64]| {
                let mut sum = ExactSum::default();
                values.iter().for_each(|&value| sum.add(value, 1));
                let value = sum.value();
                let packed = sum.take_packed();
                assert!(sum.value() == 0.0 && packed.unpacked().value().to_bits() == value.to_bits());
                packed
            };
            let (left, right) = values.split_at(cut.min(values.len()));
            let (mut together, all) = (of(left), of(&values));
            together.add(&of(right));
            prop_assert_eq!(&together, &all);
            let turned: Vec<f64> = values.iter().map(|value| -value).collect();
            together.add(&of(&turned));
            prop_assert_eq!(together, PackedSum::default());
        }

        #[test]
        fn whole_numbers_are_packed_as_their_sums(numbers in prop::collection::vec(any::<i64>(), 1..9)) {
            let mut sum = PackedSum::default();
            numbers.iter().for_each(|&number| sum.add(&PackedSum::of_whole(i128::from(number))));
            prop_assert_eq!(&sum, &PackedSum::of_whole(numbers.iter().map(|&number| i128::from(number)).sum()));
            prop_assert_eq!(PackedSum::of_whole(i128::from(numbers[0] as i32)).unpacked().value(), f64::from(numbers[0] as i32));
        }

        #[test]
        fn what_is_taken_away_leaves_no_trace(kept in prop::collection::vec(any::<f64>(), 0..20), passing in prop::collection::vec(any::<f64>(), 0..20)) {
            let finite = |v: &&f64| v.is_finite();
            let (mut sum, mut alone) = (ExactSum::default(), ExactSum::default());
            for v in passing.iter().filter(finite) { sum.add(*v, 2); }
            for v in kept.iter().filter(finite) { sum.add(*v, 1); alone.add(*v, 1); }
            for v in passing.iter().filter(finite) { sum.add(*v, -1); sum.add(-*v, 1); }
            prop_assert_eq!(sum.value().to_bits(), alone.value().to_bits());
        }
    }
}
