//! Wire format of the skeletons of chunks: positions of voxels, their values and their radii.

use std::io::{self, Write};
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use super::{WireReader, WireRecord, damaged, values_bytes, write_header, write_values};
use crate::error::Result;
use crate::grid::ChunkId;
use crate::kernel::measure::Known;
use crate::kernel::measure::pixel_values::PixelValues;
use crate::kernel::measure::radii::{Radii, Radius};
use crate::kernel::measure::radius_list::RadiusList;
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
    /// The number of radii: that of the voxels, or none.
    radii: u64,
}

impl WireRecord for (ChunkId, Arc<Skeleton<Known>>) {
    const KIND: [u8; 8] = *b"skeleton";
    const LEAST: usize = size_of::<Header>();

    fn wire_bytes(&self) -> usize {
        let (values, radii) = &*self.1.values;
        let values = match values {
            PixelValues::Constant(_) => size_of::<i64>(),
            PixelValues::Integers(values) => values_bytes::<i64>(values.len()),
            PixelValues::Floats(values) => values_bytes::<u64>(values.len()),
        };
        size_of::<Header>()
            + values_bytes::<Voxel>(self.1.voxels.len())
            + values
            + values_bytes::<u64>(known(radii).map_or(0, RadiusList::len))
    }

    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let (chunk, skeleton) = self;
        let (values, radii) = &*skeleton.values;
        let form = match values {
            PixelValues::Constant(_) => CONSTANT,
            PixelValues::Integers(_) => INTEGERS,
            PixelValues::Floats(_) => FLOATS,
        };
        let radii: Vec<u64> = known(radii).into_iter().flat_map(RadiusList::iter).map(Radius::bits).collect();
        let (voxels, counted) = (skeleton.voxels.len() as u64, radii.len() as u64);
        write_header(out, &Header { chunk: *chunk, voxels, values: form, radii: counted })?;
        write_values(out, &skeleton.voxels.to_vec())?;
        match values {
            PixelValues::Constant(value) => write_values(out, &[*value])?,
            PixelValues::Integers(values) => write_values(out, values)?,
            PixelValues::Floats(values) => write_values(out, values)?,
        }
        write_values(out, &radii)
    }

    fn read_from(bytes: &mut WireReader<'_>) -> Result<Self> {
        let Header { chunk, voxels: count, values, radii } = bytes.header()?;
        let voxels: Vec<Voxel> = bytes.values(count)?;
        let values = match values {
            CONSTANT => PixelValues::Constant(bytes.header()?),
            INTEGERS => PixelValues::Integers(bytes.values(count)?),
            FLOATS => PixelValues::Floats(bytes.values(count)?),
            _ => return Err(damaged("it has values of an unknown form")),
        };
        let radii = match radii {
            0 => Radii::Unknown,
            _ if radii != count => return Err(damaged("it has another number of radii than of voxels")),
            _ => {
                let radii: Option<Vec<Radius>> = bytes.values(count)?.into_iter().map(Radius::from_bits).collect();
                Radii::Known(radii.ok_or_else(|| damaged("it has a radius that is none"))?.into())
            }
        };
        Ok((chunk, Arc::new(Skeleton { voxels: voxels.into(), values: Arc::new((values, radii)) })))
    }
}

/// The radii, if they are known.
fn known(radii: &Radii) -> Option<&RadiusList> {
    match radii {
        Radii::Unknown => None,
        Radii::Known(radii) => Some(radii),
    }
}
