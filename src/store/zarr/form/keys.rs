//! How the files of chunks are named.

use crate::error::{Error, Result};

/// From a chunk's place on the grid to its key: `c/0/1/2`, `0.1.2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkKeys {
    /// Whether keys begin with `c`, as those of Zarr v3 do by default.
    pub(crate) prefixed: bool,
    pub(crate) separator: char,
}

impl ChunkKeys {
    /// Keys with a separator that metadata name, or that is theirs by default.
    ///
    /// # Errors
    /// `Data` where it is neither a point nor a slash.
    pub(crate) fn new(prefixed: bool, separator: &str) -> Result<ChunkKeys> {
        let separator = match separator {
            "." => '.',
            "/" => '/',
            other => {
                let message = format!("separates the parts of chunk keys by {other:?}; only \".\" and \"/\" are read");
                return Err(Error::data(message));
            }
        };
        Ok(ChunkKeys { prefixed, separator })
    }

    pub(crate) fn key(self, index: &[u64]) -> String {
        let mut key = String::with_capacity(4 * index.len() + 1);
        if self.prefixed {
            key.push('c');
        }
        for n in index {
            if !key.is_empty() {
                key.push(self.separator);
            }
            key.push_str(&n.to_string());
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_both_versions() {
        let key = |prefixed, separator| ChunkKeys::new(prefixed, separator).unwrap().key(&[0, 12, 3]);
        assert_eq!(key(true, "/"), "c/0/12/3");
        assert_eq!(key(true, "."), "c.0.12.3");
        assert_eq!(key(false, "."), "0.12.3");
        assert_eq!(key(false, "/"), "0/12/3");
        assert!(ChunkKeys::new(false, "").is_err());
    }
}
