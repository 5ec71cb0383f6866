//! Wire format of the original masks of chunks: a flag, and for mixed masks the bits without gaps between rows.

use std::io::{self, Write};
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use super::{WireReader, WireRecord, WireRegion, damaged, values_bytes, write_header, write_values};
use crate::error::Result;
use crate::grid::ChunkId;
use crate::kernel::mask::{Layout, Mask, box_words, low_bits};
use crate::kernel::measure::distance::Original;
use crate::space::Region;

const BACKGROUND: u64 = 1;
const FOREGROUND: u64 = 2;
const MIXED: u64 = 3;

/// The header before the bits of a mask.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Header {
    chunk: ChunkId,
    what: u64,
}

impl WireRecord for (ChunkId, Original) {
    const KIND: [u8; 8] = *b"original";
    const LEAST: usize = size_of::<Header>();

    fn wire_bytes(&self) -> usize {
        let mask = |mask: &Mask| size_of::<WireRegion>() + values_bytes::<u64>(box_words(&mask.layout().own));
        size_of::<Header>() + if let Original::Mixed(mixed) = &self.1 { mask(mixed.mask()) } else { 0 }
    }

    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let (chunk, original) = self;
        let mut header = |what| write_header(out, &Header { chunk: *chunk, what });
        match original {
            Original::Background => header(BACKGROUND),
            Original::Foreground => header(FOREGROUND),
            Original::Mixed(mixed) => {
                header(MIXED)?;
                let mask = mixed.mask();
                let own = mask.layout().own;
                write_header(out, &WireRegion::from(own))?;
                write_values(out, &mask.cut(&own))
            }
        }
    }

    fn read_from(bytes: &mut WireReader<'_>) -> Result<Self> {
        let Header { chunk, what } = bytes.header()?;
        let original = match what {
            BACKGROUND => Original::Background,
            FOREGROUND => Original::Foreground,
            MIXED => Original::mixed(Arc::new(mask(bytes)?)),
            _ => return Err(damaged("it has a mask of an unknown form")),
        };
        Ok((chunk, original))
    }
}

/// A mask without a halo.
fn mask(bytes: &mut WireReader<'_>) -> Result<Mask> {
    let own: Region = bytes.header::<WireRegion>()?.region()?;
    let bits = own.shape().iter().try_fold(1, |bits: u64, &n| bits.checked_mul(n as u64));
    let Some(bits) = bits.filter(|&bits| bits > 0 && Layout::fits(own.shape())) else {
        return Err(damaged("it has a mask of a shape that no chunk has"));
    };
    let words: Vec<u64> = bytes.values(bits.div_ceil(64))?;
    let over = (bits % 64) as usize;
    if over > 0 && words.last().is_some_and(|last| last & !low_bits(over) != 0) {
        return Err(damaged("it has unused bits that are not zero"));
    }
    let mut mask = Mask::new(Layout::new(own));
    mask.paste(&own, &words);
    Ok(mask)
}
