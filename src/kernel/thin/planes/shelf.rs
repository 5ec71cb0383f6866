//! A place outside of memory for planes that sleep.

use std::fmt::Debug;

/// Keeps bytes until the end of a sweep.
pub trait Shelf: Debug + Send + Sync {
    /// Bytes of planes that sleep at a gate in memory, before others come here.
    fn near(&self) -> usize;

    /// Puts bytes on the shelf. Returns their place, or `None` if they must stay where they are.
    fn put(&self, bytes: &[u8]) -> Option<u64>;

    /// The bytes of this number at a place. If they cannot be read, any: the shelf has to tell its maker, because what comes
    /// out of the sweep is of no use then.
    fn get(&self, place: u64, length: usize) -> Vec<u8>;
}
