//! Between stored bytes and values, and between arrays that overlap.

use bytemuck::{AnyBitPattern, NoUninit};
use ndarray::Array3;

use crate::chunk::spare::{self, Reused};
use crate::chunk::{Dtype, Value, Voxels};
use crate::error::{Error, Result};
use crate::space::{Position, Region};
use crate::with_voxels;

/// The types that images may have, as messages list them.
pub(crate) const SUPPORTED_DTYPES: &str = "bool, uint8, uint16, uint32, int16, int32, float32 or float64";

/// Whether the least significant byte of a stored value comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endian {
    Little,
    Big,
}

impl Endian {
    /// The byte order of this machine.
    pub(crate) const NATIVE: Endian = if cfg!(target_endian = "big") { Endian::Big } else { Endian::Little };
}

/// The type of a name as NumPy writes it, with its byte order: `<f4`, `|u1`, `>i2`, also `float32` and the like.
pub(crate) fn parse_dtype(name: &str) -> Option<(Dtype, Endian)> {
    let (endian, code) = match name.split_at_checked(1)? {
        (">", code) => (Endian::Big, code),
        ("<", code) => (Endian::Little, code),
        ("|" | "=", code) => (Endian::NATIVE, code),
        _ => (Endian::NATIVE, name),
    };
    let dtype = match code {
        "b1" | "?" | "bool" => Dtype::Bool,
        "u1" | "B" | "uint8" => Dtype::U8,
        "u2" | "uint16" => Dtype::U16,
        "u4" | "uint32" => Dtype::U32,
        "i2" | "int16" => Dtype::I16,
        "i4" | "int32" => Dtype::I32,
        "f4" | "float32" => Dtype::F32,
        "f8" | "float64" => Dtype::F64,
        _ => return None,
    };
    Some((dtype, endian))
}

/// The name that NumPy gives to a type code, where it is one that images may not have: `<i8` is `int64`.
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
        Ok(bytes) => format!("{spoken}{}", 8 * bytes),
        Err(_) => name.to_owned(),
    }
}

/// The refusal of a type that images may not have.
pub(crate) fn unsupported_dtype(name: &str) -> Error {
    let spoken = spoken_dtype(name);
    Error::data(format!("values of type {spoken} are not supported; convert them to {SUPPORTED_DTYPES}"))
}

/// Values from their stored bytes in C order; `bytes` holds exactly the values of the shape.
pub(crate) fn from_bytes(dtype: Dtype, shape: [usize; 3], mut bytes: Vec<u8>, endian: Endian) -> Voxels {
    fn numbers<T: Reused + AnyBitPattern>(shape: [usize; 3], bytes: &[u8]) -> Voxels {
        let mut values = spare::take(bytes.len() / size_of::<T>());
        values.clear();
        match bytemuck::try_cast_slice(bytes) {
            Ok(aligned) => values.extend_from_slice(aligned),
            Err(_) => values.extend(bytes.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned::<T>)),
        }
        T::wrap(array(shape, values))
    }
    fn array<T>(shape: [usize; 3], values: Vec<T>) -> Array3<T> {
        Array3::from_shape_vec(shape, values).expect("as many bytes as the shape holds")
    }
    if endian != Endian::NATIVE && dtype.size() > 1 {
        for value in bytes.chunks_exact_mut(dtype.size()) {
            value.reverse();
        }
    }
    match dtype {
        Dtype::Bool => Voxels::Bool(array(shape, bytes.into_iter().map(|b| b != 0).collect())),
        Dtype::U8 => Voxels::U8(array(shape, bytes)),
        Dtype::U16 => numbers::<u16>(shape, &bytes),
        Dtype::U32 => numbers::<u32>(shape, &bytes),
        Dtype::I16 => numbers::<i16>(shape, &bytes),
        Dtype::I32 => numbers::<i32>(shape, &bytes),
        Dtype::F32 => numbers::<f32>(shape, &bytes),
        Dtype::F64 => numbers::<f64>(shape, &bytes),
    }
}

/// The bytes of values in C order, in this machine's byte order.
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
    }
}

#[cfg(any(feature = "zarr", feature = "tiff", feature = "dataflow", test))]
/// Copies what two boxes share from one array to the other.
///
/// # Panics
/// Where the arrays are of different types, or smaller than their boxes.
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
    same_type!(Bool U8 U16 U32 I16 I32 F32 F64);
}

/// Where the first value that is not a number lies, relative to the array.
pub(crate) fn first_nan(voxels: &Voxels) -> Option<Position> {
    fn find<T: Value>(array: &Array3<T>) -> Option<Position> {
        let found = array.indexed_iter().find(|(_, v)| v.to_f64().is_nan());
        found.map(|((z, y, x), _)| [z, y, x].map(|i| i64::try_from(i).unwrap_or(i64::MAX)))
    }
    if voxels.dtype().is_integer() { None } else { with_voxels!(voxels, array => find(array)) }
}

/// The refusal of a value that is not a number, at its place in the volume.
pub(crate) fn nan_at(place: Position) -> Error {
    let [z, y, x] = place;
    Error::data(format!("the value at (z, y, x) = ({z}, {y}, {x}) is NaN; replace NaN by a number"))
}

/// Refuses values that are not numbers; `region` is where the array lies.
pub(crate) fn refuse_nan(voxels: &Voxels, region: &Region) -> Result<()> {
    match first_nan(voxels) {
        Some(p) => Err(nan_at(std::array::from_fn(|a| region.min[a] + p[a]))),
        None => Ok(()),
    }
}

/// Refuses a box that is empty or reaches outside the volume: a defect of the caller.
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
        assert_eq!(spoken_dtype("<i8"), "int64");
        assert_eq!(spoken_dtype("<f2"), "float16");
        assert!(parse_dtype("<i8").is_none());
        assert_eq!(parse_dtype(">i2"), Some((Dtype::I16, Endian::Big)));
    }
}
