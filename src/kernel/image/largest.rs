//! The largest of many values, in loops that become vector instructions.

use crate::chunk::Value;

/// Number of values that are compared at a time.
const LANES: usize = 32;

/// The larger of two values.
#[inline(always)]
pub(in crate::kernel) fn larger<T: PartialOrd>(a: T, b: T) -> T {
    if a > b { a } else { b }
}

/// The largest value of a row that is not empty. Inlined, so that it is compiled for the processor of its caller.
#[inline(always)]
pub(in crate::kernel) fn largest<T: Value>(row: &[T]) -> T {
    let (whole, rest) = row.as_chunks::<LANES>();
    let mut most = row[0];
    if !whole.is_empty() {
        let mut lanes = [most; LANES];
        for values in whole {
            for i in 0..LANES {
                lanes[i] = larger(values[i], lanes[i]);
            }
        }
        let mut half = LANES / 2;
        while half > 0 {
            for i in 0..half {
                lanes[i] = larger(lanes[i + half], lanes[i]);
            }
            half /= 2;
        }
        most = lanes[0];
    }
    for &value in rest {
        most = larger(value, most);
    }
    most
}

/// Raises values to those of a row, if these are larger.
#[inline(always)]
pub(in crate::kernel) fn raise<T: Value>(values: &mut [T], row: &[T]) {
    let count = values.len().min(row.len());
    let (values, row) = (&mut values[..count], &row[..count]);
    for i in 0..count {
        values[i] = larger(row[i], values[i]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_largest_of_a_row_is_none_but_the_largest(row in prop::collection::vec(any::<i32>(), 1..150)) {
            prop_assert_eq!(Some(largest(&row)), row.iter().copied().max());
            let floats: Vec<f64> = row.iter().copied().map(f64::from).collect();
            prop_assert_eq!(largest(&floats), f64::from(largest(&row)));
            let bytes: Vec<u8> = row.iter().map(|v| v.to_ne_bytes()[0]).collect();
            prop_assert_eq!(Some(largest(&bytes)), bytes.iter().copied().max());
        }
    }
}
