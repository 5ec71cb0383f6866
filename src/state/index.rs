//! `index`: from which image and parameters the outputs in place were made, so that a run on what has not changed reads
//! no record.
//!
//! An index says: *this image, analysed as asked for, has these outputs*. That stays true whatever happens to the state
//! later. So an index needs no order in which it and the records are written: whichever of them a killed run leaves, an
//! index that fits the image, what is asked for and the outputs in place is right, and one that does not fit is not used.
//! That it fits the records as well is required so that harm to a record is noticed in the next run rather than in the
//! one that needs the record; the outputs do not depend on it.
//!
//! All numbers are little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | `ANABRIDX` |
//! | 8..16 | version |
//! | 16..64 | the fields of [`Index`], in order |
//! | 64..72 | XXH3 of the file up to here |

use std::path::{Path, PathBuf};

use twox_hash::XxHash3_64;

use super::encoding::{Loaded, Reason};
use super::folder::{DIGEST, INDEX, OUTPUTS, SWEEP};
use super::locks::{LOCK, Locks, MEMBERS, RUN};
use crate::error::Result;
use crate::store::disk;
use crate::store::file::{WRITING, read_failed, replace};
use crate::store::file_states::states_below;

const MAGIC: u64 = u64::from_le_bytes(*b"ANABRIDX");
/// Incremented whenever the form of the file or the meaning of a field changes.
const VERSION: u64 = 1;
/// Number of fields.
const FIELDS: usize = 6;

/// From what the outputs in place were made, as hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index {
    /// Of everything that was asked for, and of what the outputs depend on besides the values of the image.
    pub asked: u64,
    /// Of the marks of all chunks of the image, as they were before the chunks were read.
    pub marks: u64,
    /// Of the outputs.
    pub outputs: u64,
    /// Of the lengths and times of all records: [`Index::records_of`].
    pub records: u64,
    /// The number of the epoch that made the outputs, as their record has it.
    pub epoch: u64,
    /// How many chunks have foreground.
    pub with_foreground: u64,
}

impl Index {
    /// A hash of the lengths and times of the records of a state, of its manifest, and of its list of outputs; `None` if
    /// something in the folder is no file, or has no time. Takes about a microsecond a record.
    ///
    /// # Errors
    /// Of kind `Io` if the folder cannot be listed.
    pub fn records_of(state: &Path) -> Result<Option<u64>> {
        // A killed run may leave what it was writing, which is replaced some time later.
        let unfinished = [RUN, OUTPUTS, INDEX, DIGEST].map(|name| format!("{name}{WRITING}"));
        let but: Vec<&str> = [LOCK, MEMBERS, RUN, INDEX, DIGEST, SWEEP]
            .into_iter()
            .chain(unfinished.iter().map(String::as_str))
            .collect();
        states_below(state, &but).map_err(|error| read_failed(&error).at(state))
    }

    /// Writes the index of a state, which the caller holds.
    ///
    /// # Errors
    /// `Io` or `Output` if it cannot be written; an earlier one stays.
    pub fn write(&self, state: &Path) -> Result<()> {
        replace(&state.join(INDEX), &self.encode())
    }

    fn encode(&self) -> Vec<u8> {
        let Index { asked, marks, outputs, records, epoch, with_foreground } = *self;
        let fields = [asked, marks, outputs, records, epoch, with_foreground];
        let mut bytes: Vec<u8> = [MAGIC, VERSION].iter().chain(&fields).flat_map(|field| field.to_le_bytes()).collect();
        bytes.extend(XxHash3_64::oneshot(&bytes).to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> std::result::Result<Index, Reason> {
        let (words, rest) = bytes.as_chunks();
        let words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        if words.first() != Some(&MAGIC) {
            return Err(if bytes.is_empty() { Reason::Truncated } else { Reason::Damaged });
        }
        // The version decides how long the file is.
        if words.get(1).is_some_and(|&version| version != VERSION) {
            return Err(Reason::OtherVersion);
        }
        match words[..] {
            [_, _, asked, marks, outputs, records, epoch, with_foreground, checksum] if rest.is_empty() => {
                let whole = checksum == XxHash3_64::oneshot(&bytes[..8 * (2 + FIELDS)]);
                let index = Index { asked, marks, outputs, records, epoch, with_foreground };
                if whole { Ok(index) } else { Err(Reason::Damaged) }
            }
            _ if words.len() < 3 + FIELDS => Err(Reason::Truncated),
            _ => Err(Reason::Damaged),
        }
    }
}

/// The index of a state that no other run uses until this is dropped.
#[derive(Debug)]
pub struct HeldIndex {
    state: PathBuf,
    index: Index,
    _locks: Locks,
}

impl HeldIndex {
    /// Loads the index of a state and locks the state, if there is an index that can be used. Without one, nothing is
    /// locked or changed.
    ///
    /// # Errors
    /// Of kind `Output` if another run uses the state; `Io` if the index exists but cannot be read.
    pub fn take(state: &Path) -> Result<Loaded<HeldIndex>> {
        let load = || {
            let path = state.join(INDEX);
            let bytes = disk::read_if_there(&path).map_err(|error| read_failed(&error).at(&path))?;
            Ok(match bytes.map(|bytes| Index::decode(&bytes)) {
                None => Loaded::Absent,
                Some(Ok(index)) => Loaded::Valid(index),
                Some(Err(reason)) => Loaded::Unusable(reason),
            })
        };
        match load()? {
            Loaded::Absent => return Ok(Loaded::Absent),
            Loaded::Unusable(reason) => return Ok(Loaded::Unusable(reason)),
            Loaded::Valid(_) => {}
        }
        let locks = Locks::of_first(state).map_err(|error| if error.is_placed() { error } else { error.at(state) })?;
        // The run that held the state until now may have replaced it.
        Ok(match load()? {
            Loaded::Valid(index) => Loaded::Valid(HeldIndex { state: state.to_owned(), index, _locks: locks }),
            Loaded::Absent => Loaded::Absent,
            Loaded::Unusable(reason) => Loaded::Unusable(reason),
        })
    }

    /// The index.
    pub fn index(&self) -> Index {
        self.index
    }

    /// Whether the records are those that were there when the index was written, by their lengths and times.
    ///
    /// # Errors
    /// As [`Index::records_of`].
    pub fn fits_records(&self) -> Result<bool> {
        Ok(Index::records_of(&self.state)? == Some(self.index.records))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::error::Kind;

    const INDEX_OF_TEST: Index = Index { asked: 1, marks: 2, outputs: 3, records: 4, epoch: 5, with_foreground: 6 };

    #[test]
    fn an_index_is_read_back_and_every_changed_or_missing_byte_is_noticed() {
        let bytes = INDEX_OF_TEST.encode();
        assert_eq!((Index::decode(&bytes), bytes.len()), (Ok(INDEX_OF_TEST), 72));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x20;
            let reason = if (8..16).contains(&at) { Reason::OtherVersion } else { Reason::Damaged };
            assert_eq!(Index::decode(&changed), Err(reason), "byte {at}");
            let reason = if (1..8).contains(&at) { Reason::Damaged } else { Reason::Truncated };
            assert_eq!(Index::decode(&bytes[..at]), Err(reason), "{at} bytes");
        }
        assert_eq!(Index::decode(&[&bytes[..], &[0]].concat()), Err(Reason::Damaged));
        assert_eq!(Index::decode(&[&bytes[..], &[0; 8]].concat()), Err(Reason::Damaged));
    }

    #[test]
    fn an_index_is_held_by_one_run_and_tells_of_other_records() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        assert!(matches!(HeldIndex::take(&state), Ok(Loaded::Absent)) && !state.exists());
        fs::create_dir_all(state.join("masks/0")).unwrap();
        fs::write(state.join("masks/0/0.0"), "a record").unwrap();
        let records = Index::records_of(&state).unwrap().unwrap();
        fs::write(state.join("index.writing"), "of a killed run").unwrap();
        assert_eq!(Index::records_of(&state).unwrap(), Some(records));
        Index { records, ..INDEX_OF_TEST }.write(&state).unwrap();
        let held = HeldIndex::take(&state).unwrap().valid().unwrap();
        assert!(held.index().epoch == 5 && held.fits_records().unwrap());
        assert_eq!(HeldIndex::take(&state).unwrap_err().kind(), Kind::Output);
        fs::write(state.join("masks/0/0.1"), "").unwrap();
        assert!(!held.fits_records().unwrap());
        drop(held);
        assert!(HeldIndex::take(&state).unwrap().valid().is_some());
        fs::write(state.join(INDEX), "ANABRIDX").unwrap();
        assert!(matches!(HeldIndex::take(&state), Ok(Loaded::Unusable(Reason::Truncated))));
    }
}
