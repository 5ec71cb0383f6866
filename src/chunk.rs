//! A chunk of an image: a box and its values, of whichever type the image has.

mod part;
pub(crate) mod spare;

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use crate::space::Region;

/// The type of an image's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
#[non_exhaustive]
pub enum Dtype {
    Bool,
    U8,
    U16,
    U32,
    I16,
    I32,
    F32,
    F64,
    /// Of stored 64-bit integers, signed or not: those that `f64` has exactly, up to 2^53 from zero.
    I64,
}

impl Dtype {
    /// Bytes a value.
    pub fn size(self) -> usize {
        match self {
            Dtype::Bool | Dtype::U8 => 1,
            Dtype::U16 | Dtype::I16 => 2,
            Dtype::U32 | Dtype::I32 | Dtype::F32 => 4,
            Dtype::F64 | Dtype::I64 => 8,
        }
    }

    /// Whether values are whole numbers (bool included).
    pub fn is_integer(self) -> bool {
        !matches!(self, Dtype::F32 | Dtype::F64)
    }

    /// Whether values may be negative.
    pub fn is_signed(self) -> bool {
        matches!(self, Dtype::I16 | Dtype::I32 | Dtype::I64 | Dtype::F32 | Dtype::F64)
    }

    /// The name that NumPy gives it.
    pub fn name(self) -> &'static str {
        match self {
            Dtype::Bool => "bool",
            Dtype::U8 => "uint8",
            Dtype::U16 => "uint16",
            Dtype::U32 => "uint32",
            Dtype::I16 => "int16",
            Dtype::I32 => "int32",
            Dtype::F32 => "float32",
            Dtype::F64 => "float64",
            Dtype::I64 => "int64",
        }
    }
}

/// A value that an image can have. Every such value is exact in `f64`.
pub trait Value: Copy + Default + PartialEq + PartialOrd + Send + Sync + std::fmt::Debug + 'static {
    /// Its type.
    const DTYPE: Dtype;
    /// The value as `f64`; exact.
    fn to_f64(self) -> f64;
    /// The value rounded to `f32`, as NumPy's `astype(float32)`.
    fn to_f32(self) -> f32;
    /// The value as a whole number: exact for whole ones; of others, the part before the point.
    fn to_i64(self) -> i64;
    /// An array of such values as [`Voxels`].
    fn wrap(array: Array3<Self>) -> Voxels;
    /// The array of such values inside, if it is of this type.
    fn unwrap(voxels: &Voxels) -> Option<&Array3<Self>>;
    /// The bytes of values, in the machine's order.
    fn bytes(values: &[Self]) -> &[u8];
    /// Values from such bytes; bytes left over at the end are ignored.
    fn from_bytes(bytes: &[u8]) -> Vec<Self>;
}

/// Values of a box, as an array of shape (z, y, x) in C order.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
#[non_exhaustive]
pub enum Voxels {
    Bool(Array3<bool>),
    U8(Array3<u8>),
    U16(Array3<u16>),
    U32(Array3<u32>),
    I16(Array3<i16>),
    I32(Array3<i32>),
    F32(Array3<f32>),
    F64(Array3<f64>),
    I64(Array3<i64>),
}

/// Evaluates an expression with `$array` bound to the typed array inside a [`Voxels`].
#[macro_export]
macro_rules! with_voxels {
    ($voxels:expr, $array:ident => $body:expr) => {
        match $voxels {
            $crate::chunk::Voxels::Bool($array) => $body,
            $crate::chunk::Voxels::U8($array) => $body,
            $crate::chunk::Voxels::U16($array) => $body,
            $crate::chunk::Voxels::U32($array) => $body,
            $crate::chunk::Voxels::I16($array) => $body,
            $crate::chunk::Voxels::I32($array) => $body,
            $crate::chunk::Voxels::F32($array) => $body,
            $crate::chunk::Voxels::F64($array) => $body,
            $crate::chunk::Voxels::I64($array) => $body,
            // Every variant is listed; the wildcard is for code outside this crate.
            #[allow(unreachable_patterns)]
            _ => unreachable!("values of a type without a name"),
        }
    };
}

/// Evaluates an expression with the type `$t` bound to the value type of a [`Dtype`].
#[macro_export]
macro_rules! with_dtype {
    ($dtype:expr, $t:ident => $body:expr) => {
        match $dtype {
            $crate::chunk::Dtype::Bool => {
                type $t = bool;
                $body
            }
            $crate::chunk::Dtype::U8 => {
                type $t = u8;
                $body
            }
            $crate::chunk::Dtype::U16 => {
                type $t = u16;
                $body
            }
            $crate::chunk::Dtype::U32 => {
                type $t = u32;
                $body
            }
            $crate::chunk::Dtype::I16 => {
                type $t = i16;
                $body
            }
            $crate::chunk::Dtype::I32 => {
                type $t = i32;
                $body
            }
            $crate::chunk::Dtype::F32 => {
                type $t = f32;
                $body
            }
            $crate::chunk::Dtype::F64 => {
                type $t = f64;
                $body
            }
            $crate::chunk::Dtype::I64 => {
                type $t = i64;
                $body
            }
            // Every variant is listed; the wildcard is for code outside this crate.
            #[allow(unreachable_patterns)]
            _ => unreachable!("a type without a name"),
        }
    };
}

macro_rules! values {
    ($($t:ty, $variant:ident, $as_f64:expr, $as_f32:expr, $as_i64:expr, $read:expr;)*) => {$(
        impl Value for $t {
            const DTYPE: Dtype = Dtype::$variant;
            #[inline]
            fn to_f64(self) -> f64 { let convert: fn($t) -> f64 = $as_f64; convert(self) }
            #[inline]
            fn to_f32(self) -> f32 { let convert: fn($t) -> f32 = $as_f32; convert(self) }
            #[inline]
            fn to_i64(self) -> i64 { let convert: fn($t) -> i64 = $as_i64; convert(self) }
            fn wrap(array: Array3<Self>) -> Voxels { Voxels::$variant(array) }
            fn unwrap(voxels: &Voxels) -> Option<&Array3<Self>> {
                match voxels {
                    Voxels::$variant(array) => Some(array),
                    _ => None,
                }
            }
            fn bytes(values: &[Self]) -> &[u8] { bytemuck::cast_slice(values) }
            fn from_bytes(bytes: &[u8]) -> Vec<Self> {
                let read: fn(&[u8]) -> $t = $read;
                bytes.chunks_exact(size_of::<$t>()).map(read).collect()
            }
        }
    )*};
}

values! {
    bool, Bool, |v| f64::from(u8::from(v)), |v| f32::from(u8::from(v)), i64::from, |b| b[0] != 0;
    u8, U8, f64::from, f32::from, i64::from, bytemuck::pod_read_unaligned;
    u16, U16, f64::from, f32::from, i64::from, bytemuck::pod_read_unaligned;
    u32, U32, f64::from, |v| v as f32, i64::from, bytemuck::pod_read_unaligned;
    i16, I16, f64::from, f32::from, i64::from, bytemuck::pod_read_unaligned;
    i32, I32, f64::from, |v| v as f32, i64::from, bytemuck::pod_read_unaligned;
    f32, F32, f64::from, |v| v, |v| v as i64, bytemuck::pod_read_unaligned;
    f64, F64, |v| v, |v| v as f32, |v| v as i64, bytemuck::pod_read_unaligned;
    i64, I64, |v| v as f64, |v| v as f32, |v| v, bytemuck::pod_read_unaligned;
}

impl Voxels {
    /// An array of one value, given as `f64` and exact in the type.
    pub fn filled(dtype: Dtype, shape: [usize; 3], value: f64) -> Voxels {
        match dtype {
            Dtype::Bool => Voxels::Bool(Array3::from_elem(shape, value != 0.0)),
            Dtype::U8 => Voxels::U8(Array3::from_elem(shape, value as u8)),
            Dtype::U16 => Voxels::U16(Array3::from_elem(shape, value as u16)),
            Dtype::U32 => Voxels::U32(Array3::from_elem(shape, value as u32)),
            Dtype::I16 => Voxels::I16(Array3::from_elem(shape, value as i16)),
            Dtype::I32 => Voxels::I32(Array3::from_elem(shape, value as i32)),
            Dtype::F32 => Voxels::F32(Array3::from_elem(shape, value as f32)),
            Dtype::F64 => Voxels::F64(Array3::from_elem(shape, value)),
            Dtype::I64 => Voxels::I64(Array3::from_elem(shape, value as i64)),
        }
    }

    /// The type of the values.
    pub fn dtype(&self) -> Dtype {
        fn of<T: Value>(_: &Array3<T>) -> Dtype {
            T::DTYPE
        }
        with_voxels!(self, array => of(array))
    }

    /// Voxels along (z, y, x).
    pub fn shape(&self) -> [usize; 3] {
        with_voxels!(self, array => array.dim().into())
    }

    /// Bytes of the values.
    pub fn bytes(&self) -> usize {
        self.shape().iter().product::<usize>() * self.dtype().size()
    }

    /// The bytes of the values in C order, each with its least byte first.
    pub fn to_le_bytes(&self) -> Vec<u8> {
        match self {
            Voxels::Bool(array) => array.iter().map(|&v| u8::from(v)).collect(),
            Voxels::U8(array) => array.iter().copied().collect(),
            Voxels::U16(array) => array.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Voxels::U32(array) => array.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Voxels::I16(array) => array.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Voxels::I32(array) => array.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Voxels::I64(array) => array.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Voxels::F32(array) => array.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Voxels::F64(array) => array.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }

    /// Whether all values are finite numbers.
    pub fn is_finite(&self) -> bool {
        match self {
            Voxels::F32(a) => a.iter().all(|v| v.is_finite()),
            Voxels::F64(a) => a.iter().all(|v| v.is_finite()),
            _ => true,
        }
    }
}

/// Copies the first values of rows, which begin every `stride` values, from one array to rows of another.
pub(crate) fn copy_rows<T: Value>(from: &[T], stride: usize, to: &mut [T], to_stride: usize, shape: [usize; 2]) {
    /// Rows of a length known at compile time, which are copied without a call.
    fn short<T: Value, const N: usize>(from: &[T], stride: usize, to: &mut [T], to_stride: usize, rows: usize) {
        for row in 0..rows {
            let mut values = [T::default(); N];
            values.copy_from_slice(&from[row * stride..][..N]);
            to[row * to_stride..][..N].copy_from_slice(&values);
        }
    }
    let [rows, width] = shape;
    match width {
        1 => short::<T, 1>(from, stride, to, to_stride, rows),
        2 => short::<T, 2>(from, stride, to, to_stride, rows),
        3 => short::<T, 3>(from, stride, to, to_stride, rows),
        4 => short::<T, 4>(from, stride, to, to_stride, rows),
        5 => short::<T, 5>(from, stride, to, to_stride, rows),
        6 => short::<T, 6>(from, stride, to, to_stride, rows),
        7 => short::<T, 7>(from, stride, to, to_stride, rows),
        8 => short::<T, 8>(from, stride, to, to_stride, rows),
        _ => {
            for row in 0..rows {
                to[row * to_stride..][..width].copy_from_slice(&from[row * stride..][..width]);
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Packed {
    dtype: Dtype,
    shape: [usize; 3],
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
}

impl Serialize for Voxels {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fn bytes<T: Value>(array: &Array3<T>) -> Vec<u8> {
            match array.as_slice() {
                Some(values) => T::bytes(values).to_vec(),
                None => T::bytes(&array.iter().copied().collect::<Vec<_>>()).to_vec(),
            }
        }
        let bytes = with_voxels!(self, array => bytes(array));
        Packed { dtype: self.dtype(), shape: self.shape(), bytes }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Voxels {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fn read<T: Value>(packed: &Packed) -> Option<Voxels> {
            Array3::from_shape_vec(packed.shape, T::from_bytes(&packed.bytes)).ok().map(T::wrap)
        }
        let packed = Packed::deserialize(deserializer)?;
        with_dtype!(packed.dtype, T => read::<T>(&packed))
            .ok_or_else(|| serde::de::Error::custom("the bytes of a chunk do not fill its shape"))
    }
}

/// A chunk of an image: where it lies, and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// The box that the values fill.
    pub region: Region,
    /// The values; their shape is the region's.
    pub voxels: Voxels,
}
