//! The types of stored values, of which there are more than types for computing.

use serde::{Deserialize, Serialize};

use crate::chunk::Dtype;

/// The type of values as an image stores them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
#[non_exhaustive]
pub enum StoredType {
    Bool,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F16,
    F32,
    F64,
}

impl StoredType {
    /// Bytes of a stored value.
    pub fn size(self) -> usize {
        match self {
            StoredType::Bool | StoredType::I8 | StoredType::U8 => 1,
            StoredType::I16 | StoredType::U16 | StoredType::F16 => 2,
            StoredType::I32 | StoredType::U32 | StoredType::F32 => 4,
            StoredType::I64 | StoredType::U64 | StoredType::F64 => 8,
        }
    }

    /// The type of such values after reading: the same, or the next wider one that can represent them all. 64-bit
    /// integers are read only up to 2^53 in magnitude, which are exact in `f64`.
    pub fn dtype(self) -> Dtype {
        match self {
            StoredType::Bool => Dtype::Bool,
            StoredType::U8 => Dtype::U8,
            StoredType::I8 | StoredType::I16 => Dtype::I16,
            StoredType::U16 => Dtype::U16,
            StoredType::I32 => Dtype::I32,
            StoredType::U32 => Dtype::U32,
            StoredType::I64 | StoredType::U64 => Dtype::I64,
            StoredType::F16 | StoredType::F32 => Dtype::F32,
            StoredType::F64 => Dtype::F64,
        }
    }

    /// The name in NumPy.
    pub fn name(self) -> &'static str {
        match self {
            StoredType::I8 => "int8",
            StoredType::U64 => "uint64",
            StoredType::F16 => "float16",
            same => same.dtype().name(),
        }
    }
}

impl From<Dtype> for StoredType {
    fn from(dtype: Dtype) -> StoredType {
        match dtype {
            Dtype::Bool => StoredType::Bool,
            Dtype::U8 => StoredType::U8,
            Dtype::I16 => StoredType::I16,
            Dtype::U16 => StoredType::U16,
            Dtype::I32 => StoredType::I32,
            Dtype::U32 => StoredType::U32,
            Dtype::I64 => StoredType::I64,
            Dtype::F32 => StoredType::F32,
            Dtype::F64 => StoredType::F64,
        }
    }
}
