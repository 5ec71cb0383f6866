//! A record as the bytes of a file: a header of fixed length, and the record in postcard's format, compressed.
//!
//! All numbers are little endian. The header keeps its form in later versions of a kind:
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | `ANABRSTA` |
//! | 8..12 | version of the kind of record |
//! | 12..16 | number of the kind: 1 for masks, 2 for thinning |
//! | 16..40 | the chunk's place on the grid: z, y, x |
//! | 40..48 | hash of the parameters |
//! | 48..56 | epoch |
//! | 56..64 | bytes of the body |
//! | 64..72 | bytes of the record before compression |
//! | 72..80 | XXH3 of the body |
//! | 80..88 | XXH3 of the header up to here |

use std::cell::RefCell;
use std::fmt;

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;
use zstd::bulk::Compressor;

use super::kind::{Record, RecordKind};
use crate::error::{Error, Result};
use crate::grid::{ChunkId, Grid};

const MAGIC: [u8; 8] = *b"ANABRSTA";

/// Bytes of the header.
pub(super) const HEADER: usize = 88;

/// Fast: what takes time is the entropy coding, which masks hardly need.
const LEVEL: i32 = 1;

thread_local! {
    /// To make its tables takes longer than to compress a small record.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

/// What became of the attempt to use something that an earlier run wrote.
#[derive(Clone, Debug, PartialEq)]
pub enum Loaded<R> {
    /// It can be used.
    Valid(R),
    /// There is none.
    Absent,
    /// There is one that cannot be used: it is to be computed again, with a warning.
    Unusable(Reason),
}

impl<R> Loaded<R> {
    /// What can be used, if it can be.
    pub fn valid(self) -> Option<R> {
        match self {
            Loaded::Valid(record) => Some(record),
            Loaded::Absent | Loaded::Unusable(_) => None,
        }
    }
}

/// Why a record cannot be used. Displayed as the end of a sentence that begins with "the record".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Reason {
    /// The file ends too early.
    Truncated,
    /// Some bytes are not those that were written.
    Damaged,
    /// It is of another chunk.
    OtherChunk,
    /// It is a record of another kind, as a mask record in place of a thinning record.
    OtherKind,
    /// It was written in another version of its kind.
    OtherVersion,
    /// It was made with other parameters.
    OtherParameters,
    /// It is whole, but its parts do not belong together or to the chunk as the grid has it.
    Unfit,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Truncated => "ends too early",
            Reason::Damaged => "is damaged",
            Reason::OtherChunk => "is of another chunk",
            Reason::OtherKind => "is of another kind",
            Reason::OtherVersion => "is of another version",
            Reason::OtherParameters => "was made with other parameters",
            Reason::Unfit => "does not fit the chunk",
        })
    }
}

type Checked<T> = std::result::Result<T, Reason>;

/// What the header of a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: RecordKind,
    pub(super) chunk: ChunkId,
    pub(super) parameters: u64,
    pub(super) epoch: u64,
}

impl Header {
    /// The fields that say what a record is; those of a record that may be used are the same to the last byte.
    fn identity(&self) -> [u8; 40] {
        let mut bytes = [0; 40];
        bytes[..4].copy_from_slice(&self.kind.version.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.kind.number.to_le_bytes());
        for (place, bytes) in self.chunk.place().iter().zip(bytes[8..32].chunks_exact_mut(8)) {
            bytes.copy_from_slice(&place.to_le_bytes());
        }
        bytes[32..].copy_from_slice(&self.parameters.to_le_bytes());
        bytes
    }
}

/// The bytes of a record.
///
/// # Errors
/// Of kind `Internal` if the record does not fit its chunk, and could not be used.
pub(super) fn encode<R: Record>(record: &R, header: &Header, grid: &Grid) -> Result<Vec<u8>> {
    if !record.fits(grid, header.chunk) {
        return Err(Error::internal("a record does not fit its chunk and was not written").in_chunk(header.chunk));
    }
    let unwritten = || Error::internal("a record cannot be put in bytes").in_chunk(header.chunk);
    let plain = postcard::to_stdvec(record).map_err(|error| unwritten().because(error))?;
    seal(&plain, header).map_err(|error| unwritten().because(error))
}

/// The bytes of a file whose body is some bytes, compressed.
fn seal(plain: &[u8], header: &Header) -> std::io::Result<Vec<u8>> {
    let body = COMPRESSOR.with_borrow_mut(|compressor| match compressor {
        Some(compressor) => compressor.compress(plain),
        None => compressor.insert(Compressor::new(LEVEL)?).compress(plain),
    })?;
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&header.identity());
    for number in [header.epoch, body.len() as u64, plain.len() as u64, XxHash3_64::oneshot(&body)] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(&XxHash3_64::oneshot(&bytes).to_le_bytes());
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// The record in some bytes, if it is whole and what `expected` says; its epoch may be any.
pub(super) fn decode<R: Record>(bytes: &[u8], expected: &Header, grid: &Grid) -> Checked<R> {
    let (header, body) = split(bytes)?;
    check_identity(header, &expected.identity())?;
    let plain = decompress(body, number(header, 64)).ok_or(Reason::Damaged)?;
    let (record, rest) = postcard::take_from_bytes::<R>(&plain).map_err(|_| Reason::Unfit)?;
    if rest.is_empty() && record.fits(grid, expected.chunk) { Ok(record) } else { Err(Reason::Unfit) }
}

/// The epoch in which a record was written, by the first bytes of its file, if they are whole.
pub(super) fn epoch(bytes: &[u8]) -> Option<u64> {
    check_header(bytes).ok().map(|header| number(header, 48))
}

fn check_header(bytes: &[u8]) -> Checked<&[u8; HEADER]> {
    let header = bytes.first_chunk::<HEADER>().ok_or(Reason::Truncated)?;
    let whole = header[..8] == MAGIC && number(header, 80) == XxHash3_64::oneshot(&header[..80]);
    if whole { Ok(header) } else { Err(Reason::Damaged) }
}

/// The header and the body, which are the bytes that were written.
fn split(bytes: &[u8]) -> Checked<(&[u8; HEADER], &[u8])> {
    let header = check_header(bytes)?;
    let body = &bytes[HEADER..];
    match (body.len() as u64).cmp(&number(header, 56)) {
        std::cmp::Ordering::Less => Err(Reason::Truncated),
        std::cmp::Ordering::Equal if XxHash3_64::oneshot(body) == number(header, 72) => Ok((header, body)),
        _ => Err(Reason::Damaged),
    }
}

fn check_identity(header: &[u8; HEADER], expected: &[u8; 40]) -> Checked<()> {
    let found = &header[8..48];
    // Each kind has versions of its own, and a version may give the fields after it another meaning.
    let fields = [
        (4..8, Reason::OtherKind),
        (0..4, Reason::OtherVersion),
        (8..32, Reason::OtherChunk),
        (32..40, Reason::OtherParameters),
    ];
    let other = fields.into_iter().find(|(range, _)| found[range.clone()] != expected[range.clone()]);
    other.map_or(Ok(()), |(_, reason)| Err(reason))
}

fn number(header: &[u8; HEADER], at: usize) -> u64 {
    header[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn decompress(body: &[u8], length: u64) -> Option<Vec<u8>> {
    let length = usize::try_from(length).ok()?;
    let mut plain = crate::memory::room(length)?;
    let written = zstd::bulk::Decompressor::new().and_then(|mut z| z.decompress_to_buffer(body, &mut plain)).ok()?;
    (written == length && plain.len() == length).then_some(plain)
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use proptest::prelude::*;

    use super::*;
    use crate::state::examples::{grid, mask_record, thinning_record};
    use crate::state::{MaskRecord, ThinningRecord};

    const CHUNK: [i64; 3] = [0, -1, 2];

    fn header(kind: RecordKind) -> Header {
        Header { kind, chunk: ChunkId::at(CHUNK), parameters: 7, epoch: 5 }
    }

    fn encoded() -> [(RecordKind, Vec<u8>); 2] {
        static ENCODED: OnceLock<[(RecordKind, Vec<u8>); 2]> = OnceLock::new();
        let encoded = ENCODED.get_or_init(|| {
            let id = ChunkId::at(CHUNK);
            let mask = encode(&mask_record(id), &header(MaskRecord::KIND), &grid()).unwrap();
            let thinning = encode(&thinning_record(id), &header(ThinningRecord::KIND), &grid()).unwrap();
            [(MaskRecord::KIND, mask), (ThinningRecord::KIND, thinning)]
        });
        encoded.clone()
    }

    /// What stands in the way of the record in some bytes.
    fn reason(bytes: &[u8], expected: &Header) -> Option<Reason> {
        match expected.kind == MaskRecord::KIND {
            true => decode::<MaskRecord>(bytes, expected, &grid()).err(),
            false => decode::<ThinningRecord>(bytes, expected, &grid()).err(),
        }
    }

    /// A header with other bytes at a place, as if it had been written so.
    fn altered(bytes: &[u8], at: usize, with: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        bytes[at..at + with.len()].copy_from_slice(with);
        let checksum = XxHash3_64::oneshot(&bytes[..80]);
        bytes[80..88].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let [(_, mask), (_, thinning)] = encoded();
        let id = ChunkId::at(CHUNK);
        assert_eq!(decode(&mask, &header(MaskRecord::KIND), &grid()), Ok(mask_record(id)));
        assert_eq!(decode(&thinning, &header(ThinningRecord::KIND), &grid()), Ok(thinning_record(id)));
        assert_eq!((epoch(&mask), epoch(&thinning[..HEADER])), (Some(5), Some(5)));
    }

    #[test]
    fn every_changed_byte_and_every_missing_one_is_noticed() {
        for (kind, bytes) in encoded() {
            for at in 0..bytes.len() {
                for flip in [1 << (at % 8), 0xff] {
                    let mut changed = bytes.clone();
                    changed[at] ^= flip;
                    assert_eq!(reason(&changed, &header(kind)), Some(Reason::Damaged), "byte {at}");
                }
                assert_eq!(reason(&bytes[..at], &header(kind)), Some(Reason::Truncated), "{at} bytes");
            }
            let longer = [&bytes[..], &[0]].concat();
            assert_eq!(reason(&longer, &header(kind)), Some(Reason::Damaged));
        }
    }

    #[test]
    fn a_record_of_something_else_is_named_for_what_it_is() {
        let [(_, mask), (_, thinning)] = encoded();
        let expected = header(MaskRecord::KIND);
        assert_eq!(reason(&thinning, &expected), Some(Reason::OtherKind));
        assert_eq!(reason(&mask, &header(ThinningRecord::KIND)), Some(Reason::OtherKind));
        let elsewhere = Header { chunk: ChunkId::at([0, -1, 3]), ..expected };
        assert_eq!(reason(&mask, &elsewhere), Some(Reason::OtherChunk));
        assert_eq!(reason(&mask, &Header { parameters: 8, ..expected }), Some(Reason::OtherParameters));
        assert_eq!(reason(&altered(&mask, 8, &[9]), &expected), Some(Reason::OtherVersion));
        // What a version of another kind means is not asked.
        assert_eq!(reason(&altered(&thinning, 8, &[9]), &expected), Some(Reason::OtherKind));
        assert_eq!(reason(&mask, &Header { epoch: 6, ..expected }), None);
        // Whole, but of another chunk inside.
        let inside = encode(&mask_record(elsewhere.chunk), &elsewhere, &grid()).unwrap();
        let forged = altered(&inside, 32, &2i64.to_le_bytes());
        assert_eq!(reason(&forged, &expected), Some(Reason::Unfit));
        // A length that no machine has memory for, and one that is not the body's.
        for length in [1u64 << 62, 3] {
            assert_eq!(reason(&altered(&mask, 64, &length.to_le_bytes()), &expected), Some(Reason::Damaged));
        }
    }

    #[test]
    fn a_record_that_could_not_be_read_again_is_not_written() {
        let other = mask_record(ChunkId::at([0, 0, 0]));
        let error = encode(&other, &header(MaskRecord::KIND), &grid()).unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Internal);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        /// Nothing panics, and what is decoded can be used: here by what walks over all of it.
        #[test]
        fn a_whole_record_with_any_content_is_refused_or_sound(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            thinning in any::<bool>(),
        ) {
            let (kind, bytes) = encoded().into_iter().nth(usize::from(thinning)).unwrap();
            let (whole, body) = split(&bytes).unwrap();
            let mut plain = decompress(body, number(whole, 64)).unwrap();
            for (at, with) in changes {
                let at = at.index(plain.len());
                plain[at] = with;
            }
            let forged = seal(&plain, &header(kind)).unwrap();
            let id = ChunkId::at(CHUNK);
            if thinning && let Ok(record) = decode::<ThinningRecord>(&forged, &header(kind), &grid()) {
                let seams = crate::kernel::thin::seam::Seams::new(&grid(), id);
                crate::state::Seen::new(&seams, &record.initial, &record.log);
            } else if let Ok(record) = decode::<MaskRecord>(&forged, &header(kind), &grid()) {
                let projections = record.projections.unwrap();
                crate::kernel::image::project::Projections::new(projections.bounds(), 3).merge(&projections);
                prop_assert_eq!(record.mask.unwrap().own_bits().count() as u64, record.foreground);
            }
        }
    }
}
