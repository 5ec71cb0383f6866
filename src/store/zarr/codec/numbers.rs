//! Filters that compute with values: differences, and numbers with a fixed scale.

use crate::error::Result;
use crate::store::StoredType;
use crate::store::values::Endian;
use crate::store::zarr::faults::{damaged, room, unsupported};

/// A type of values with its byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Typed {
    pub(crate) stored: StoredType,
    pub(crate) endian: Endian,
}

impl Typed {
    pub(crate) fn size(self) -> usize {
        self.stored.size()
    }

    /// The bytes of a value, least significant first.
    fn little(self, value: &[u8]) -> [u8; 8] {
        let mut bytes = [0; 8];
        bytes[..value.len()].copy_from_slice(value);
        if self.endian == Endian::Big {
            bytes[..value.len()].reverse();
        }
        bytes
    }

    /// A whole number with its sign, modulo 2^64; `None` for other types.
    fn whole(self, value: &[u8]) -> Option<i64> {
        let bits = i64::from_le_bytes(self.little(value));
        let unused = 64 - 8 * self.size();
        match self.stored {
            StoredType::I8 | StoredType::I16 | StoredType::I32 | StoredType::I64 => Some(bits << unused >> unused),
            StoredType::U8 | StoredType::U16 | StoredType::U32 | StoredType::U64 => Some(bits),
            StoredType::Bool | StoredType::F16 | StoredType::F32 | StoredType::F64 => None,
        }
    }

    /// Appends the least significant bytes of a number.
    fn push(self, bits: u64, into: &mut Vec<u8>) {
        let from = into.len();
        into.extend_from_slice(&bits.to_le_bytes()[..self.size()]);
        if self.endian == Endian::Big {
            into[from..].reverse();
        }
    }
}

/// The inverse of numcodecs' `delta`: sums of the differences, in the type of the values, which wraps.
pub(super) fn summed(bytes: &[u8], values: Typed, stored: Typed) -> Result<Vec<u8>> {
    if !bytes.len().is_multiple_of(stored.size()) {
        return Err(damaged());
    }
    let differences = bytes.chunks_exact(stored.size());
    let mut sums = room(differences.len().saturating_mul(values.size()))?;
    match (stored.stored, values.stored) {
        (StoredType::F32, StoredType::F32) => {
            let real = |value| f32::from_bits(u32::try_from(u64::from_le_bytes(stored.little(value))).unwrap_or(0));
            let mut sum: Option<f32> = None;
            for difference in differences {
                let next = sum.map_or(real(difference), |sum| sum + real(difference));
                values.push(next.to_bits().into(), &mut sums);
                sum = Some(next);
            }
        }
        (StoredType::F64, StoredType::F64) => {
            let real = |value| f64::from_le_bytes(stored.little(value));
            let mut sum: Option<f64> = None;
            for difference in differences {
                let next = sum.map_or(real(difference), |sum| sum + real(difference));
                values.push(next.to_bits(), &mut sums);
                sum = Some(next);
            }
        }
        _ => {
            let mut sum = 0i64;
            for difference in differences {
                sum = sum.wrapping_add(stored.whole(difference).ok_or_else(damaged)?);
                values.push(sum.cast_unsigned(), &mut sums);
            }
        }
    }
    Ok(sums)
}

/// Refuses differences in types in which they are not summed as in NumPy.
///
/// # Errors
/// `Data` if they are refused.
pub(super) fn require_summable(values: Typed, stored: Typed) -> Result<()> {
    let is_whole = |typed: Typed| typed.whole(&[0; 8][..typed.size()]).is_some();
    let is_same_real = values.stored == stored.stored && matches!(values.stored, StoredType::F32 | StoredType::F64);
    if is_same_real || is_whole(values) && is_whole(stored) {
        return Ok(());
    }
    Err(unsupported(format!("delta of {} stored as {}", values.stored.name(), stored.stored.name())))
}

/// The inverse of numcodecs' `fixedscaleoffset`: `stored / scale + offset`, computed as in NumPy: in the stored type if
/// it is a floating-point type, otherwise in double precision.
pub(super) fn unscaled(bytes: &[u8], offset: f64, scale: f64, values: Typed, stored: Typed) -> Result<Vec<u8>> {
    if !bytes.len().is_multiple_of(stored.size()) {
        return Err(damaged());
    }
    let numbers = bytes.chunks_exact(stored.size());
    let mut result = room(numbers.len().saturating_mul(values.size()))?;
    for number in numbers {
        let bits = u64::from_le_bytes(stored.little(number));
        let real = match stored.stored {
            StoredType::F32 => {
                let single = f32::from_bits(u32::try_from(bits).unwrap_or(0)) / scale as f32 + offset as f32;
                f64::from(single)
            }
            StoredType::F64 => f64::from_bits(bits) / scale + offset,
            StoredType::U64 => bits as f64 / scale + offset,
            _ => stored.whole(number).ok_or_else(damaged)? as f64 / scale + offset,
        };
        let bits = match values.stored {
            StoredType::F32 => u64::from((real as f32).to_bits()),
            StoredType::F64 => real.to_bits(),
            StoredType::U64 => real as u64,
            _ => (real as i64).cast_unsigned(),
        };
        values.push(bits, &mut result);
    }
    Ok(result)
}

/// Refuses numbers with a fixed scale in types in which they are not computed as in NumPy.
///
/// # Errors
/// `Data` if they are refused.
pub(super) fn require_scalable(values: Typed, stored: Typed, scale: f64) -> Result<()> {
    let unfit = |typed: Typed| matches!(typed.stored, StoredType::Bool | StoredType::F16);
    if unfit(values) || unfit(stored) || scale == 0.0 || !scale.is_finite() {
        let [values, stored] = [values, stored].map(|typed| typed.stored.name());
        return Err(unsupported(format!("fixedscaleoffset of {values} stored as {stored} by {scale}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(stored: StoredType) -> Typed {
        Typed { stored, endian: Endian::Little }
    }

    #[test]
    fn differences_add_up_and_wrap_in_the_type_of_the_values() {
        let small = typed(StoredType::I8);
        let bytes = [100u8, 100, 0xff];
        assert_eq!(summed(&bytes, small, small).unwrap(), [100, 200, 199]);
        let wide = Typed { stored: StoredType::U16, endian: Endian::Big };
        assert_eq!(summed(&bytes, wide, small).unwrap(), [0, 100, 0, 200, 0, 199]);
        let real = typed(StoredType::F32);
        let bytes: Vec<u8> = [0.5f32, 1.0, -3.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        let expected: Vec<u8> = [0.5f32, 1.5, -1.5].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(summed(&bytes, real, real).unwrap(), expected);
        assert!(summed(&bytes[1..], real, real).is_err());
        assert!(require_summable(real, small).is_err() && require_summable(small, wide).is_ok());
    }

    #[test]
    fn numbers_of_a_fixed_scale_are_divided_and_moved() {
        let (real, whole) = (typed(StoredType::F32), typed(StoredType::U8));
        let expected: Vec<u8> = [1000.5f32, 1001.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(unscaled(&[5, 10], 1000.0, 10.0, real, whole).unwrap(), expected);
        let single = unscaled(&3.0f32.to_le_bytes(), 0.0, 10.0, typed(StoredType::F64), real).unwrap();
        assert_eq!(single, f64::from(3.0f32 / 10.0).to_le_bytes());
        assert!(require_scalable(real, whole, 0.0).is_err());
    }
}
