//! Names of chunk files.

use crate::error::{Error, Result};

/// Converts a chunk's position on the grid to its key: `c/0/1/2`, `0.1.2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkKeys {
    /// Whether keys begin with `c`, as those of Zarr v3 do by default.
    pub(crate) prefixed: bool,
    pub(crate) separator: char,
}

impl ChunkKeys {
    /// Keys with the separator in the metadata, or the default one.
    ///
    /// # Errors
    /// `Data` if it is neither a point nor a slash.
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

    /// The position of the chunk with a key, on a grid with this many axes; `None` for other names.
    pub(crate) fn place(self, key: &str, axes: usize) -> Option<Vec<u64>> {
        let separator = self.separator;
        let places = match self.prefixed {
            true => key.strip_prefix('c')?.strip_prefix(separator)?,
            false => key,
        };
        // A key contains each number in its canonical form.
        let number = |part: &str| part.parse().ok().filter(|n: &u64| n.to_string() == part);
        let place: Vec<u64> = places.split(separator).map(number).collect::<Option<_>>()?;
        (place.len() == axes).then_some(place)
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

    #[test]
    fn places_are_those_of_keys_and_of_nothing_else() {
        for keys in [(true, "/"), (true, "."), (false, "/"), (false, ".")] {
            let keys = ChunkKeys::new(keys.0, keys.1).unwrap();
            assert_eq!(keys.place(&keys.key(&[0, 12, 3]), 3), Some(vec![0, 12, 3]));
            for other in ["0.12", "0/12", "c", "zarr.json", "c/0/01/2", "01.1.1", "c.0.+1.2", "-1/0/0", "0.1.2.tmp"] {
                assert_eq!(keys.place(other, 3), None, "{other}");
            }
        }
    }
}
