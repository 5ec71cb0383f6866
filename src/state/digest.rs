//! `digest`: what a run needs to know of all chunks, in one file, so that it reads the records of those chunks only that
//! it touches.
//!
//! A run that ends well writes the digest last, and the next one removes it before it puts any record in place. So a digest
//! tells of the records beside it, unless somebody else has changed them: it has a hash of their lengths and times, which
//! is compared before the digest is used, and the checksum of each record, which is compared when that record is read.
//!
//! All numbers are little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | `ANABRDIG` |
//! | 8..16 | version |
//! | 16..24 | hash of the parameters that records and content depend on |
//! | 24..32 | hash of the lengths and times of the records |
//! | 32..40 | bytes of the body |
//! | 40..48 | bytes of the body before compression |
//! | 48..56 | XXH3 of the body |
//! | 56..64 | XXH3 of the header up to here |

use std::hash::{Hash, Hasher};
use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use twox_hash::XxHash3_64;

use super::changing::Stamps;
use super::encoding::{Loaded, Reason, pack, unpack};
use super::folder::{DIGEST, StateFolder};
use crate::error::{Error, Result};
use crate::store::disk;
use crate::store::file::{read_failed, replace};
use crate::store::file_states::states_below;

const MAGIC: u64 = u64::from_le_bytes(*b"ANABRDIG");
/// Incremented whenever the form of the file or of its content changes.
const VERSION: u64 = 1;
/// Numbers in the header.
const WORDS: usize = 8;

/// A digest, and the checksums of the records that it tells of.
#[derive(Debug, PartialEq)]
pub struct Digest<D> {
    /// What it tells.
    pub content: D,
    pub(super) stamps: Stamps,
}

/// The fields of a header before those about the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    parameters: u64,
    records: u64,
}

impl StateFolder {
    /// The digest, if it was written with the same parameters and is of the records that are there. Takes about a
    /// microsecond a record.
    ///
    /// # Errors
    /// Of kind `Io` if the file or the folders of the records cannot be read.
    pub fn load_digest<D: DeserializeOwned>(&self, parameters: &str) -> Result<Loaded<Digest<D>>> {
        let path = self.path().join(DIGEST);
        let bytes = disk::read_if_there(&path).map_err(|error| read_failed(&error).at(&path))?;
        let Some(bytes) = bytes else { return Ok(Loaded::Absent) };
        let (found, body) = match split(&bytes) {
            Ok(parts) => parts,
            Err(reason) => return Ok(Loaded::Unusable(reason)),
        };
        if found.parameters != self.hash_of_digest(parameters) {
            return Ok(Loaded::Unusable(Reason::OtherParameters));
        }
        if self.hash_of_records()? != Some(found.records) {
            return Ok(Loaded::Unusable(Reason::OtherRecords));
        }
        let content = unpack(body.bytes, body.length).ok_or(Reason::Damaged);
        let content = content.and_then(|plain| postcard::from_bytes(&plain).map_err(|_| Reason::Unfit));
        Ok(match content {
            Ok((stamps, content)) => Loaded::Valid(Digest { content, stamps }),
            Err(reason) => Loaded::Unusable(reason),
        })
    }

    /// Uses the records from now on that a digest tells of: others cannot be loaded.
    pub fn rely_on<D>(&self, digest: Digest<D>) -> D {
        self.set_stamps(Some(digest.stamps));
        digest.content
    }

    /// Uses whatever records are there from now on.
    pub fn rely_on_records(&self) {
        self.set_stamps(None);
    }

    /// Writes the digest of the records that this run has read, written, or found in another digest. Nothing is written if
    /// the records have no times.
    ///
    /// # Errors
    /// `Internal` if the content cannot be encoded; `Io` or `Output` if it cannot be written.
    pub fn write_digest(&self, parameters: &str, content: &impl Serialize) -> Result<()> {
        let Some(records) = self.hash_of_records()? else { return Ok(()) };
        let header = Header { parameters: self.hash_of_digest(parameters), records };
        let unwritten = || Error::internal("a digest cannot be encoded").at(self.path());
        let plain = self.with_stamps(|stamps| postcard::to_stdvec(&(stamps, content)));
        let bytes = seal(&plain.map_err(|error| unwritten().because(error))?, header);
        let bytes = bytes.map_err(|error| unwritten().because(error))?;
        self.expect_digest();
        replace(&self.path().join(DIGEST), &bytes)
    }

    /// A hash of the lengths and times of all records; `None` if something in their folders is no file, or has no time.
    /// Takes about a microsecond a record.
    fn hash_of_records(&self) -> Result<Option<u64>> {
        let mut hash = XxHash3_64::new();
        for folder in self.parameters().folders() {
            let path = self.path().join(folder);
            match states_below(&path, &[]) {
                Ok(Some(state)) => (folder, state).hash(&mut hash),
                Ok(None) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::NotFound => folder.hash(&mut hash),
                Err(error) => return Err(read_failed(&error).at(&path)),
            }
        }
        Ok(Some(hash.finish()))
    }

    /// A hash of what a digest depends on: the parameters of the records, and of its content.
    fn hash_of_digest(&self, parameters: &str) -> u64 {
        let kinds = self.parameters().kinds.iter().map(|(kind, hash)| (kind.number, kind.version, *hash));
        XxHash3_64::oneshot(format!("{:?} {parameters}", kinds.collect::<Vec<_>>()).as_bytes())
    }
}

struct Body<'a> {
    bytes: &'a [u8],
    /// Before compression.
    length: u64,
}

fn seal(plain: &[u8], header: Header) -> io::Result<Vec<u8>> {
    let body = pack(plain)?;
    let Header { parameters, records } = header;
    let numbers =
        [MAGIC, VERSION, parameters, records, body.len() as u64, plain.len() as u64, XxHash3_64::oneshot(&body)];
    let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    bytes.extend(XxHash3_64::oneshot(&bytes).to_le_bytes());
    bytes.extend(body);
    Ok(bytes)
}

/// The header and the body, with verified checksums.
fn split(bytes: &[u8]) -> std::result::Result<(Header, Body<'_>), Reason> {
    let (words, _) = bytes.as_chunks();
    let words: Vec<u64> = words.iter().take(WORDS).map(|word| u64::from_le_bytes(*word)).collect();
    let [magic, version, parameters, records, size, length, checksum, of_header] = words[..] else {
        return Err(Reason::Truncated);
    };
    let body = &bytes[8 * WORDS..];
    if magic != MAGIC || of_header != XxHash3_64::oneshot(&bytes[..8 * (WORDS - 1)]) {
        return Err(Reason::Damaged);
    }
    if version != VERSION {
        return Err(Reason::OtherVersion);
    }
    match (body.len() as u64).cmp(&size) {
        std::cmp::Ordering::Less => Err(Reason::Truncated),
        std::cmp::Ordering::Equal if checksum == XxHash3_64::oneshot(body) => {
            Ok((Header { parameters, records }, Body { bytes: body, length }))
        }
        _ => Err(Reason::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_or_missing_byte_of_a_digest_is_noticed() {
        let header = Header { parameters: 3, records: 4 };
        let bytes = seal(b"what is known of all chunks", header).unwrap();
        let (found, body) = split(&bytes).unwrap();
        assert_eq!(found, header);
        assert_eq!(unpack(body.bytes, body.length).as_deref(), Some(&b"what is known of all chunks"[..]));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x20;
            assert_eq!(split(&changed).err(), Some(Reason::Damaged), "byte {at}");
            assert_eq!(split(&bytes[..at]).err(), Some(Reason::Truncated), "{at} bytes");
        }
        assert_eq!(split(&[&bytes[..], &[0]].concat()).err(), Some(Reason::Damaged));
    }
}
