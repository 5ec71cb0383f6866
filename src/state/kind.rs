//! Kinds of records: what a state needs to know of one to keep it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::grid::{ChunkId, Grid};

/// What tells the records of a kind from those of others, in their files and in the state's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordKind {
    /// The number that stands in each of its files. No other kind has it, in any release.
    pub number: u32,
    /// The version of its form: one more whenever the form of the records, or what a field means, changes. Records of
    /// other versions are computed again; those of other kinds stay as they are.
    pub version: u32,
    /// Its name in the state's `state.json`, for the hash of the parameters that it depends on.
    pub name: &'static str,
    /// The folder of its files below the state's.
    pub folder: &'static str,
}

/// What is known of a chunk, and kept in a state: of one kind, in postcard's format.
///
/// A kind is made known to a state by the parameters that its records depend on:
/// [`Dependencies::with`](super::Dependencies::with). To the states of a release that does not know the kind, its files
/// mean nothing, and they stay where they are.
pub trait Record: Serialize + DeserializeOwned {
    /// The kind of these records.
    const KIND: RecordKind;

    /// Whether all of the record belongs to a chunk of a grid, so that nothing that uses it can fail on what it says. It
    /// is asked before a record is written, and of all that is read.
    fn fits(&self, grid: &Grid, chunk: ChunkId) -> bool;
}
