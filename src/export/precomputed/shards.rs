//! Precomputed objects in shards: many in one file, each found by two look-ups.
//!
//! The hash is the identity, so that consecutive ids lie one after the other: those of a minishard, then those of the next
//! one, then those of the next shard. Skeletons in the order of their ids are written as they come.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::segment;
use crate::error::{Error, Result};
use crate::export::files::write_file;
use crate::export::skeletons::{Skeleton, Skeletons};

/// log2 of the number of consecutive ids in a minishard. The index of a minishard, 24 bytes an id, is read whole.
const PRESHIFT_BITS: u32 = 6;
/// log2 of the number of minishards in a shard.
const MINISHARD_BITS: u32 = 6;

/// How ids are spread over shards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sharding {
    shard_bits: u32,
}

impl Sharding {
    /// For ids up to this one.
    pub(super) fn for_ids_to(last: u64) -> Self {
        let bits = u64::BITS - last.leading_zeros();
        // At least one bit: with none, readers do not agree on the name of the only file.
        Sharding { shard_bits: bits.saturating_sub(PRESHIFT_BITS + MINISHARD_BITS).max(1) }
    }

    /// As the metadata has it.
    pub(super) fn description(self) -> Value {
        json!({
            "@type": "neuroglancer_uint64_sharded_v1",
            "preshift_bits": PRESHIFT_BITS,
            "hash": "identity",
            "minishard_bits": MINISHARD_BITS,
            "shard_bits": self.shard_bits,
            "minishard_index_encoding": "raw",
            "data_encoding": "raw",
        })
    }

    /// The name of the file of a shard.
    fn file(self, shard: u64) -> String {
        format!("{shard:0digits$x}.shard", digits = self.shard_bits.div_ceil(4) as usize)
    }
}

/// The number of an id's shard, and that of its minishard in it.
fn shard_of(id: u64) -> (u64, usize) {
    let hash = id >> PRESHIFT_BITS;
    (hash >> MINISHARD_BITS, (hash & ((1 << MINISHARD_BITS) - 1)) as usize)
}

/// Writes skeletons into shards; `encode` replaces bytes by those of a skeleton.
///
/// # Errors
/// Those of `encode`; `Output` or `Io` if a file cannot be written.
pub(super) fn write_shards(
    sharding: Sharding,
    folder: &Path,
    skeletons: &Skeletons<'_>,
    encode: impl Fn(&Skeleton<'_>, &mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    let mut skeletons = skeletons.iter().peekable();
    let mut bytes = Vec::new();
    while let Some(first) = skeletons.peek() {
        let (shard, _) = shard_of(segment(first));
        let mut failed: Option<Error> = None;
        write_file(folder, &sharding.file(shard), |file| {
            let mut writer = Shard::begin(file)?;
            while let Some(skeleton) = skeletons.next_if(|next| shard_of(segment(next)).0 == shard) {
                if let Err(error) = encode(&skeleton, &mut bytes) {
                    failed = Some(error);
                    return Ok(());
                }
                writer.add(segment(&skeleton), &bytes)?;
            }
            writer.end()
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
    }
    Ok(())
}

/// The file of a shard: the places of the minishards' indices, and then for each minishard its objects and its index.
struct Shard<'f> {
    file: &'f mut BufWriter<File>,
    /// Where the indices of minishards begin and end, from the end of this list on.
    indices: [[u64; 2]; 1 << MINISHARD_BITS],
    /// Bytes written after that list.
    written: u64,
    /// The minishard that objects are added to.
    minishard: usize,
    /// The id of each of its objects, where it begins, and its size.
    objects: Vec<[u64; 3]>,
}

impl<'f> Shard<'f> {
    fn begin(file: &'f mut BufWriter<File>) -> io::Result<Self> {
        let indices = [[0; 2]; 1 << MINISHARD_BITS];
        file.write_all(bytemuck::cast_slice(&indices))?;
        Ok(Shard { file, indices, written: 0, minishard: 0, objects: Vec::new() })
    }

    /// Appends an object, whose id comes after those before it.
    fn add(&mut self, id: u64, bytes: &[u8]) -> io::Result<()> {
        let (_, minishard) = shard_of(id);
        if minishard != self.minishard {
            self.close_minishard()?;
            self.minishard = minishard;
        }
        self.objects.push([id, self.written, bytes.len() as u64]);
        self.file.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Appends the index of the minishard: ids and starts as differences from the id, and the end, of the object before.
    fn close_minishard(&mut self) -> io::Result<()> {
        let (mut last, mut end) = (0, 0);
        let mut columns = [Vec::new(), Vec::new(), Vec::new()];
        for [id, start, size] in self.objects.drain(..) {
            let row = [id - last, start - end, size];
            columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
            (last, end) = (id, start + size);
        }
        let start = self.written;
        for value in columns.into_iter().flatten() {
            self.file.write_all(&value.to_le_bytes())?;
            self.written += 8;
        }
        self.indices[self.minishard] = [start, self.written];
        Ok(())
    }

    fn end(mut self) -> io::Result<()> {
        self.close_minishard()?;
        self.file.seek(SeekFrom::Start(0))?;
        self.indices.iter().flatten().try_for_each(|place| self.file.write_all(&place.to_le_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_ids_fill_minishards_and_then_shards() {
        let places: Vec<_> = [1, 63, 64, 4095, 4096].map(shard_of).to_vec();
        assert_eq!(places, [(0, 0), (0, 0), (0, 1), (0, 63), (1, 0)]);
        assert_eq!(Sharding::for_ids_to(4097).file(1), "1.shard");
        assert_eq!(Sharding::for_ids_to(100_000).file(3), "03.shard");
    }
}
