//! A place outside of memory for what waits.

use std::fmt::Debug;

/// Keeps bytes for as long as it exists.
pub trait Shelf: Debug + Send + Sync {
    /// Bytes that may wait in memory, before others come here.
    fn near(&self) -> usize;

    /// Puts bytes on the shelf. Returns their place, or `None` if they must stay where they are.
    fn put(&self, bytes: &[u8]) -> Option<u64>;

    /// The bytes of this number at a place. If they cannot be read, any: the shelf has to tell its maker, because what follows
    /// from them is of no use then.
    fn get(&self, place: u64, length: usize) -> Vec<u8>;
}
