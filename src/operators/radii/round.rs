//! What workers tell each other while radii are found.

use std::io::{self, Write};

use bytemuck::{Pod, Zeroable};

use super::mask_store::Held;
use crate::error::Result;
use crate::grid::ChunkId;
use crate::wire::original::SentMask;
use crate::wire::{WireReader, WireRecord, damaged, values_bytes, write_header, write_values};

/// What a worker tells another in a round.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Round {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) number: u64,
    /// Whether the worker tells anybody anything in this round.
    pub(super) busy: bool,
    /// Chunks of the worker whose masks have changed.
    pub(super) edits: Vec<ChunkId>,
    /// Chunks of the other worker whose masks are missing.
    pub(super) asks: Vec<ChunkId>,
    /// The masks that the other worker has asked for.
    pub(super) answers: Vec<(ChunkId, Held)>,
}

/// What comes before the lists.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Header {
    from: u64,
    to: u64,
    number: u64,
    busy: u64,
    edits: u64,
    asks: u64,
    answers: u64,
}

impl WireRecord for Round {
    const KIND: [u8; 8] = *b"radii   ";
    const LEAST: usize = size_of::<Header>();

    fn wire_bytes(&self) -> usize {
        size_of::<Header>()
            + values_bytes::<ChunkId>(self.edits.len())
            + values_bytes::<ChunkId>(self.asks.len())
            + self.answers.iter().map(|(id, held)| (*id, held.sent()).wire_bytes()).sum::<usize>()
    }

    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let header = Header {
            from: self.from as u64,
            to: self.to as u64,
            number: self.number,
            busy: u64::from(self.busy),
            edits: self.edits.len() as u64,
            asks: self.asks.len() as u64,
            answers: self.answers.len() as u64,
        };
        write_header(out, &header)?;
        write_values(out, &self.edits)?;
        write_values(out, &self.asks)?;
        self.answers.iter().try_for_each(|(id, held)| (*id, held.sent()).write_to(out))
    }

    fn read_from(bytes: &mut WireReader<'_>) -> Result<Self> {
        let header: Header = bytes.header()?;
        if header.busy > 1 {
            return Err(damaged("it is neither busy nor idle"));
        }
        let worker = |number| usize::try_from(number).map_err(|_| damaged("it is of a worker that there is not"));
        let (from, to) = (worker(header.from)?, worker(header.to)?);
        let (edits, asks) = (bytes.values(header.edits)?, bytes.values(header.asks)?);
        let count = bytes.count(header.answers, <(ChunkId, SentMask)>::LEAST)?;
        let mut answers = Vec::with_capacity(count);
        for _ in 0..count {
            let (id, mask) = WireRecord::read_from(bytes)?;
            answers.push((id, Held::of_sent(mask)));
        }
        Ok(Round { from, to, number: header.number, busy: header.busy == 1, edits, asks, answers })
    }
}
