//! Wire format of the skeletons of chunks: positions of voxels, and their values.

use std::io::{self, Write};
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use super::{WireReader, WireRecord, damaged, values_bytes, write_header, write_values};
use crate::error::Result;
use crate::grid::ChunkId;
use crate::kernel::measure::pixel_values::PixelValues;
use crate::kernel::network::skeleton::Skeleton;
use crate::space::Voxel;

const CONSTANT: u64 = 1;
const INTEGERS: u64 = 2;
const FLOATS: u64 = 3;

/// The header before the voxels.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Header {
    chunk: ChunkId,
    voxels: u64,
    /// The form of the values.
    values: u64,
}

impl WireRecord for (ChunkId, Arc<Skeleton>) {
    const KIND: [u8; 8] = *b"skeleton";
    const LEAST: usize = size_of::<Header>();

    fn wire_bytes(&self) -> usize {
        let values = match &*self.1.values {
            PixelValues::Constant(_) => size_of::<i64>(),
            PixelValues::Integers(values) => values_bytes::<i64>(values.len()),
            PixelValues::Floats(values) => values_bytes::<u64>(values.len()),
        };
        size_of::<Header>() + values_bytes::<Voxel>(self.1.voxels.len()) + values
    }

    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let (chunk, skeleton) = self;
        let values = match *skeleton.values {
            PixelValues::Constant(_) => CONSTANT,
            PixelValues::Integers(_) => INTEGERS,
            PixelValues::Floats(_) => FLOATS,
        };
        write_header(out, &Header { chunk: *chunk, voxels: skeleton.voxels.len() as u64, values })?;
        write_values(out, &skeleton.voxels.to_vec())?;
        match &*skeleton.values {
            PixelValues::Constant(value) => write_values(out, &[*value]),
            PixelValues::Integers(values) => write_values(out, values),
            PixelValues::Floats(values) => write_values(out, values),
        }
    }

    fn read_from(bytes: &mut WireReader<'_>) -> Result<Self> {
        let Header { chunk, voxels: count, values } = bytes.header()?;
        let voxels: Vec<Voxel> = bytes.values(count)?;
        let values = match values {
            CONSTANT => PixelValues::Constant(bytes.header()?),
            INTEGERS => PixelValues::Integers(bytes.values(count)?),
            FLOATS => PixelValues::Floats(bytes.values(count)?),
            _ => return Err(damaged("it has values of an unknown form")),
        };
        Ok((chunk, Arc::new(Skeleton { voxels: voxels.into(), values: Arc::new(values) })))
    }
}
