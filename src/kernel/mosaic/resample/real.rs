//! The numbers in which values are resampled, and their conversion to values.

use std::ops::{Add, Div, Mul, Sub};

use ndarray::Array3;

use super::Held;
use crate::chunk::{Value, Voxels};

/// A number in which values are resampled.
pub(super) trait Real:
    Value + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// The nearest number of this type.
    fn near(v: f64) -> Self;
    /// The value nearest to the number.
    fn tone<T: Tone>(self) -> T;
    /// A tile of such numbers.
    fn held(values: Array3<Self>) -> Held;
}

impl Real for f32 {
    #[inline(always)]
    fn near(v: f64) -> f32 {
        v as f32
    }
    #[inline(always)]
    fn tone<T: Tone>(self) -> T {
        T::of_f32(self)
    }
    fn held(values: Array3<f32>) -> Held {
        Held::F32(values)
    }
}

impl Real for f64 {
    #[inline(always)]
    fn near(v: f64) -> f64 {
        v
    }
    #[inline(always)]
    fn tone<T: Tone>(self) -> T {
        T::of_f64(self)
    }
    fn held(values: Array3<f64>) -> Held {
        Held::F64(values)
    }
}

/// A value of an image that can be resampled.
pub(super) trait Tone: Value {
    /// The type in which it is resampled.
    type Real: Real;
    /// Whether no value of the type is below zero.
    const UNSIGNED: bool;
    /// The value as a number for resampling.
    fn real(self) -> Self::Real;
    /// The nearest value, for integers with ties away from zero, clipped to the range of the type.
    fn of_f32(v: f32) -> Self;
    /// As [`Tone::of_f32`], from `f64`.
    fn of_f64(v: f64) -> Self;
    /// The larger of two values; NaN if one of them is NaN.
    fn larger(self, other: Self) -> Self;
    /// The array of voxels, if it is of this type.
    fn inside(voxels: &mut Voxels) -> Option<&mut Array3<Self>>;
}

macro_rules! tones {
    ($($t:ty, $variant:ident, $real:ty, $unsigned:expr, $as_real:expr, $of_f32:expr, $of_f64:expr, $larger:expr;)*) => {$(
        impl Tone for $t {
            type Real = $real;
            const UNSIGNED: bool = $unsigned;
            #[inline(always)]
            fn real(self) -> $real { let convert: fn($t) -> $real = $as_real; convert(self) }
            #[inline(always)]
            fn of_f32(v: f32) -> $t { let round: fn(f32) -> $t = $of_f32; round(v) }
            #[inline(always)]
            fn of_f64(v: f64) -> $t { let round: fn(f64) -> $t = $of_f64; round(v) }
            #[inline(always)]
            fn larger(self, other: $t) -> $t { let larger: fn($t, $t) -> $t = $larger; larger(self, other) }
            fn inside(voxels: &mut Voxels) -> Option<&mut Array3<$t>> {
                match voxels {
                    Voxels::$variant(array) => Some(array),
                    _ => None,
                }
            }
        }
    )*};
}

/// The nearest integer, with ties away from zero, clipped to limits, in the last bits of the returned number. Unlike
/// `as`, this form is vectorised.
#[inline(always)]
fn whole(v: f32, least: f32, most: f32) -> u32 {
    // Numbers beyond it have no fractions: a sum with it is rounded, with ties to even.
    const BIAS: f32 = 12_582_912.0;
    let v = if v > least { v } else { least };
    let v = if v < most { v } else { most };
    let even = (v + BIAS) - BIAS;
    let rest = v - even;
    let step = if rest + rest == 1.0f32.copysign(v) { rest + rest } else { 0.0 };
    ((even + step) + BIAS).to_bits()
}

/// As [`whole`], for `f64`.
#[inline(always)]
fn whole_of_f64(v: f64, least: f64, most: f64) -> u64 {
    const BIAS: f64 = 6_755_399_441_055_744.0;
    let v = if v > least { v } else { least };
    let v = if v < most { v } else { most };
    let even = (v + BIAS) - BIAS;
    let rest = v - even;
    let step = if rest + rest == 1.0f64.copysign(v) { rest + rest } else { 0.0 };
    ((even + step) + BIAS).to_bits()
}

/// Largest magnitude up to which all integers are exact in `f64`: 2^53.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

tones! {
    bool, Bool, f32, true, Value::to_f32, |v| v >= 0.5, |v| v >= 0.5, |a, b| a | b;
    u8, U8, f32, true, f32::from, |v| whole(v, 0.0, 255.0) as u8, |v| whole_of_f64(v, 0.0, 255.0) as u8, Ord::max;
    u16, U16, f32, true, f32::from,
        |v| whole(v, 0.0, 65535.0) as u16, |v| whole_of_f64(v, 0.0, 65535.0) as u16, Ord::max;
    u32, U32, f64, true, f64::from,
        |v| Self::of_f64(f64::from(v)), |v| whole_of_f64(v, 0.0, f64::from(u32::MAX)) as u32, Ord::max;
    i16, I16, f32, false, f32::from,
        |v| whole(v, -32768.0, 32767.0) as i16, |v| whole_of_f64(v, -32768.0, 32767.0) as i16, Ord::max;
    i32, I32, f64, false, f64::from,
        |v| Self::of_f64(f64::from(v)), |v| whole_of_f64(v, f64::from(i32::MIN), f64::from(i32::MAX)) as i32, Ord::max;
    i64, I64, f64, false, |v| v as f64,
        |v| Self::of_f64(f64::from(v)), |v| v.clamp(-LARGEST_WHOLE, LARGEST_WHOLE).round() as i64, Ord::max;
    f32, F32, f32, false, |v| v, |v| v, |v| v as f32, |a, b| if b > a || b.is_nan() { b } else { a };
    f64, F64, f64, false, |v| v, f64::from, |v| v, |a, b| if b > a || b.is_nan() { b } else { a };
}
