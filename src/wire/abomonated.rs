//! Slabs whose words abomonation writes, to compare it with the plain form and to send slabs in this form.
//!
//! The crate abomonation encodes records by copying their memory, heap addresses included, and decodes them by
//! reinterpreting the bytes in place. RUSTSEC-2021-0120 reports that its interface is unsound, and no version fixes it:
//! `decode` of bytes that `encode` did not write is undefined behaviour, as is a buffer at an odd address; a length of
//! 2^61 overflows, and is accepted, in release builds; and a whole record is read through a reference to its first
//! byte. So neither function is used here. The rest is sound:
//!
//! - The fixed fields are sent as plain numbers. No address is sent, and a slab has the same bytes in every process.
//! - The words are sent through the interface of `Vec<u64>`: `entomb` writes the memory of integers, which have no
//!   padding.
//! - The receiver verifies all bytes before it uses any of them: mark, version, length and checksum; then that the
//!   number of words fits the box and the bytes. The words are copied into an aligned allocation of exactly their size.
//!   There `exhume` makes a vector, with a verified length, which owns the allocation.
//!
//! So all that abomonation does is unnecessary: it makes a vector from memory that could have been a vector before.
//! This form costs one more checksum than the plain form and saves nothing, as `benches/wire_format.rs` shows. The
//! feature is off by default, and either all processes of a run or none must have it.
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | `ABOMSLAB` |
//! | 8..16 | version of this form |
//! | 16..24 | bytes of the body |
//! | 24..32 | XXH3 of the bytes before and of the body |
//! | 32.. | the body: link, box, number of words; the words |
#![allow(unsafe_code, reason = "abomonation has no safe interface; what is asked of its callers is shown at each call")]

use std::hash::Hasher;
use std::io::{self, Write};
use std::mem::ManuallyDrop;

use abomonation::Abomonation;
use bytemuck::{Pod, Zeroable};
use twox_hash::XxHash3_64;

use super::thinning::{SlabHeader, verified};
use super::{WireReader, WireRecord, damaged, write_header};
use crate::error::Result;
use crate::kernel::mask::box_words;
use crate::kernel::thin::message::Slab;

const MAGIC: [u8; 8] = *b"ABOMSLAB";
const VERSION: u64 = 1;

/// The header before the body.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Frame {
    magic: [u8; 8],
    version: u64,
    bytes: u64,
    checksum: u64,
}

impl Frame {
    fn new(bytes: u64, parts: [&[u8]; 2]) -> Frame {
        let frame = Frame { magic: MAGIC, version: VERSION, bytes, checksum: 0 };
        let mut hash = XxHash3_64::new();
        hash.write(bytemuck::bytes_of(&frame));
        parts.into_iter().for_each(|part| hash.write(part));
        Frame { checksum: hash.finish(), ..frame }
    }
}

/// A slab that is sent with words written by abomonation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abomonated(pub Slab);

impl Abomonated {
    pub(super) fn wire_bytes_of(slab: &Slab) -> usize {
        size_of::<Frame>() + size_of::<SlabHeader>() + box_words(&slab.region) * size_of::<u64>()
    }

    pub(super) fn write(slab: &Slab, out: &mut impl Write) -> io::Result<()> {
        let header = SlabHeader::new(slab);
        let words = &slab.bits;
        let parts = [bytemuck::bytes_of(&header), bytemuck::cast_slice(words)];
        write_header(out, &Frame::new(parts.iter().map(|part| part.len() as u64).sum(), parts))?;
        write_header(out, &header)?;
        // SAFETY: `entomb` writes the memory of the elements, and integers have neither padding nor addresses.
        unsafe { words.entomb(out) }
    }
}

/// A vector of the words in `bytes`, made by abomonation. Ignores bytes after the last whole word.
fn exhume(bytes: &[u8]) -> Option<Vec<u64>> {
    // A boxed slice has no spare capacity: the vector's length and capacity are both that of the allocation.
    let words: Box<[u64]> = bytes.chunks_exact(size_of::<u64>()).map(bytemuck::pod_read_unaligned).collect();
    let count = words.len();
    let start: *mut u64 = Box::into_raw(words).cast();
    // SAFETY: the allocation is that of a boxed slice of `count` initialised words, and nothing else owns it.
    let mut vector = ManuallyDrop::new(unsafe { Vec::from_raw_parts(start, count, count) });
    // SAFETY: these are the bytes of that allocation, which is not accessed through `vector` while they are borrowed.
    let memory = unsafe { std::slice::from_raw_parts_mut(start.cast::<u8>(), count * size_of::<u64>()) };
    // SAFETY: `exhume` overwrites `vector`, without dropping it, with a vector of the same length over the beginning of
    // `memory`. That length is the length of `memory`, which is aligned for words and is an allocation that such a
    // vector may own. The vector is the only owner, since `memory` is not used after this; elements are integers, for
    // which every bit pattern is valid.
    let left = unsafe { vector.exhume(memory) };
    // If `exhume` failed, which no length here causes, `vector` is still the one that owned the allocation before.
    let whole = left.is_some_and(|left| left.is_empty());
    let vector = ManuallyDrop::into_inner(vector);
    whole.then_some(vector)
}

impl WireRecord for Abomonated {
    const KIND: [u8; 8] = *b"abomslab";
    const LEAST: usize = size_of::<Frame>() + size_of::<SlabHeader>();

    fn wire_bytes(&self) -> usize {
        Abomonated::wire_bytes_of(&self.0)
    }

    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        Abomonated::write(&self.0, out)
    }

    fn read_from(bytes: &mut WireReader<'_>) -> Result<Self> {
        let frame: Frame = bytes.header()?;
        if (frame.magic, frame.version) != (MAGIC, VERSION) {
            return Err(damaged("it has a mask of another form"));
        }
        let length =
            usize::try_from(frame.bytes).map_err(|_| damaged("it has a mask that is longer than the message"))?;
        let body = bytes.take(length)?;
        if Frame::new(frame.bytes, [body, &[]]).checksum != frame.checksum {
            return Err(damaged("it has a mask with a wrong checksum"));
        }
        let mut body = WireReader::new(body);
        let header: SlabHeader = body.header()?;
        let (link, region) = header.verified()?;
        if header.words.checked_mul(size_of::<u64>() as u64) != Some(body.left() as u64) {
            return Err(damaged("it has a mask of a wrong length"));
        }
        let words =
            exhume(body.take(body.left())?).ok_or_else(|| damaged("it has a mask that abomonation does not read"))?;
        Ok(Abomonated(Slab { link, region, bits: verified(&region, words)? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::grid::ChunkId;
    use crate::kernel::thin::message::Link;
    use crate::space::Region;
    use crate::wire::tests::assert_is_sent_and_received;

    fn slab() -> Slab {
        let link = Link { from: ChunkId::at([0, 0, 1]), to: ChunkId::at([0, -1, 1]) };
        let region = Region::new([-3, 7, 64], [1, 8, 134]);
        // 280 bits.
        Slab { link, region, bits: vec![0x9e37_79b9_7f4a_7c15, 0x2a, u64::MAX, 0, 0x15_4a7c] }
    }

    fn written(slab: &Slab) -> Vec<u8> {
        let mut bytes = Vec::new();
        Abomonated::write(slab, &mut bytes).unwrap();
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Abomonated> {
        let mut reader = WireReader::new(bytes);
        Abomonated::read_from(&mut reader).and_then(|read| reader.finish().map(|()| read))
    }

    /// The same bytes with the checksum that fits them.
    fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
        let mut frame: Frame = bytemuck::pod_read_unaligned(&bytes[..size_of::<Frame>()]);
        frame.checksum = 0;
        let mut hash = XxHash3_64::new();
        hash.write(bytemuck::bytes_of(&frame));
        let body = &bytes[size_of::<Frame>()..];
        hash.write(&body[..body.len().min(frame.bytes as usize)]);
        bytes[24..32].copy_from_slice(&hash.finish().to_ne_bytes());
        bytes
    }

    #[test]
    fn a_slab_is_the_same_after_abomonation_also_at_an_odd_address_and_without_words() {
        assert_is_sent_and_received(&Abomonated(slab()));
        assert_eq!(sealed(written(&slab())), written(&slab()));
        assert_eq!(exhume(&[]), Some(Vec::new()));
        // The result is an ordinary vector: it grows, shrinks and is dropped.
        let mut words = exhume(&[1; 24]).unwrap();
        words.extend([5; 100]);
        words.truncate(1);
        words.shrink_to_fit();
        assert_eq!(words, [0x0101_0101_0101_0101]);
    }

    #[test]
    fn no_byte_of_a_slab_can_change_unnoticed() {
        let bytes = written(&slab());
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut garbled = bytes.clone();
                garbled[at] ^= 1 << bit;
                let error = read(&garbled).expect_err("garbled");
                assert_eq!(error.kind(), Kind::Peer, "bit {bit} of byte {at}: {error}");
            }
            assert!(read(&bytes[..at]).is_err(), "cut off at {at}");
        }
        assert!(read(&[&bytes[..], &[0]].concat()).is_err(), "another byte at the end");
    }

    #[test]
    fn no_field_of_a_slab_can_lie_even_with_the_right_checksum() {
        let bytes = written(&slab());
        let fields = (size_of::<Frame>() + size_of::<SlabHeader>()) / 8;
        let (checksum, link_and_box) = (3, 4..12);
        for field in (0..fields).filter(|&field| field != checksum) {
            let place = field * 8..field * 8 + 8;
            let now = u64::from_ne_bytes(bytes[place.clone()].try_into().unwrap());
            let others = [0, 1, now ^ 1, now ^ 8, now ^ 64, 1 << 32, 1 << 61, now ^ (1 << 61), u64::MAX];
            for other in others.into_iter().filter(|&other| other != now) {
                let mut forged = bytes.clone();
                forged[place.clone()].copy_from_slice(&other.to_ne_bytes());
                // Every number is a valid chunk. The box may be another one with as many words.
                match read(&sealed(forged.clone())) {
                    Ok(Abomonated(read)) => {
                        assert!(link_and_box.contains(&field), "field {field}: {other}");
                        assert_eq!(written(&read), sealed(forged));
                    }
                    Err(error) => assert_eq!(error.kind(), Kind::Peer, "field {field}: {other}: {error}"),
                }
            }
        }
        for words in [0, 4, 6, 1 << 20] {
            // The length and the number of words fit each other, but neither the box nor the bytes.
            let mut forged = bytes.clone();
            forged[16..24].copy_from_slice(&(size_of::<SlabHeader>() as u64 + 8 * words).to_ne_bytes());
            forged[96..104].copy_from_slice(&words.to_ne_bytes());
            assert!(read(&sealed(forged)).is_err(), "{words} words");
        }
        assert!(read(&sealed(bytes)).is_ok());
    }
}
