//! Errors of stored chunks, shared by all of their readers.

use crate::error::{Error, Result};
use crate::memory;

/// The error of a file that does not match its metadata.
pub(crate) fn damaged() -> Error {
    Error::data("is damaged or cut off; copy it again from where it came")
}

/// The error of a file that is not what its metadata say, from a server that encodes what it sends.
pub(crate) fn sent_encoded(encoding: &str) -> Error {
    Error::data(format!(
        "cannot be understood, since its server sends it compressed (Content-Encoding: {encoding}), which is not read; have \
         it sent as it is stored, or copy the image"
    ))
}

/// The refusal of an array whose codecs are not supported.
pub(crate) fn unsupported(cause: impl std::fmt::Display) -> Error {
    Error::data("is encoded in a way that is not supported; write it with zstd, blosc or gzip").because(cause)
}

/// The refusal of a chunk that needs more memory than available.
pub(crate) fn too_large(bytes: usize) -> Error {
    memory::too_large(bytes as u64, "write the array with smaller chunks")
}

/// An empty buffer with a capacity of `bytes` bytes.
pub(crate) fn room(bytes: usize) -> Result<Vec<u8>> {
    memory::room(bytes).ok_or_else(|| too_large(bytes))
}
