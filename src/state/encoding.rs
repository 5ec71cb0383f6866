//! Encoding of a record in a file: a header of fixed length, and the record in postcard's format, compressed.
//!
//! All numbers are little-endian. The form of the header stays the same in later versions of a kind:
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
use zstd::bulk::{Compressor, Decompressor};

use super::kind::{Record, RecordKind};
use crate::error::{Error, Result};
use crate::grid::{ChunkId, Grid};

const MAGIC: [u8; 8] = *b"ANABRSTA";

/// Size of the header in bytes.
pub(super) const HEADER: usize = 88;

/// The fastest level: higher ones spend their time on entropy coding, from which masks hardly gain.
const LEVEL: i32 = 1;

thread_local! {
    /// Reused, because setting up its tables takes longer than compressing a small record.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The result of loading something that an earlier run wrote.
#[derive(Clone, Debug, PartialEq)]
pub enum Loaded<R> {
    /// It exists and can be used.
    Valid(R),
    /// It does not exist.
    Absent,
    /// It exists but cannot be used: compute it again, with a warning.
    Unusable(Reason),
}

impl<R> Loaded<R> {
    /// Converts the value to another type.
    pub(super) fn map<S>(self, of: impl FnOnce(R) -> S) -> Loaded<S> {
        match self {
            Loaded::Valid(value) => Loaded::Valid(of(value)),
            Loaded::Absent => Loaded::Absent,
            Loaded::Unusable(reason) => Loaded::Unusable(reason),
        }
    }

    /// The value, if it can be used.
    pub fn valid(self) -> Option<R> {
        match self {
            Loaded::Valid(record) => Some(record),
            Loaded::Absent | Loaded::Unusable(_) => None,
        }
    }
}

/// The reason why a record cannot be used. Displays as the end of a sentence that begins with "the record".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Reason {
    /// The file ends too early.
    Truncated,
    /// Some bytes differ from those that were written.
    Damaged,
    /// It is a record of another chunk.
    OtherChunk,
    /// It is a record of another kind, such as a mask record in place of a thinning record.
    OtherKind,
    /// It was written in another version of its kind.
    OtherVersion,
    /// It was made with other parameters.
    OtherParameters,
    /// It is not the record that the digest names, or a digest of other records.
    OtherRecords,
    /// It is complete, but its parts do not fit each other or the chunk on this grid.
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
            Reason::OtherRecords => "does not fit the other records",
            Reason::Unfit => "does not fit the chunk",
        })
    }
}

type Checked<T> = std::result::Result<T, Reason>;

/// The fields of the header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: RecordKind,
    pub(super) chunk: ChunkId,
    pub(super) parameters: u64,
    pub(super) epoch: u64,
}

impl Header {
    /// The bytes of the fields that identify a record; a record is usable only if all of them equal the expected ones.
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
/// Of kind `Internal` if the record does not fit its chunk, and so could not be loaded.
pub(super) fn encode<R: Record>(record: &R, header: &Header, grid: &Grid) -> Result<Vec<u8>> {
    if !record.fits(grid, header.chunk) {
        return Err(Error::internal("a record does not fit its chunk and was not written").in_chunk(header.chunk));
    }
    let unwritten = || Error::internal("a record cannot be encoded").in_chunk(header.chunk);
    let plain = postcard::to_stdvec(record).map_err(|error| unwritten().because(error))?;
    seal(&plain, header).map_err(|error| unwritten().because(error))
}

/// Compresses bytes.
pub(crate) fn pack(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|compressor| match compressor {
        Some(compressor) => compressor.compress(plain),
        None => compressor.insert(Compressor::new(LEVEL)?).compress(plain),
    })
}

/// The bytes of a file with this body, compressed.
fn seal(plain: &[u8], header: &Header) -> std::io::Result<Vec<u8>> {
    let body = pack(plain)?;
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

/// The record in these bytes, if it is complete and its header equals `expected`, except for the epoch.
pub(super) fn decode<R: Record>(bytes: &[u8], expected: &Header, grid: &Grid) -> Checked<R> {
    let (header, body) = split(bytes)?;
    check_identity(header, &expected.identity())?;
    let plain = unpack(body, number(header, 64)).ok_or(Reason::Damaged)?;
    let (record, rest) = postcard::take_from_bytes::<R>(&plain).map_err(|_| Reason::Unfit)?;
    if rest.is_empty() && record.fits(grid, expected.chunk) { Ok(record) } else { Err(Reason::Unfit) }
}

/// A number that tells the bytes of a record from all others: the checksum of its header, which holds that of its body.
pub(super) fn stamp(bytes: &[u8]) -> u64 {
    bytes.first_chunk::<HEADER>().map_or(0, |header| number(header, 80))
}

/// The epoch of a record, from the first bytes of its file, if the header is complete.
pub(super) fn epoch(bytes: &[u8]) -> Option<u64> {
    check_header(bytes).ok().map(|header| number(header, 48))
}

fn check_header(bytes: &[u8]) -> Checked<&[u8; HEADER]> {
    let header = bytes.first_chunk::<HEADER>().ok_or(Reason::Truncated)?;
    let whole = header[..8] == MAGIC && number(header, 80) == XxHash3_64::oneshot(&header[..80]);
    if whole { Ok(header) } else { Err(Reason::Damaged) }
}

/// The header and the body, with verified checksums.
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
    // The kind decides what a version means, and the version what the fields after it mean.
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

/// The bytes that were compressed, if there are as many as expected.
pub(crate) fn unpack(body: &[u8], length: u64) -> Option<Vec<u8>> {
    let length = usize::try_from(length).ok()?;
    let mut plain = crate::memory::room(length)?;
    let written = DECOMPRESSOR.with_borrow_mut(|decompressor| match decompressor {
        Some(decompressor) => decompressor.decompress_to_buffer(body, &mut plain),
        None => decompressor.insert(Decompressor::new()?).decompress_to_buffer(body, &mut plain),
    });
    let written = written.ok()?;
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

    /// The reason why the record in these bytes cannot be used.
    fn reason(bytes: &[u8], expected: &Header) -> Option<Reason> {
        match expected.kind == MaskRecord::KIND {
            true => decode::<MaskRecord>(bytes, expected, &grid()).err(),
            false => decode::<ThinningRecord>(bytes, expected, &grid()).err(),
        }
    }

    /// The bytes with another value in the header, as if it had been written so.
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
        // The version of another kind is not examined.
        assert_eq!(reason(&altered(&thinning, 8, &[9]), &expected), Some(Reason::OtherKind));
        assert_eq!(reason(&mask, &Header { epoch: 6, ..expected }), None);
        // Complete, but the body is of another chunk.
        let inside = encode(&mask_record(elsewhere.chunk), &elsewhere, &grid()).unwrap();
        let forged = altered(&inside, 32, &2i64.to_le_bytes());
        assert_eq!(reason(&forged, &expected), Some(Reason::Unfit));
        // A length that exceeds any memory, and one that is not that of the body.
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
        /// Nothing panics, and every decoded record can be used, here by code that visits all of it.
        #[test]
        fn a_whole_record_with_any_content_is_refused_or_sound(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            thinning in any::<bool>(),
        ) {
            let (kind, bytes) = encoded().into_iter().nth(usize::from(thinning)).unwrap();
            let (whole, body) = split(&bytes).unwrap();
            let mut plain = unpack(body, number(whole, 64)).unwrap();
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
