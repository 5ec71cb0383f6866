//! Wire format of the values of a box: their type, their shape, and the values in C order.

use std::io::{self, Write};

use bytemuck::{Pod, Zeroable};
use ndarray::Array3;

use super::{WORD, WireReader, WireRecord, damaged, padding, write_header};
use crate::chunk::{Dtype, Value, Voxels};
use crate::error::Result;
use crate::with_voxels;

/// The types, each with its number in messages.
const DTYPES: [(u64, Dtype); 9] = [
    (1, Dtype::Bool),
    (2, Dtype::U8),
    (3, Dtype::U16),
    (4, Dtype::U32),
    (5, Dtype::I16),
    (6, Dtype::I32),
    (7, Dtype::F32),
    (8, Dtype::F64),
    (9, Dtype::I64),
];

/// The header before the values.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Header {
    dtype: u64,
    shape: [u64; 3],
}

impl WireRecord for Voxels {
    const KIND: [u8; 8] = *b"voxels  ";
    const LEAST: usize = size_of::<Header>();

    fn wire_bytes(&self) -> usize {
        size_of::<Header>() + self.bytes().next_multiple_of(WORD)
    }

    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        fn write<V: Value>(array: &Array3<V>, out: &mut impl Write) -> io::Result<()> {
            match array.as_slice() {
                Some(values) => out.write_all(V::bytes(values)),
                None => out.write_all(V::bytes(&array.iter().copied().collect::<Vec<_>>())),
            }
        }
        let dtype = DTYPES.iter().find(|(_, dtype)| *dtype == self.dtype()).map_or(0, |(number, _)| *number);
        write_header(out, &Header { dtype, shape: self.shape().map(|n| n as u64) })?;
        with_voxels!(self, array => write(array, out))?;
        out.write_all(&[0; WORD][..padding(self.bytes())])
    }

    fn read_from(bytes: &mut WireReader<'_>) -> Result<Self> {
        fn read<V: Value + Pod>(bytes: &mut WireReader<'_>, shape: [usize; 3], count: u64) -> Result<Voxels> {
            array(shape, bytes.values::<V>(count)?)
        }
        let Header { dtype, shape } = bytes.header()?;
        let (_, dtype) = DTYPES
            .iter()
            .find(|(number, _)| *number == dtype)
            .ok_or_else(|| damaged("it has values of an unknown type"))?;
        let count = shape.iter().try_fold(1u64, |count, &n| count.checked_mul(n));
        // An axis may be longer than memory only if another one is zero.
        let axis = |n: u64| u32::try_from(n).ok().and_then(|n| usize::try_from(n).ok());
        let (Some(count), [Some(z), Some(y), Some(x)]) = (count, shape.map(axis)) else {
            return Err(damaged("it has values of a shape that no box has"));
        };
        let shape = [z, y, x];
        match dtype {
            Dtype::Bool => {
                let values = bytes.values::<u8>(count)?;
                if values.iter().any(|&value| value > 1) {
                    return Err(damaged("it has booleans that are neither true nor false"));
                }
                array(shape, values.into_iter().map(|value| value != 0).collect::<Vec<bool>>())
            }
            Dtype::U8 => read::<u8>(bytes, shape, count),
            Dtype::U16 => read::<u16>(bytes, shape, count),
            Dtype::U32 => read::<u32>(bytes, shape, count),
            Dtype::I16 => read::<i16>(bytes, shape, count),
            Dtype::I32 => read::<i32>(bytes, shape, count),
            Dtype::F32 => read::<f32>(bytes, shape, count),
            Dtype::F64 => read::<f64>(bytes, shape, count),
            Dtype::I64 => read::<i64>(bytes, shape, count),
        }
    }
}

fn array<V: Value>(shape: [usize; 3], values: Vec<V>) -> Result<Voxels> {
    let array = Array3::from_shape_vec(shape, values).map_err(|_| damaged("its values do not fill their shape"))?;
    Ok(V::wrap(array))
}
