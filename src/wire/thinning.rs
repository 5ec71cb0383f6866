//! Wire format of the messages between chunks during thinning: bits of masks without gaps between rows, voxels by bit
//! index.

use std::io::{self, Write};

use bytemuck::{Pod, Zeroable};

#[cfg(feature = "abomonation")]
use super::Abomonated;
use super::{WireReader, WireRecord, WireRegion, damaged, values_bytes, write_header, write_values};
use crate::error::Result;
use crate::grid::ChunkId;
use crate::kernel::mask::{box_words, low_bits};
use crate::kernel::thin::message::{Link, Message, Slab};
use crate::space::Region;

const CHANGED: u32 = 1;
const KNOWN: u32 = 2;
const LIVE: u32 = 3;
const ACTIVATE: u32 = 4;
const FLIPS: u32 = 5;
/// Added to the kind of a message if abomonation has written its slab.
const ABOMONATED: u32 = 1 << 8;

/// The header before the parts of a message.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct MessageHeader {
    what: u32,
    /// Number of bit indices or entries of a log that follow; for a changed mask, whether it requests an answer.
    count: u32,
}

/// The header before the bit indices of one sub-iteration in a log.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct EntryHeader {
    sub_iteration: u32,
    count: u32,
}

/// The sending chunk and the neighbour that receives.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct WireLink {
    from: ChunkId,
    to: ChunkId,
}

impl From<Link> for WireLink {
    fn from(Link { from, to }: Link) -> Self {
        WireLink { from, to }
    }
}

impl From<WireLink> for Link {
    fn from(WireLink { from, to }: WireLink) -> Self {
        Link { from, to }
    }
}

/// The header before the words of a slab.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct SlabHeader {
    link: WireLink,
    region: WireRegion,
    /// Number of words that follow.
    pub(super) words: u64,
}

impl SlabHeader {
    pub(super) fn new(slab: &Slab) -> Self {
        let words = box_words(&slab.region) as u64;
        SlabHeader { link: slab.link.into(), region: slab.region.into(), words }
    }

    /// The link of the slab, and its box, which must fit the number of words.
    pub(super) fn verified(self) -> Result<(Link, Region)> {
        let region = self.region.region()?;
        let [z, y, x] = region.shape().map(|n| n as u64);
        // No axis is longer than 2^22, so that the product of any two fits.
        if region.is_empty() || (z * y).checked_mul(x).map(|bits| bits.div_ceil(64)) != Some(self.words) {
            return Err(damaged("it has a mask whose bits do not fill its box"));
        }
        Ok((self.link.into(), region))
    }
}

/// The words of a slab, as many as its box needs, with unused bits verified to be zero.
pub(super) fn verified(region: &Region, words: Vec<u64>) -> Result<Vec<u64>> {
    let over = region.volume() % 64;
    if over > 0 && words.last().is_some_and(|last| last & !low_bits(over) != 0) {
        return Err(damaged("it has unused bits that are not zero"));
    }
    Ok(words)
}

impl WireRecord for Slab {
    const KIND: [u8; 8] = *b"slab    ";
    const LEAST: usize = size_of::<SlabHeader>();

    fn wire_bytes(&self) -> usize {
        size_of::<SlabHeader>() + values_bytes::<u64>(box_words(&self.region))
    }

    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        write_header(out, &SlabHeader::new(self))?;
        write_values(out, &self.bits)
    }

    fn read_from(bytes: &mut WireReader<'_>) -> Result<Self> {
        let header: SlabHeader = bytes.header()?;
        let (link, region) = header.verified()?;
        Ok(Slab { link, region, bits: verified(&region, bytes.values(header.words)?)? })
    }
}

/// Size in bytes of a slab in a message.
fn slab_bytes(slab: &Slab) -> usize {
    #[cfg(feature = "abomonation")]
    return Abomonated::wire_bytes_of(slab);
    #[cfg(not(feature = "abomonation"))]
    return slab.wire_bytes();
}

/// Writes a slab in the form that messages hold.
fn write_slab(slab: &Slab, out: &mut impl Write) -> io::Result<()> {
    #[cfg(feature = "abomonation")]
    return Abomonated::write(slab, out);
    #[cfg(not(feature = "abomonation"))]
    return slab.write_to(out);
}

/// Reads a slab in the form that the kind of the message implies.
fn read_slab(what: u32, bytes: &mut WireReader<'_>) -> Result<Slab> {
    if what & ABOMONATED == 0 {
        return Slab::read_from(bytes);
    }
    #[cfg(feature = "abomonation")]
    return Abomonated::read_from(bytes).map(|Abomonated(slab)| slab);
    #[cfg(not(feature = "abomonation"))]
    return Err(damaged("only one of the two programs was built with the feature abomonation"));
}

/// The kind of a message with a slab.
fn with_slab(what: u32) -> u32 {
    if cfg!(feature = "abomonation") { what | ABOMONATED } else { what }
}

/// The length of a list of bit indices or entries, as 32 bits: bit indices have 32 bits, and none occurs twice.
fn length(count: usize) -> io::Result<u32> {
    u32::try_from(count).map_err(|_| io::Error::other("a list is too long to be sent"))
}

impl WireRecord for Message {
    const KIND: [u8; 8] = *b"thinning";
    const LEAST: usize = size_of::<MessageHeader>() + size_of::<WireLink>();

    fn wire_bytes(&self) -> usize {
        size_of::<MessageHeader>()
            + match self {
                Message::Changed(slab, _) => slab_bytes(slab),
                Message::Known(slab, log) => {
                    let entry = |bits: &[u32]| size_of::<EntryHeader>() + values_bytes::<u32>(bits.len());
                    slab_bytes(slab) + log.iter().map(|(_, bits)| entry(bits)).sum::<usize>()
                }
                Message::Live(_) => size_of::<WireLink>(),
                Message::Activate(_, bits) | Message::Flips(_, bits) => {
                    size_of::<WireLink>() + values_bytes::<u32>(bits.len())
                }
            }
    }

    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let mut header = |what, count| write_header(out, &MessageHeader { what, count });
        match self {
            Message::Changed(slab, asks) => {
                header(with_slab(CHANGED), u32::from(*asks))?;
                write_slab(slab, out)
            }
            Message::Known(slab, log) => {
                header(with_slab(KNOWN), length(log.len())?)?;
                write_slab(slab, out)?;
                for (sub_iteration, bits) in log {
                    let count = length(bits.len())?;
                    write_header(out, &EntryHeader { sub_iteration: *sub_iteration, count })?;
                    write_values(out, bits)?;
                }
                Ok(())
            }
            Message::Live(link) => {
                header(LIVE, 0)?;
                write_header(out, &WireLink::from(*link))
            }
            Message::Activate(link, bits) | Message::Flips(link, bits) => {
                let what = if let Message::Activate(..) = self { ACTIVATE } else { FLIPS };
                header(what, length(bits.len())?)?;
                write_header(out, &WireLink::from(*link))?;
                write_values(out, bits)
            }
        }
    }

    fn read_from(bytes: &mut WireReader<'_>) -> Result<Self> {
        fn link(bytes: &mut WireReader<'_>) -> Result<Link> {
            Ok(bytes.header::<WireLink>()?.into())
        }
        let MessageHeader { what, count } = bytes.header()?;
        match (what & !ABOMONATED, count) {
            (CHANGED, 0 | 1) => Ok(Message::Changed(read_slab(what, bytes)?, count == 1)),
            (KNOWN, _) => {
                let slab = read_slab(what, bytes)?;
                let mut log = Vec::with_capacity(bytes.count(count.into(), size_of::<EntryHeader>())?);
                for _ in 0..count {
                    let EntryHeader { sub_iteration, count } = bytes.header()?;
                    log.push((sub_iteration, bytes.values(count.into())?));
                }
                Ok(Message::Known(slab, log))
            }
            _ => match (what, count) {
                (LIVE, 0) => Ok(Message::Live(link(bytes)?)),
                (ACTIVATE, _) => Ok(Message::Activate(link(bytes)?, bytes.values(count.into())?)),
                (FLIPS, _) => Ok(Message::Flips(link(bytes)?, bytes.values(count.into())?)),
                _ => Err(damaged("it has an unknown kind")),
            },
        }
    }
}
