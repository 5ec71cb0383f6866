//! Conversions between stored bytes and values, and between arrays that overlap.

use bytemuck::{AnyBitPattern, NoUninit};
use ndarray::Array3;

use crate::chunk::spare::{self, Reused};
use crate::chunk::{Value, Voxels};
use crate::error::{Error, Result};
use crate::space::{Position, Region};
use crate::store::StoredType;

/// The supported types of images, as messages list them.
pub(crate) const SUPPORTED_DTYPES: &str =
    "bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float16, float32 or float64";

/// Whole numbers up to this magnitude are exact in `f64`, in which sums are computed: 2^53.
const LARGEST_WHOLE: i64 = 1 << 53;

/// Whether the least significant byte of a stored value comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endian {
    Little,
    Big,
}

impl Endian {
    /// The native byte order.
    pub(crate) const NATIVE: Endian = if cfg!(target_endian = "big") { Endian::Big } else { Endian::Little };
}

/// The type of a NumPy name, with its byte order: `<f4`, `|u1`, `>i2`, also `float32` and the like.
pub(crate) fn parse_dtype(name: &str) -> Option<(StoredType, Endian)> {
    let (endian, code) = match name.split_at_checked(1)? {
        (">", code) => (Endian::Big, code),
        ("<", code) => (Endian::Little, code),
        ("|" | "=", code) => (Endian::NATIVE, code),
        _ => (Endian::NATIVE, name),
    };
    let stored = match code {
        "b1" | "?" | "bool" => StoredType::Bool,
        "i1" | "b" | "int8" => StoredType::I8,
        "u1" | "B" | "uint8" => StoredType::U8,
        "i2" | "int16" => StoredType::I16,
        "u2" | "uint16" => StoredType::U16,
        "i4" | "int32" => StoredType::I32,
        "u4" | "uint32" => StoredType::U32,
        "i8" | "int64" => StoredType::I64,
        "u8" | "uint64" => StoredType::U64,
        "f2" | "float16" => StoredType::F16,
        "f4" | "float32" => StoredType::F32,
        "f8" | "float64" => StoredType::F64,
        _ => return None,
    };
    Some((stored, endian))
}

/// The NumPy name of a type code that is not supported: `<c8` is `complex64`.
pub(crate) fn spoken_dtype(name: &str) -> String {
    let code = name.trim_start_matches(['<', '>', '|', '=']);
    let (kind, size) = code.split_at_checked(1).unwrap_or((code, ""));
    let spoken = match kind {
        "i" => "int",
        "u" => "uint",
        "f" => "float",
        "c" => "complex",
        _ => return name.to_owned(),
    };
    match size.parse::<u32>() {
        Ok(bytes) => format!("{spoken}{}", 8 * u64::from(bytes)),
        Err(_) => name.to_owned(),
    }
}

/// The refusal of an unsupported type.
pub(crate) fn unsupported_dtype(name: &str) -> Error {
    let spoken = spoken_dtype(name);
    Error::data(format!("values of type {spoken} are not supported; convert them to {SUPPORTED_DTYPES}"))
}

/// Values from their stored bytes in C order; `bytes` holds exactly the values of the shape. Types without a [`Dtype`]
/// become the next wider one; unsigned 64-bit values become signed ones with the same bits, which are negative from 2^63 on.
pub(crate) fn from_bytes(
    stored: impl Into<StoredType>,
    shape: [usize; 3],
    mut bytes: Vec<u8>,
    endian: Endian,
) -> Voxels {
    fn numbers<T: Reused + AnyBitPattern>(shape: [usize; 3], bytes: &[u8]) -> Voxels {
        let mut values = spare::take(bytes.len() / size_of::<T>());
        values.clear();
        match bytemuck::try_cast_slice(bytes) {
            Ok(aligned) => values.extend_from_slice(aligned),
            Err(_) => values.extend(bytes.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned::<T>)),
        }
        T::wrap(array(shape, values))
    }
    fn widened<S: AnyBitPattern, T: Reused>(shape: [usize; 3], bytes: &[u8], widen: impl Fn(S) -> T) -> Voxels {
        let mut values = spare::take(bytes.len() / size_of::<S>());
        values.clear();
        values.extend(bytes.chunks_exact(size_of::<S>()).map(|v| widen(bytemuck::pod_read_unaligned(v))));
        T::wrap(array(shape, values))
    }
    fn array<T>(shape: [usize; 3], values: Vec<T>) -> Array3<T> {
        Array3::from_shape_vec(shape, values).expect("as many bytes as the shape holds")
    }
    let stored = stored.into();
    if endian != Endian::NATIVE && stored.size() > 1 {
        for value in bytes.chunks_exact_mut(stored.size()) {
            value.reverse();
        }
    }
    match stored {
        StoredType::Bool => Voxels::Bool(array(shape, bytes.into_iter().map(|b| b != 0).collect())),
        StoredType::I8 => widened::<i8, i16>(shape, &bytes, i16::from),
        StoredType::U8 => Voxels::U8(array(shape, bytes)),
        StoredType::I16 => numbers::<i16>(shape, &bytes),
        StoredType::U16 => numbers::<u16>(shape, &bytes),
        StoredType::I32 => numbers::<i32>(shape, &bytes),
        StoredType::U32 => numbers::<u32>(shape, &bytes),
        StoredType::I64 => numbers::<i64>(shape, &bytes),
        StoredType::U64 => numbers::<i64>(shape, &bytes),
        StoredType::F16 => widened::<u16, f32>(shape, &bytes, |bits| half::f16::from_bits(bits).to_f32()),
        StoredType::F32 => numbers::<f32>(shape, &bytes),
        StoredType::F64 => numbers::<f64>(shape, &bytes),
    }
}

/// The bytes of values in C order, in native byte order.
pub(crate) fn to_bytes(voxels: &Voxels) -> Vec<u8> {
    fn numbers<T: NoUninit>(array: &Array3<T>) -> Vec<u8> {
        match array.as_slice() {
            Some(values) => bytemuck::cast_slice(values).to_vec(),
            None => array.iter().flat_map(bytemuck::bytes_of).copied().collect(),
        }
    }
    match voxels {
        Voxels::Bool(a) => a.iter().map(|&v| u8::from(v)).collect(),
        Voxels::U8(a) => numbers(a),
        Voxels::U16(a) => numbers(a),
        Voxels::U32(a) => numbers(a),
        Voxels::I16(a) => numbers(a),
        Voxels::I32(a) => numbers(a),
        Voxels::F32(a) => numbers(a),
        Voxels::F64(a) => numbers(a),
        Voxels::I64(a) => numbers(a),
    }
}

#[cfg(any(feature = "zarr", feature = "tiff", feature = "dataflow", test))]
/// Copies the intersection of two boxes from one array to the other.
///
/// # Panics
/// If the arrays are of different types, or smaller than their boxes.
pub(crate) fn paste(from: &Voxels, from_region: &Region, into: &mut Voxels, into_region: &Region) {
    fn copy<T: Value>(from: &Array3<T>, a: &Region, into: &mut Array3<T>, b: &Region) {
        let common = a.intersection(b);
        if common.is_empty() {
            return;
        }
        let part = |r: &Region| -> [std::ops::Range<isize>; 3] {
            std::array::from_fn(|i| (common.min[i] - r.min[i]) as isize..(common.max[i] - r.min[i]) as isize)
        };
        let [z, y, x] = part(b);
        let mut target = into.slice_mut(ndarray::s![z, y, x]);
        let [z, y, x] = part(a);
        target.assign(&from.slice(ndarray::s![z, y, x]));
    }
    macro_rules! same_type {
        ($($variant:ident)*) => {
            match (from, into) {
                $((Voxels::$variant(from), Voxels::$variant(into)) => copy(from, from_region, into, into_region),)*
                _ => unreachable!("an array is pasted into one of its own type"),
            }
        };
    }
    same_type!(Bool U8 U16 U32 I16 I32 I64 F32 F64);
}

/// A value that cannot be computed with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Unfit {
    /// Position relative to the array.
    pub(crate) at: Position,
    value: f64,
}

impl Unfit {
    /// The refusal of the value; `origin` is the position of the array in the volume.
    pub(crate) fn refusal(&self, origin: Position) -> Error {
        let [z, y, x]: Position = std::array::from_fn(|a| origin[a] + self.at[a]);
        let (what, advice) = unfitness(self.value);
        Error::data(format!("the value at (z, y, x) = ({z}, {y}, {x}) is {what}; {advice}"))
    }
}

/// A description of an unfit value, and advice.
fn unfitness(value: f64) -> (&'static str, &'static str) {
    if value.is_nan() {
        ("NaN", "replace NaN by a number")
    } else if value.is_infinite() {
        ("infinite", "replace it by a finite number")
    } else {
        (
            "further from zero than 2^53, beyond which whole numbers are not exact",
            "give `run --labels` if these are labels, and store smaller values otherwise",
        )
    }
}

/// The first value that is NaN, infinite, or a whole number beyond those that are exact in `f64`; `stored` is the type in
/// which values are stored.
pub(crate) fn first_unfit(voxels: &Voxels, stored: StoredType) -> Option<Unfit> {
    fn find<T: Value>(array: &Array3<T>, fits: impl Fn(T) -> bool) -> Option<Unfit> {
        // The position is only searched if there is an unfit value.
        if array.as_slice().is_some_and(|values| values.iter().all(|&v| fits(v))) {
            return None;
        }
        let ((z, y, x), v) = array.indexed_iter().find(|(_, v)| !fits(**v))?;
        let at = [z, y, x].map(|i| i64::try_from(i).unwrap_or(i64::MAX));
        Some(Unfit { at, value: v.to_f64() })
    }
    match voxels {
        Voxels::F32(array) => find(array, f32::is_finite),
        Voxels::F64(array) => find(array, f64::is_finite),
        // Negative ones are the bits of unsigned values beyond 2^63.
        Voxels::I64(array) if stored == StoredType::U64 => find(array, |v| (0..=LARGEST_WHOLE).contains(&v)),
        Voxels::I64(array) => find(array, |v| (-LARGEST_WHOLE..=LARGEST_WHOLE).contains(&v)),
        _ => None,
    }
}

/// Refuses values that cannot be computed with; `region` is the box of the array.
pub(crate) fn refuse_unfit(voxels: &Voxels, stored: StoredType, region: &Region) -> Result<()> {
    first_unfit(voxels, stored).map_or(Ok(()), |unfit| Err(unfit.refusal(region.min)))
}

#[cfg(any(feature = "zarr", test))]
/// Refuses a part of the image that is not stored, if the fill value, which stands for it, cannot be computed with.
pub(crate) fn refuse_fill(fill: f64) -> Result<()> {
    if fill.is_finite() && fill.abs() <= LARGEST_WHOLE as f64 {
        return Ok(());
    }
    let (what, _) = unfitness(fill);
    Err(Error::data(format!("is not stored and its fill value is {what}; replace the fill value by a number")))
}

/// Refuses a box that is empty or reaches outside the volume, which is a bug of the caller.
pub(crate) fn require_inside(region: &Region, shape: [usize; 3]) -> Result<()> {
    let volume = Region::of_shape(shape);
    if region.is_empty() || region.intersection(&volume) != *region {
        return Err(Error::internal(format!("{region:?} is not a part of a volume of shape {shape:?}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Dtype;

    #[test]
    fn bytes_of_both_orders_give_the_same_values() {
        let values = [1.5f32, -2.0, 3.25e7, 0.0];
        let little: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let big: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
        let expected = Voxels::F32(Array3::from_shape_vec([1, 2, 2], values.to_vec()).unwrap());
        assert_eq!(from_bytes(Dtype::F32, [1, 2, 2], little, Endian::Little), expected);
        assert_eq!(from_bytes(Dtype::F32, [1, 2, 2], big, Endian::Big), expected);
        assert_eq!(from_bytes(Dtype::F32, [1, 2, 2], to_bytes(&expected), Endian::NATIVE), expected);
    }

    #[test]
    fn only_the_common_part_is_pasted() {
        let ones = Voxels::filled(Dtype::U8, [2, 2, 2], 1.0);
        let mut target = Voxels::filled(Dtype::U8, [1, 2, 3], 0.0);
        let at = Region::of_shape([2, 2, 2]).shifted([0, 1, -1]);
        paste(&ones, &at, &mut target, &Region::of_shape([1, 2, 3]));
        assert_eq!(to_bytes(&target), [0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn unsupported_types_are_named_as_numpy_names_them() {
        assert_eq!(spoken_dtype("<c8"), "complex64");
        assert_eq!(spoken_dtype("<f16"), "float128");
        assert!(parse_dtype("<c8").is_none());
        assert_eq!(parse_dtype(">i2"), Some((StoredType::I16, Endian::Big)));
    }

    #[test]
    fn types_without_one_of_their_own_are_widened_and_never_wrapped() {
        let bytes = |values: &[&[u8]]| values.concat();
        let small = from_bytes(StoredType::I8, [1, 1, 2], vec![0x80, 0x7f], Endian::NATIVE);
        assert_eq!(small, Voxels::I16(Array3::from_shape_vec([1, 1, 2], vec![-128, 127]).unwrap()));
        let halves = bytes(&[&0x3c00u16.to_be_bytes(), &0xc000u16.to_be_bytes(), &0x7c00u16.to_be_bytes()]);
        let halves = from_bytes(StoredType::F16, [1, 1, 3], halves, Endian::Big);
        assert_eq!(halves, Voxels::F32(Array3::from_shape_vec([1, 1, 3], vec![1.0, -2.0, f32::INFINITY]).unwrap()));
        assert_eq!(first_unfit(&halves, StoredType::F16).map(|unfit| unfit.at), Some([0, 0, 2]));
        let large = |value: u64| from_bytes(StoredType::U64, [1, 1, 1], value.to_le_bytes().to_vec(), Endian::Little);
        assert_eq!(first_unfit(&large(1 << 53), StoredType::U64), None);
        for value in [(1 << 53) + 1, 1 << 63, u64::MAX] {
            let refused = first_unfit(&large(value), StoredType::U64).unwrap().refusal([4, 5, 6]).to_string();
            assert!(
                refused.starts_with("the value at (z, y, x) = (4, 5, 6) is further from zero than 2^53"),
                "{refused}"
            );
        }
        assert!(refuse_fill(-1.0).is_ok() && refuse_fill(f64::NAN).is_err() && refuse_fill(1e16).is_err());
    }
}
