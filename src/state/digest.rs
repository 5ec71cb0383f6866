//! `digest`: one file about all chunks, so that a run reads the records only of those chunks that it touches.
//!
//! A run that ends well writes the digest last, and the next one removes it before it puts any record in place. So a digest
//! describes the records beside it, unless another program has changed them. It holds a hash of their lengths and times,
//! which is compared before the digest is used, and the checksum of each record, which is compared when that record is read.
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
//! | 40..48 | XXH3 of the body |
//! | 48..56 | XXH3 of the header up to here |
//!
//! The body is a list of parts in postcard's format. Each is compressed by itself, so that threads can share the work.

use std::hash::{Hash, Hasher};
use std::io;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use super::changing::Stamps;
use super::encoding::{Loaded, Reason, pack, unpack};
use super::folder::{DIGEST, StateFolder};
use crate::error::{Error, Result};
use crate::store::disk;
use crate::store::file::{read_failed, replace};
use crate::store::file_states::states_below;
use crate::threads::each;

const MAGIC: u64 = u64::from_le_bytes(*b"ANABRDIG");
/// Incremented whenever the form of the file or of its content changes.
const VERSION: u64 = 3;
/// Numbers in the header.
const WORDS: usize = 7;

/// A digest, and the checksums of the records that it describes.
#[derive(Debug, PartialEq)]
pub struct Digest<D> {
    /// The parts that were given to [`PackedDigest::new`].
    pub parts: Vec<D>,
    stamps: Stamps,
}

/// A part of the body, compressed.
#[derive(Debug, Serialize, Deserialize)]
struct Packed {
    /// Bytes before compression.
    length: u64,
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
}

impl Packed {
    fn new(part: &impl Serialize) -> Result<Packed> {
        let failed = || Error::internal("a digest cannot be encoded");
        let plain = postcard::to_stdvec(part).map_err(|error| failed().because(error))?;
        let bytes = pack(&plain).map_err(|error| failed().because(error))?;
        Ok(Packed { length: plain.len() as u64, bytes })
    }

    fn open<D: DeserializeOwned>(&self) -> std::result::Result<D, Reason> {
        let plain = unpack(&self.bytes, self.length).ok_or(Reason::Damaged)?;
        postcard::from_bytes(&plain).map_err(|_| Reason::Unfit)
    }
}

/// The encoded parts of a digest.
#[derive(Debug)]
pub struct PackedDigest(Vec<Packed>);

impl PackedDigest {
    /// Encodes the parts on a number of threads.
    ///
    /// # Errors
    /// `Internal` if a part cannot be encoded.
    pub fn new(parts: &[impl Serialize + Sync], threads: usize) -> Result<PackedDigest> {
        each(parts, threads, |_, part| Packed::new(part)).map(PackedDigest)
    }
}

/// The fields of a header before those about the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    parameters: u64,
    records: u64,
}

impl StateFolder {
    /// The digest, if it was written with the same parameters and describes the records in place. Takes about a microsecond
    /// for each record. Decodes the parts on a number of threads.
    ///
    /// # Errors
    /// Of kind `Io` if the file or the folders of the records cannot be read.
    pub fn load_digest<D: DeserializeOwned + Send>(
        &self,
        parameters: &str,
        threads: usize,
    ) -> Result<Loaded<Digest<D>>> {
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
        let open = || {
            let all: Vec<Packed> = postcard::from_bytes(body).map_err(|_| Reason::Unfit)?;
            let (stamps, parts) = all.split_first().ok_or(Reason::Unfit)?;
            Ok((stamps.open()?, each(parts, threads, |_, part| Ok(part.open()))))
        };
        let (stamps, parts) = match open() {
            Ok((stamps, parts)) => (stamps, parts?),
            Err(reason) => return Ok(Loaded::Unusable(reason)),
        };
        let parts: std::result::Result<Vec<D>, Reason> = parts.into_iter().collect();
        Ok(parts.map_or_else(Loaded::Unusable, |parts| Loaded::Valid(Digest { parts, stamps })))
    }

    /// Returns the parts of a digest. From now on only the records that the digest describes, and those that this run
    /// writes, can be loaded.
    pub fn rely_on<D>(&self, digest: Digest<D>) -> Vec<D> {
        self.set_stamps(Some(digest.stamps));
        digest.parts
    }

    /// From now on all records can be loaded that fit their chunks and the parameters.
    pub fn rely_on_records(&self) {
        self.set_stamps(None);
    }

    /// Writes the digest of the records that this run has loaded, written, or found in an earlier digest. Writes nothing if
    /// the file system keeps no times.
    ///
    /// # Errors
    /// `Internal` if it cannot be encoded; `Io` or `Output` if the file cannot be written.
    pub fn write_digest(&self, parameters: &str, digest: PackedDigest) -> Result<()> {
        let Some(records) = self.hash_of_records()? else { return Ok(()) };
        let header = Header { parameters: self.hash_of_digest(parameters), records };
        let mut all = vec![self.with_stamps(Packed::new)?];
        all.extend(digest.0);
        let failed = |error| Error::internal("a digest cannot be encoded").because(error);
        let body = postcard::to_stdvec(&all).map_err(failed)?;
        self.expect_digest();
        replace(&self.path().join(DIGEST), &seal(&body, header))
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

/// The bytes of a file with this body.
fn seal(body: &[u8], header: Header) -> Vec<u8> {
    let Header { parameters, records } = header;
    let numbers = [MAGIC, VERSION, parameters, records, body.len() as u64, XxHash3_64::oneshot(body)];
    let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    bytes.extend(XxHash3_64::oneshot(&bytes).to_le_bytes());
    bytes.extend(body);
    bytes
}

/// The header and the body, with verified checksums.
fn split(bytes: &[u8]) -> std::result::Result<(Header, &[u8]), Reason> {
    let (words, _) = bytes.as_chunks();
    let words: Vec<u64> = words.iter().take(WORDS).map(|word| u64::from_le_bytes(*word)).collect();
    let [magic, version, parameters, records, size, checksum, of_header] = words[..] else {
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
            Ok((Header { parameters, records }, body))
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
        let bytes = seal(b"all chunks", header);
        assert_eq!(split(&bytes), Ok((header, &b"all chunks"[..])));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x20;
            assert_eq!(split(&changed).err(), Some(Reason::Damaged), "byte {at}");
            assert_eq!(split(&bytes[..at]).err(), Some(Reason::Truncated), "{at} bytes");
        }
        assert_eq!(split(&[&bytes[..], &[0]].concat()).err(), Some(Reason::Damaged));
    }
}
