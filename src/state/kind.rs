//! Kinds of records: what a state needs to know to store them.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::grid::{ChunkId, Grid};

/// Identifies the records of a kind, in their files and in the folder of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordKind {
    /// The number in each of its files, unique over all kinds and releases.
    pub number: u32,
    /// The version of its form, which is incremented whenever the form of the records or the meaning of a field
    /// changes. Records of other versions are computed again; those of other kinds are not affected.
    pub version: u32,
    /// Its name in `state.json`, next to the hash of its parameters.
    pub name: &'static str,
    /// The folder of its files, below that of the state.
    pub folder: &'static str,
}

/// A record of one kind about a chunk, which a state stores in postcard's format.
///
/// [`Dependencies::with`](super::Dependencies::with) adds a kind to a state, with the parameters that its records
/// depend on. A release that does not know the kind ignores its files, and leaves them in place.
pub trait Record: Serialize + DeserializeOwned {
    /// The kind of these records.
    const KIND: RecordKind;

    /// Whether the whole record is consistent with a chunk of a grid, so that code that uses it cannot fail on its
    /// contents. Checked before a record is written, and for every record that is read.
    fn fits(&self, grid: &Grid, chunk: ChunkId) -> bool;
}
