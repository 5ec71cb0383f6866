//! Wire format of the original masks of chunks: a flag, and for mixed masks the box and the packed form.

use std::io::{self, Write};
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use super::{WireReader, WireRecord, WireRegion, damaged, values_bytes, write_header, write_values};
use crate::error::Result;
use crate::grid::ChunkId;
use crate::kernel::mask::packed::PackedMask;
use crate::space::Region;

const BACKGROUND: u64 = 1;
const FOREGROUND: u64 = 2;
const MIXED: u64 = 3;
const LOST: u64 = 4;

/// The mask of a chunk as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SentMask {
    /// No foreground.
    Background,
    /// Nothing else.
    Foreground,
    /// Both.
    Mixed(Arc<PackedMask>),
    /// It cannot be read where it was held.
    Lost,
}

/// The header before a mask.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Header {
    chunk: ChunkId,
    what: u64,
}

impl WireRecord for (ChunkId, SentMask) {
    const KIND: [u8; 8] = *b"original";
    const LEAST: usize = size_of::<Header>();

    fn wire_bytes(&self) -> usize {
        let of_mask = |packed: &PackedMask| {
            size_of::<WireRegion>() + size_of::<u64>() + values_bytes::<u64>(packed.words().len())
        };
        size_of::<Header>() + if let SentMask::Mixed(packed) = &self.1 { of_mask(packed) } else { 0 }
    }

    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let (chunk, mask) = self;
        let mut header = |what| write_header(out, &Header { chunk: *chunk, what });
        match mask {
            SentMask::Background => header(BACKGROUND),
            SentMask::Foreground => header(FOREGROUND),
            SentMask::Lost => header(LOST),
            SentMask::Mixed(packed) => {
                header(MIXED)?;
                write_header(out, &WireRegion::from(packed.layout().own))?;
                write_header(out, &(packed.words().len() as u64))?;
                write_values(out, packed.words())
            }
        }
    }

    fn read_from(bytes: &mut WireReader<'_>) -> Result<Self> {
        let Header { chunk, what } = bytes.header()?;
        let mask = match what {
            BACKGROUND => SentMask::Background,
            FOREGROUND => SentMask::Foreground,
            LOST => SentMask::Lost,
            MIXED => {
                let own: Region = bytes.header::<WireRegion>()?.region()?;
                let count: u64 = bytes.header()?;
                let packed = PackedMask::checked(own, bytes.values(count)?);
                SentMask::Mixed(Arc::new(packed.ok_or_else(|| damaged("it has a mask whose bits do not fill it"))?))
            }
            _ => return Err(damaged("it has a mask of an unknown form")),
        };
        Ok((chunk, mask))
    }
}
