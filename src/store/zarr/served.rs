//! A folder on a server as a store of zarrs.

use std::sync::Arc;

use zarrs::storage::byte_range::{ByteRangeIterator, extract_byte_ranges};
use zarrs::storage::{MaybeBytes, MaybeBytesIterator, ReadableStorageTraits, StorageError, StoreKey};

use super::folder::{Folder, METADATA};
use crate::error::Error;

/// A folder that is read file by file, for its metadata only: parts of files are cut from whole ones.
pub(super) struct Served(pub(super) Folder);

impl ReadableStorageTraits for Served {
    fn get(&self, key: &StoreKey) -> Result<MaybeBytes, StorageError> {
        Ok(self.0.read(key.as_str(), METADATA).map_err(carried)?.map(Into::into))
    }

    fn get_partial_many<'a>(
        &'a self,
        key: &StoreKey,
        byte_ranges: ByteRangeIterator<'a>,
    ) -> Result<MaybeBytesIterator<'a>, StorageError> {
        let Some(bytes) = self.0.read(key.as_str(), METADATA).map_err(carried)? else { return Ok(None) };
        let parts = extract_byte_ranges(&bytes, byte_ranges)?;
        Ok(Some(Box::new(parts.into_iter().map(|part| Ok(part.into())))))
    }

    fn size_key(&self, key: &StoreKey) -> Result<Option<u64>, StorageError> {
        Ok(self.0.read(key.as_str(), METADATA).map_err(carried)?.map(|bytes| bytes.len() as u64))
    }

    fn supports_get_partial(&self) -> bool {
        false
    }
}

/// An error of this crate as one of zarrs, from which [`own_error`] gets it back.
fn carried(error: Error) -> StorageError {
    StorageError::IOError(Arc::new(std::io::Error::other(error)))
}

/// The error of this crate that an error of zarrs carries.
pub(super) fn own_error(error: &std::io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}
